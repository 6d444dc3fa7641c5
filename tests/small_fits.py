"""A maximum-likelihood fit that tests of what follows a fit look at."""

import bayesctc as bc


def fit_two_classes(cohort: bc.Cohort, *, n_starts: int, **options):
    """Straight lines on log counts, a random intercept and a shape of the hazard by class, unless told otherwise."""
    usual = {
        "n_classes": 2,
        "growth": "linear",
        "family": "gaussian",
        "random_effects": "intercept",
        "common_shape": False,
    }
    return bc.fit_ml(cohort, bc.ModelSpec(**usual | options), n_starts=n_starts, random_seed=3, progress=False)
