// Poisson counts of a log-normal concentration; see bayesctc/model/families/poisson_log_normal.py.
//
// The integral over z is a sum at even steps to both sides of the integrand's mode, until terms are e^-40 of the largest.

const STEP = 0.3; // standard deviations of the integrand, or of log concentration, whichever is less
const NEGLIGIBLE = 40;

const FAMILY = {
  logProbability(sample, eta, [sigma]) {
    const logMean = eta + sample.logVolume;
    const mode = modeOfConcentration(sample.value, logMean, sigma);
    const curvature = 1 + sigma * sigma * Math.exp(logMean + sigma * mode);
    const step = STEP * Math.min(1 / Math.sqrt(curvature), 1 / sigma);
    const term = (z) => sample.value * (logMean + sigma * z) - Math.exp(logMean + sigma * z) - 0.5 * z * z;
    const highest = term(mode);
    let total = 1;
    for (const side of [-step, step]) {
      for (let k = 1; ; k += 1) {
        const below = term(mode + k * side) - highest;
        if (!(below > -NEGLIGIBLE)) break;
        total += Math.exp(below);
      }
    }
    return highest + Math.log(total * step) - 0.5 * LOG_2PI - sample.logFactorial;
  },
};

// Newton's steps from the right of the mode: the slope is concave there, so that none goes past it.
function modeOfConcentration(count, logMean, sigma) {
  let z = count > 0 ? Math.max(0, Math.min(sigma * count, (Math.log(count) - logMean) / sigma)) : 0;
  for (let k = 0; k < 200; k += 1) {
    const mean = Math.exp(logMean + sigma * z);
    const move = (sigma * (count - mean) - z) / (1 + sigma * sigma * mean);
    z += move;
    if (Math.abs(move) < 1e-9 * (1 + Math.abs(z))) break;
  }
  return z;
}
