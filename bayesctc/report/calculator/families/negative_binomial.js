// Negative-binomial counts; see bayesctc/model/families/negative_binomial.py.

const FAMILY = {
  logProbability(sample, eta, [dispersion]) {
    return logNegativeBinomial(sample, eta + sample.logVolume, dispersion);
  },
};
