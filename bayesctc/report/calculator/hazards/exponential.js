// H(t) = t / scale.

const HAZARD = {
  cumulative(time, knots, [scale]) {
    return time / scale;
  },
};
