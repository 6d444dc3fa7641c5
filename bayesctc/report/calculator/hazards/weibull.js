// H(t) = (t / scale)^shape.

const HAZARD = {
  cumulative(knots, [scale, shape]) {
    return (time) => Math.pow(time / scale, shape);
  },
};
