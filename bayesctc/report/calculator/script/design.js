// From a patient's covariates and times to what the likelihood multiplies parameters with, on the scale of the fit.

// Functions of the growth curve at a time in months; see bayesctc/design/basis.py.
function growthFunctions(basis, months) {
  const [low, high] = basis.span;
  const w = ((months - low) / (high - low)) * 2 - 1;
  const raw = rawGrowth(basis, w);
  return raw.map((_, j) => raw.reduce((sum, value, i) => sum + value * basis.matrix[i][j], 0));
}

function rawGrowth(basis, w) {
  if (basis.kind === "treatment") return [1, Math.exp(-Math.max(w - basis.start, 0) / 2 / basis.tau), w];
  if (basis.kind === "spline") return [1, w, ...bends(w, basis.knots)];
  return basis.matrix.map((_, k) => Math.pow(w, k));
}

// A natural cubic spline, linear beyond the outer knots (Harrell, 2001, eq. 2.24).
function bends(w, knots) {
  const n = knots.length;
  const [before, last] = [knots[n - 2], knots[n - 1]];
  const cube = (knot) => Math.pow(Math.max(w - knot, 0), 3);
  return knots.slice(0, n - 2).map((knot) => {
    const bend =
      cube(knot) -
      (cube(before) * (last - knot)) / (last - before) +
      (cube(last) * (before - knot)) / (last - before);
    return bend / Math.pow(last - knots[0], 2);
  });
}

// Directions of a formula's terms, each of which is a table over the columns that it reads.
function directions(part, values) {
  const away = part.terms.map((term, k) => tabulated(term, values) - part.start[k] - part.centre[k]);
  return away.map((_, j) => away.reduce((sum, value, i) => sum + value * part.turn[i][j], 0));
}

function tabulated(term, values) {
  let nodes = [[0, 1]]; // places in the table, and their weights
  for (const axis of term.axes) {
    const own = axisWeights(axis, values[axis.column]);
    nodes = [].concat(...nodes.map(([at, weight]) => own.map(([k, share]) => [at * axis.n + k, weight * share])));
  }
  return nodes.reduce((sum, [at, weight]) => sum + weight * term.values[at], 0);
}

// A level; a straight line between two numbers and beyond them; or a cubic through the four nodes around a number.
function axisWeights(axis, value) {
  if (axis.kind === "levels") return [[axis.levels.indexOf(value), 1]];
  const place = ((value - axis.from) / (axis.to - axis.from)) * (axis.n - 1);
  if (axis.n === 2) return [[0, 1 - place], [1, place]];
  const first = Math.min(Math.max(Math.floor(place) - 1, 0), axis.n - 4);
  return [0, 1, 2, 3].map((k) => {
    let weight = 1;
    for (let j = 0; j < 4; j += 1) if (j !== k) weight *= (place - first - j) / (k - j);
    return [first + k, weight];
  });
}

// What the likelihood reads of a patient.
function patientTerms(model, patient) {
  const { parts } = model;
  const samples = patient.samples.map((sample) => likelihoodSample(model.outcome, sample));
  const byClass = directions(parts.longitudinal_by_class, patient.covariates);
  const growth = patient.samples.map((sample) => {
    const basis = growthFunctions(model.basis, sample.time);
    const alike = directions(parts.longitudinal, Object.assign({}, patient.covariates, { time: sample.time }));
    return [...basis, ...alike, ...[].concat(...byClass.map((x) => basis.map((value) => x * value)))];
  });
  return {
    membership: [1, ...directions(parts.membership, patient.covariates)],
    survival: [...directions(parts.survival, patient.covariates), ...directions(parts.survival_by_class, patient.covariates)],
    samples,
    growth,
  };
}

function likelihoodSample(outcome, { value, volume }) {
  if (outcome.reference !== null) {
    const logVolume = Math.log(volume / outcome.reference);
    return { value, logVolume, logFactorial: logGamma(value + 1), y: Math.log1p(value / Math.exp(logVolume)) };
  }
  const y = { log: Math.log, log1p: Math.log1p, identity: Number }[outcome.transform](value);
  return { value, y: (y - outcome.location) / outcome.spread };
}
