// Class probabilities and survival of one patient at a landmark: bayesctc.predict_survival, draw by draw.

const TO_NATURAL = { log: Math.exp, identity: Number, logit: (x) => 1 / (1 + Math.exp(-x)) };
const LARGEST_RISK = 1e8;
const LARGEST_HAZARD = 1e290;
const CURVE_STEP = 1e-3; // of the growth curve, in differences that place the nodes
const NEWTON_STEPS = 60;

// Parameters of draw d: one array for each class.
function drawOf(model, doubles, d) {
  const { classes, parameters } = model;
  return Array.from({ length: classes }, (_, g) => {
    const at = (d * classes + g) * parameters;
    return doubles.subarray(at, at + parameters);
  });
}

function allDraws(model, text, n) {
  const doubles = decodeDoubles(text);
  return Array.from({ length: n }, (_, d) => drawOf(model, doubles, d));
}

function dot(x, theta, from) {
  let sum = 0;
  for (let k = 0; k < x.length; k += 1) sum += x[k] * theta[from + k];
  return sum;
}

// Natural parameters of a family or hazard, in order; one by interval is an array.
function naturals(parameters, theta, from) {
  let at = from;
  return parameters.map(({ scale, intervals }) => {
    const n = intervals || 1;
    const values = Array.from(theta.subarray(at, at + n), TO_NATURAL[scale]);
    at += n;
    return intervals ? values : values[0];
  });
}

// omega L of a class, row by row.
function effectsFactor(model, theta) {
  const { blocks, randomEffects: q } = model;
  const omega = q ? Math.exp(theta[blocks.log_omega]) : 1;
  let at = blocks.cholesky;
  return Array.from({ length: q }, (_, i) =>
    Array.from({ length: q }, (__, j) => {
      if (j > i) return 0;
      at += 1;
      return omega * theta[at - 1];
    })
  );
}

// The growth curve without random effects, and Z L, of each sample.
function curveOf(model, theta, terms) {
  const L = effectsFactor(model, theta);
  const eta = terms.growth.map((x) => dot(x, theta, model.blocks.growth));
  const loadings = terms.growth.map((x) => L.map((_, k) => L.reduce((sum, row, i) => sum + x[i] * row[k], 0)));
  return { eta, loadings, own: naturals(model.family.parameters, theta, model.blocks.family) };
}

function logDensityAt(terms, { eta, loadings, own }, u) {
  let sum = 0;
  terms.samples.forEach((sample, i) => {
    sum += FAMILY.logProbability(sample, eta[i] + loadings[i].reduce((s, value, k) => s + value * u[k], 0), own);
  });
  return sum;
}

// log f_g(samples), summed over the nodes where random effects have no closed form.
function logDensity(model, theta, terms, nodes) {
  const curve = curveOf(model, theta, terms);
  if (!model.randomEffects) return logDensityAt(terms, curve, []);
  if (FAMILY.logDensity) return FAMILY.logDensity(terms.samples, curve.eta, curve.loadings, curve.own);
  return logSumExp(nodes.map(({ u, logWeight }) => logDensityAt(terms, curve, u) + logWeight));
}

// Mode of the random effects of a class as standard normal variables, by Newton's steps, and the precision there.
function modeOfEffects(model, theta, terms) {
  const q = model.randomEffects;
  const { eta, loadings, own } = curveOf(model, theta, terms);
  let u = new Float64Array(q);
  let precision = null;
  for (let step = 0; step < NEWTON_STEPS; step += 1) {
    const score = Array.from(u, (value) => -value);
    precision = score.map((_, i) => score.map((__, j) => (i === j ? 1 : 0)));
    terms.samples.forEach((sample, i) => {
      const z = loadings[i];
      const at = eta[i] + z.reduce((sum, value, k) => sum + value * u[k], 0);
      const [low, here, high] = [-1, 0, 1].map((k) => FAMILY.logProbability(sample, at + k * CURVE_STEP, own));
      const slope = (high - low) / (2 * CURVE_STEP);
      const curvature = Math.max((2 * here - high - low) / (CURVE_STEP * CURVE_STEP), 0);
      for (let a = 0; a < q; a += 1) {
        score[a] += z[a] * slope;
        for (let b = 0; b < q; b += 1) precision[a][b] += z[a] * z[b] * curvature;
      }
    });
    const L = cholesky(precision);
    const move = solveUpper(L, solveLower(L, score));
    const length = Math.sqrt(move.reduce((sum, value) => sum + value * value, 0));
    const share = Math.min(1, 2 / Math.max(length, 1e-300));
    u = u.map((value, k) => value + share * move[k]);
    if (length < 1e-7) break;
  }
  return { u, L: cholesky(precision) };
}

// Nodes of the quadrature of a class, where the integrand is at `theta`; null where there are none.
function nodesOf(model, theta, terms) {
  if (!model.randomEffects || FAMILY.logDensity) return null;
  const { u, L } = modeOfEffects(model, theta, terms);
  const logScale = -L.reduce((sum, row, k) => sum + Math.log(row[k]), 0);
  return gridOf(model.rule, model.randomEffects).map(({ z, logWeight }) => {
    const at = solveUpper(L, z).map((value, k) => value + u[k]);
    const norm = at.reduce((sum, value) => sum + value * value, 0);
    return { u: at, logWeight: logWeight + logScale - 0.5 * norm };
  });
}

// The product rule of q variables, of the rule (nodes, log weights + z^2 / 2) of one.
function gridOf(rule, q) {
  let grid = [{ z: [], logWeight: 0 }];
  for (let k = 0; k < q; k += 1) {
    grid = [].concat(
      ...grid.map((at) => rule.map(([z, w]) => ({ z: [...at.z, z], logWeight: at.logWeight + w })))
    );
  }
  return grid;
}

