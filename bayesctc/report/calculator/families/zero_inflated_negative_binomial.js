// Negative-binomial counts with extra zeros; see bayesctc/model/families/zero_inflated_negative_binomial.py.

const FAMILY = {
  logProbability(sample, eta, [dispersion, zeroInflation]) {
    const plain = Math.log1p(-zeroInflation) + logNegativeBinomial(sample, eta + sample.logVolume, dispersion);
    return sample.value === 0 ? logSumExp([Math.log(zeroInflation), plain]) : plain;
  },
};
