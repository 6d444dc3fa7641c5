// Joint latent class model: quadratic Gaussian growth with random intercept and slope, Weibull survival by class.
// The random effects are integrated out in closed form and the visits enter through sums over each patient's visits,
// so that a gradient costs O(patients x classes). Everything linear in the data is one matrix product for all classes.
data {
  int<lower=1> N;                      // patients
  int<lower=2> K;                      // classes
  vector[N] n;                         // samples of each patient
  vector[N] yy;                        // y'y
  matrix[N, 3] Xy;                     // X'y, X = growth terms, Z its first two columns
  matrix[N, 6] XX;                     // X'X: 11, 12, 13, 22, 23, 33; Z is the first two columns of X
  vector<lower=0>[N] event;            // 1 = death, 0 = censored
  vector[N] log_time;                  // log of time in units of the follow-up
  real<lower=0> membership_sd;
  vector[3] growth_mean;
  vector<lower=0>[3] growth_sd;
  real<lower=0> sigma_sd;
  real<lower=0> random_effect_sd_sd;
  real<lower=0> correlation_eta;
  real log_scale_mean;
  real<lower=0> log_scale_sd;
  real<lower=0> log_shape_sd;
}
transformed data {
  matrix[N, 2] time = append_col(log_time, rep_vector(1, N));
  matrix[N, 4] Zr1 = append_col(Xy[, 1], -XX[, 1:3]);                            // first row of Z'r, by (1, beta)
  matrix[N, 4] Zr2 = append_col(Xy[, 2], -append_col(XX[, 2], XX[, 4:5]));       // second row of Z'r
  matrix[N, 13] linear = append_col(append_col(append_col(yy, Xy), XX),
                                    append_col(append_col(event, event .* log_time), rep_vector(1, N)));
  vector[N] z11 = XX[, 1];             // Z'Z
  vector[N] z12 = XX[, 2];
  vector[N] z22 = XX[, 4];
  vector[N] z_det = z11 .* z22 - square(z12);
  real n_total = sum(n);
  real constant = -0.5 * n_total * log(2 * pi()) - dot_product(event, log_time);
}
parameters {
  sum_to_zero_vector[K] membership;
  matrix[3, K] growth;
  real<lower=0> sigma;
  vector<lower=0>[2] random_effect_sd;
  real<lower=-1, upper=1> random_effect_corr;
  row_vector[K] log_scale;
  row_vector[K] log_shape;
}
model {
  // priors; normal on a sum-to-zero vector is PyMC's ZeroSumNormal
  membership ~ normal(0, membership_sd);
  for (j in 1 : 3) {
    growth[j] ~ normal(growth_mean[j], growth_sd[j]);
  }
  sigma ~ normal(0, sigma_sd);
  random_effect_sd ~ normal(0, random_effect_sd_sd);
  target += (correlation_eta - 1) * log1m(square(random_effect_corr));           // LKJ of a 2 x 2 correlation
  log_scale ~ normal(log_scale_mean, log_scale_sd);
  log_shape ~ normal(0, log_shape_sd);

  // d is the covariance of the random effects over sigma^2; det = |I + d Z'Z|, w = (d^-1 + Z'Z)^-1 / (2 sigma^2), so that
  // log|V| = n log sigma^2 + log det and r'V^-1 r / 2 = r'r / (2 sigma^2) - (Z'r)' w Z'r
  real precision = inv_square(sigma);
  real d11 = square(random_effect_sd[1]) * precision;
  real d22 = square(random_effect_sd[2]) * precision;
  real d12 = random_effect_corr * random_effect_sd[1] * random_effect_sd[2] * precision;
  real d_det = d11 * d22 * (1 - square(random_effect_corr));
  vector[N] det = 1 + d11 * z11 + 2 * d12 * z12 + d22 * z22 + d_det * z_det;
  vector[N] half = 0.5 * precision * inv(det);
  vector[N] w11 = half .* (d11 + d_det * z22);
  vector[N] w22 = half .* (d22 + d_det * z11);
  vector[N] w12 = half .* (2 * d12 - 2 * d_det * z12);

  row_vector[K] shape = exp(log_shape);
  row_vector[K] shift = shape .* log_scale;
  matrix[13, K] weights;
  matrix[4, K] contrast;
  contrast[1] = ones_row_vector(K);
  contrast[2 : 4] = growth;
  weights[1] = rep_row_vector(-0.5 * precision, K);
  weights[2 : 4] = precision * growth;
  weights[5] = -0.5 * precision * square(growth[1]);
  weights[6] = -precision * growth[1] .* growth[2];
  weights[7] = -precision * growth[1] .* growth[3];
  weights[8] = -0.5 * precision * square(growth[2]);
  weights[9] = -precision * growth[2] .* growth[3];
  weights[10] = -0.5 * precision * square(growth[3]);
  weights[11] = log_shape - shift;
  weights[12] = shape;
  weights[13] = (log_softmax(membership))';

  matrix[N, K] z1 = Zr1 * contrast;
  matrix[N, K] z2 = Zr2 * contrast;
  matrix[N, K] joint = linear * weights - exp(time * append_row(shape, -shift))
                       + diag_pre_multiply(w11, square(z1)) + diag_pre_multiply(w12, z1 .* z2)
                       + diag_pre_multiply(w22, square(z2));
  for (i in 1 : N) {
    target += log_sum_exp(joint[i]);
  }
  target += constant - n_total * log(sigma) - 0.5 * sum(log(det));
}
