// H(t) = (t / scale)^shape.

const HAZARD = {
  cumulative(time, knots, [scale, shape]) {
    return Math.pow(time / scale, shape);
  },
};
