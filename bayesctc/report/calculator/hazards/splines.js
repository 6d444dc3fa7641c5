// Cubic M-splines with positive coefficients; see bayesctc/model/hazards/splines.py, of which this is the same.

const DEGREE = 3;

const MOST_KEPT = 1000;

const HAZARD = {
  cumulative(knots, [scale, relative]) {
    const t = splineSequence(knots);
    const a = splineCoefficients(t, knots.length, relative);
    const [first, last] = [knots[0], knots[knots.length - 1]];
    return (time) => {
      const integrals = keptIntegrals(Math.min(Math.max(time, first), last), t, knots);
      const outside = a[0] * Math.min(time, first) + a[a.length - 1] * Math.max(time - last, 0);
      return a.reduce((sum, value, k) => sum + value * integrals[k], outside) / scale;
    };
  },
};

// The same times are asked of every draw and class.
const KEPT = new Map();

function keptIntegrals(x, t, knots) {
  if (!KEPT.has(x)) {
    if (KEPT.size >= MOST_KEPT) KEPT.clear();
    KEPT.set(x, splineIntegrals(x, t, knots));
  }
  return KEPT.get(x);
}

// The knots with their boundaries as often as cubic splines take them.
function splineSequence(knots) {
  return [...Array(DEGREE).fill(knots[0]), ...knots, ...Array(DEGREE).fill(knots[knots.length - 1])];
}

// The last two functions have one coefficient: the hazard ends level.
function lastTwoAsOne(values) {
  const n = values.length;
  return [...values.slice(0, n - 2), values[n - 2] + values[n - 1]];
}

// Coefficients times the reciprocal of their mean; the middle one is 1 before that.
function splineCoefficients(t, n, relative) {
  const middle = Math.floor((n + 1) / 2);
  const a = [...relative.slice(0, middle), 1, ...relative.slice(middle)].map((value) => Math.min(value, 1e300));
  const whole = (DEGREE + 1) * (t[t.length - 1] - t[0]);
  const weights = lastTwoAsOne(Array.from({ length: n + 2 }, (_, k) => (t[k + DEGREE + 1] - t[k]) / whole));
  const mean = a.reduce((sum, value, k) => sum + value * weights[k], 0);
  return a.map((value) => value / mean);
}

// Integrals of the functions from the first knot up to x, between the boundary knots.
function splineIntegrals(x, t, knots) {
  let interval = DEGREE;
  while (interval < DEGREE + knots.length - 2 && x >= t[interval + 1]) interval += 1;
  let values = Array.from({ length: t.length - 1 }, (_, k) => (k === interval ? 1 : 0));
  for (let degree = 1; degree <= DEGREE; degree += 1) {
    const share = values.map((value, k) => (t[k + degree] > t[k] ? value / (t[k + degree] - t[k]) : 0));
    values = Array.from(
      { length: values.length - 1 },
      (_, k) => (x - t[k]) * share[k] + (t[k + degree + 1] - x) * share[k + 1]
    );
  }
  let later = 0;
  const integrals = values.slice();
  for (let k = values.length - 1; k >= 0; k -= 1) {
    const width = t[k + DEGREE + 1] - t[k];
    integrals[k] = ((x - t[k]) * values[k] + width * later) / (DEGREE + 1);
    later += values[k];
  }
  return lastTwoAsOne(integrals);
}
