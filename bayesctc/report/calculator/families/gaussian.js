// Normal values on the scale of the growth curve, random effects integrated in closed form; see
// bayesctc/model/families/gaussian.py. With random effects the samples are jointly normal, of covariance
// Z L L' Z' + sigma^2.

const FAMILY = {
  logProbability(sample, eta, [sigma]) {
    const z = (sample.y - eta) / sigma;
    return -0.5 * (z * z + LOG_2PI) - Math.log(sigma);
  },

  // `loadings`: Z L of each sample; `eta`: the curve without random effects
  logDensity(samples, eta, loadings, [sigma]) {
    const covariance = loadings.map((a, i) =>
      loadings.map((b, j) => a.reduce((sum, value, k) => sum + value * b[k], i === j ? sigma * sigma : 0))
    );
    const L = cholesky(covariance);
    const away = solveLower(L, samples.map((sample, i) => sample.y - eta[i]));
    return away.reduce((sum, value, i) => sum - 0.5 * (value * value + LOG_2PI) - Math.log(L[i][i]), 0);
  },
};
