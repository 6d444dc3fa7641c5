// log P(count) given the log of the expected count; a sample holds its count, log volume / 7.5 and log count!.

function logPoisson(sample, logMean) {
  return sample.value * logMean - Math.exp(logMean) - sample.logFactorial;
}

function logNegativeBinomial(sample, logMean, dispersion) {
  const logX = logMean - Math.log(dispersion);
  const combinations = logGamma(sample.value + dispersion) - logGamma(dispersion) - sample.logFactorial;
  return combinations + sample.value * logX - (sample.value + dispersion) * log1pExp(logX);
}
