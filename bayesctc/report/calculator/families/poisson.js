// Poisson counts; see bayesctc/model/families/poisson.py.

const FAMILY = {
  logProbability(sample, eta) {
    return logPoisson(sample, eta + sample.logVolume);
  },
};
