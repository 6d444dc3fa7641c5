// Joint latent class model of the default specification: Poisson counts of a log-normal concentration around curves by
// class, no random effects, Weibull survival with one shape for all classes.
// The log concentration of a sample is integrated out by Gauss and Hermite's rule around the mode of its integrand, so
// that only the model's own parameters are sampled. Samples with the same curve and the same count share an integral;
// all integrals of all classes are columns and matrices, made of functions for which stanc --O1 keeps a matrix of
// parameters as two matrices, of values and of derivatives.
data {
  int<lower=1> N;                      // patients
  int<lower=2> K;                      // classes
  int<lower=1> S;                      // samples, sorted by patient
  int<lower=1> U;                      // different samples: growth terms, volume, count
  int<lower=1> Q;                      // nodes
  array[N + 1] int<lower=1> first;     // where each patient's samples start; S + 1 at the end
  array[S] int<lower=1, upper=U> row;  // which of the different samples each is
  matrix[U, 3] X;                      // growth terms
  vector[U] log_volume;                // of volume / 7.5 mL
  vector<lower=0>[U] ctc;
  vector[Q] node;                      // of the rule of weight exp(-t^2 / 2)
  vector<lower=0>[Q] weight;           // they sum to 1
  vector<lower=0>[N] event;            // 1 = death, 0 = censored
  vector[N] log_time;                  // log of time in units of the follow-up
  real<lower=0> membership_sd;
  vector[3] growth_mean;
  vector<lower=0>[3] growth_sd;
  real<lower=0> sigma_sd;
  real log_scale_mean;
  real<lower=0> log_scale_sd;
  real<lower=0> log_shape_sd;
}
transformed data {
  vector[S] ones = rep_vector(1, S);
  vector[U * K] count = to_vector(rep_matrix(ctc, K));
  vector[U * K] offset_by_class = to_vector(rep_matrix(log_volume, K));
  matrix[N, K] none = rep_matrix(0, N, K);
  row_vector[Q] one = rep_row_vector(1, Q);
  row_vector[Q] t = node';
  row_vector[Q] half_square = 0.5 * square(t);
  matrix[N, 3] linear = append_col(append_col(event, event .* log_time), rep_vector(1, N));
  matrix[N, 2] time = append_col(log_time, rep_vector(1, N));
}
parameters {
  sum_to_zero_vector[K] membership;
  matrix[3, K] growth;
  real<lower=0> sigma;
  row_vector[K] log_scale;
  real log_shape;
}
model {
  // priors; normal on a sum-to-zero vector is PyMC's ZeroSumNormal
  membership ~ normal(0, membership_sd);
  for (j in 1 : 3) {
    growth[j] ~ normal(growth_mean[j], growth_sd[j]);
  }
  sigma ~ normal(0, sigma_sd);
  log_scale ~ normal(log_scale_mean, log_scale_sd);
  log_shape ~ normal(0, log_shape_sd);

  // log P(count) = log of the integral over z of Poisson(count | exp(a + sigma z)) normal(z). Its mode is where
  // y = sigma^2 exp(a + sigma z) solves y + log y = r, for which a step of Newton's is enough: nodes at z + t / sqrt(1 + y)
  // may stand around any z, as u is the expected count at z, wherever that is. The curvature at the mode is 1 + y.
  real variance = square(sigma);
  vector[U * K] a = to_vector(X * growth) + offset_by_class;
  vector[U * K] r = a + variance * count + 2 * log(sigma);
  vector[U * K] near = log1p_exp(r);
  vector[U * K] y = near .* (1 + r - log(near)) ./ (1 + near);
  vector[U * K] m = y / variance;
  vector[U * K] z = sigma * (count - m);
  vector[U * K] s = sigma * inv_sqrt(1 + y);
  vector[U * K] at_mode = a + sigma * z;
  vector[U * K] u = exp(at_mode);
  matrix[U * K, Q] integrand = exp(u * one + (m .* s) * t + (y ./ (1 + y)) * half_square - exp(at_mode * one + s * t));
  vector[U * K] log_p = count .* at_mode - u - 0.5 * square(z) - 0.5 * log1p(y) + log(integrand * weight);
  matrix[N, K] counts = none;
  for (k in 1 : K) {
    counts[, k] = csr_matrix_times_vector(N, U, ones, row, first, log_p[((k - 1) * U + 1) : (k * U)]);
  }

  real shape = exp(log_shape);
  row_vector[K] shift = shape * log_scale;
  matrix[3, K] weights;
  weights[1] = log_shape - shift;
  weights[2] = rep_row_vector(shape, K);
  weights[3] = (log_softmax(membership))';
  matrix[N, K] survival = linear * weights - exp(time * append_row(rep_row_vector(shape, K), -shift));
  matrix[N, K] joint = survival + counts;
  for (i in 1 : N) {
    target += log_sum_exp(joint[i]);
  }
}
