"""No hazard: the compiled piece of `hazards.none`."""

from bayesctc.model.backends.compiled.inner import inner


@inner
def terms(theta, positive, g, h0, knots, event, time, log_time, linear_predictor, gradient, m0, i):
    """Survival is not modelled: log survival is 0."""
    return 0.0, 0.0
