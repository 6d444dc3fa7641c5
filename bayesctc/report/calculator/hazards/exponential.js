// H(t) = t / scale.

const HAZARD = {
  cumulative(knots, [scale]) {
    return (time) => time / scale;
  },
};
