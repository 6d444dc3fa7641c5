# Figures of R that tests hold bayesctc to: `cd tests/data && Rscript r_figures.R` writes r_figures.json.
# Taken with R 4.2.2, survival 3.5-3, glmmTMB 1.1.5, jsonlite 1.8.4.
library(survival)
library(glmmTMB)

# Events of the reference cohort seen at visits every 2.1 months; of patients with an even number on their day.
data <- read.csv("serial_ctc_300.csv")
patients <- data[!duplicated(data$id), ]
before <- floor(patients$time / 2.1) * 2.1
exact <- patients$id %% 2 == 0
patients$left <- ifelse(patients$event == 1 & !exact, before, patients$time)
patients$right <- ifelse(patients$event == 0, Inf, ifelse(exact, patients$time, before + 2.1))
bounds <- with(patients, Surv(ifelse(left == 0, NA, left), ifelse(is.finite(right), right, NA), type = "interval2"))

fit <- survreg(bounds ~ bone + arm, patients, dist = "weibull")
weibull <- list(log_likelihood = fit$loglik[2], coefficients = unname(coef(fit)), scale = fit$scale)

# Seizure counts with lme4's covariates, by Laplace's approximation.
seizures <- transform(MASS::epil, Base = log(base / 4), Age = log(age), Visit = (period - 2.5) / 5)
fit <- glmmTMB(y ~ Base * trt + Age + Visit + (1 | subject), seizures, family = nbinom2)
seizures <- list(log_likelihood = c(logLik(fit)), fixed = unname(fixef(fit)$cond[c(1:4, 6, 5)]), theta = sigma(fit),
                 variance = c(VarCorr(fit)$cond$subject))

figures <- list(weibull = weibull, seizures = seizures)
writeLines(jsonlite::toJSON(figures, digits = 10, auto_unbox = TRUE, pretty = TRUE), "r_figures.json")
