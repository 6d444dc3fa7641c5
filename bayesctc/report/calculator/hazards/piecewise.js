// Time spent in each interval, times the hazard in it: 1 / scale before the first knot, relative / scale after one.

const HAZARD = {
  cumulative(knots, [scale, relative]) {
    return (time) => {
      let total = Math.min(time, knots[0]);
      knots.forEach((knot, k) => {
        const end = k + 1 < knots.length ? knots[k + 1] : Infinity;
        const spent = Math.min(time, end) - knot;
        if (spent > 0) total += spent * relative[k];
      });
      return total / scale;
    };
  },
};
