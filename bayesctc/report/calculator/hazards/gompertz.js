// H(t) = (exp(slope t) - 1) / (slope scale).

const HAZARD = {
  cumulative(time, knots, [scale, slope]) {
    const x = slope * time;
    return (time / scale) * (x === 0 ? 1 : Math.expm1(x) / x);
  },
};
