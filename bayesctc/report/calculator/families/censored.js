// A rounded log-normal; see bayesctc/model/families/censored.py.

const FAMILY = {
  logProbability(sample, eta, [sigma]) {
    const volume = Math.exp(sample.logVolume);
    const upper = (Math.log1p((sample.value + 0.5) / volume) - eta) / sigma;
    if (sample.value === 0) return logNormalCdf(upper);
    const lower = (Math.log1p((sample.value - 0.5) / volume) - eta) / sigma;
    const inTail = lower + upper > 0; // the smaller of the two tails keeps its digits
    const high = logNormalCdf(inTail ? -lower : upper);
    const low = logNormalCdf(inTail ? -upper : lower);
    return high + Math.log(-Math.expm1(low - high));
  },
};
