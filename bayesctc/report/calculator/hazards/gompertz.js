// H(t) = (exp(slope t) - 1) / (slope scale).

const HAZARD = {
  cumulative(knots, [scale, slope]) {
    return (time) => {
      const x = slope * time;
      return (time / scale) * (x === 0 ? 1 : Math.expm1(x) / x);
    };
  },
};