// Cumulative hazard of all causes at times[0], and that of each from there to the other times; in the fit's unit.
function hazardsAlong(model, theta, terms, times) {
  let before = 0;
  const since = model.causes.map((cause) => {
    const own = naturals(model.hazard.parameters, theta, cause.baseline);
    const risk = Math.min(Math.exp(dot(terms.survival, theta, cause.coefficients)), LARGEST_RISK);
    const cumulative = HAZARD.cumulative(model.knots, own);
    const at = times.map((time) => (time > 0 ? Math.min(cumulative(time), LARGEST_HAZARD) : 0));
    before += at[0] * risk;
    return at.slice(1).map((value) => Math.max(value - at[0], 0) * risk);
  });
  return { before, since };
}

// Probability of an event of each cause by the end of each step, the causes sharing those who leave in a step as their
// cumulative hazards do; see incidence_of_steps in bayesctc/model/class_hazards.py.
function incidenceOfSteps(since) {
  const found = since.map((each) => new Float64Array(each.length));
  let gone = 0;
  since[0].forEach((_, k) => {
    const steps = since.map((each) => Math.max(each[k] - (k ? each[k - 1] : 0), 0));
    const every = steps.reduce((sum, step) => sum + step, 0);
    const leaving = Math.exp(-gone) * -Math.expm1(-every);
    gone += every;
    steps.forEach((step, c) => {
      found[c][k] = (k ? found[c][k - 1] : 0) + (every > 0 ? (step / every) * leaving : 0);
    });
  });
  return found;
}

// P(g | samples up to the landmark, alive at it); and, given the same, of being free of every event at each of the times
// `at`, then of an event of each competing cause by then. times[0] is the landmark.
function atDraw(model, theta, terms, nodes, times, at) {
  const hazards = theta.map((own) => hazardsAlong(model, own, terms, times));
  const logs = theta.map(
    (own, g) =>
      dot(terms.membership, own, model.blocks.membership) + logDensity(model, own, terms, nodes[g]) - hazards[g].before
  );
  const total = logSumExp(logs);
  const classes = logs.map((value) => Math.exp(value - total));
  const mixed = (byClass) => at.map((k) => classes.reduce((sum, p, g) => sum + p * byClass[g][k], 0));
  const survival = hazards.map(({ since }) =>
    since[0].map((_, k) => Math.exp(-since.reduce((sum, each) => sum + each[k], 0)))
  );
  const curves = mixed(survival);
  if (model.causes.length > 1) {
    const incidence = hazards.map(({ since }) => incidenceOfSteps(since));
    model.causes.forEach((_, c) => curves.push(...mixed(incidence.map((each) => each[c]))));
  }
  return { classes, curves };
}

// Months after the landmark at which hazards are added up: those asked for, and of competing causes 64 steps, shorter
// towards the landmark, and the knots.
function stepsTo(model, landmark, horizons) {
  const last = Math.max(...horizons);
  const steps = model.causes.length > 1 ? Array.from({ length: 65 }, (_, k) => last * Math.pow(k / 64, 2)) : [];
  const knots = steps.length ? model.knots.map((knot) => knot * model.months - landmark) : [];
  const inside = [...horizons, ...steps, ...knots].filter((h) => h > 0 && h <= last);
  return Array.from(new Set([...inside, ...horizons])).sort((a, b) => a - b);
}

function meanTheta(draws) {
  return draws[0].map((first, g) =>
    first.map((_, k) => draws.reduce((sum, draw) => sum + draw[g][k], 0) / draws.length)
  );
}

function meanOver(results, name) {
  return results[0][name].map((_, k) => results.reduce((sum, each) => sum + each[name][k], 0) / results.length);
}

// The draws of a model, decoded once: values are means over `values`, intervals are of `spread` (null: none).
function withDraws(model) {
  const draws = model.draws === null ? null : allDraws(model, model.draws, model.nDraws);
  const values = model.estimate === null ? draws : allDraws(model, model.estimate, 1);
  return { model, values, spread: draws, centre: meanTheta(values) };
}

// A patient is {landmark, samples: [{time, value, volume}], covariates: {column: level or number}}; months.
function predict({ model, values, spread, centre }, patient, horizons) {
  const terms = patientTerms(model, patient);
  const steps = stepsTo(model, patient.landmark, horizons);
  const times = [0, ...steps].map((h) => (patient.landmark + h) / model.months);
  const at = horizons.map((h) => steps.indexOf(h));
  const nodes = centre.map((theta) => nodesOf(model, theta, terms));
  const of = (draws) => draws.map((theta) => atDraw(model, theta, terms, nodes, times, at));
  const estimates = of(values);
  const curves = { value: meanOver(estimates, "curves"), lower: null, upper: null };
  if (spread !== null) Object.assign(curves, limitsOver(model, spread === values ? estimates : of(spread)));
  const part = (k) => ({
    value: curves.value.slice(k * horizons.length, (k + 1) * horizons.length),
    lower: curves.lower && curves.lower.slice(k * horizons.length, (k + 1) * horizons.length),
    upper: curves.upper && curves.upper.slice(k * horizons.length, (k + 1) * horizons.length),
  });
  const several = model.causes.length > 1;
  return {
    classes: meanOver(estimates, "classes"),
    survival: part(0),
    incidence: several ? model.causes.map((_, c) => part(c + 1)) : [],
  };
}

function limitsOver(model, results) {
  const sorted = results[0].curves.map((_, k) => results.map(({ curves }) => curves[k]).sort((a, b) => a - b));
  const tail = (1 - model.intervalProbability) / 2;
  return { lower: sorted.map((each) => quantile(each, tail)), upper: sorted.map((each) => quantile(each, 1 - tail)) };
}
