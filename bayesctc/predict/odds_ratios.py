"""Association of class membership with covariates of the model: odds ratios."""

import numpy as np
import pandas as pd

from bayesctc.errors import SpecError
from bayesctc.predict.curves import summarise
from bayesctc.results.fit import Fit
from bayesctc.shown import Printed

COLUMNS = ["latent_class", "reference", "term", "estimate", "lower", "upper"]


def odds_ratios(fit: Fit, reference: str | None = None) -> pd.DataFrame:
    """Odds ratios of being in a class rather than in the reference class, per unit of a membership term.

    exp(xi_g - xi_reference), adjusted for the other terms of the membership formula. The interval includes the
    uncertainty of class membership.

    Parameters
    ----------
    fit : MLFit or BayesFit
        With a membership formula, such as ``membership="~ subtype + bone"``.
    reference : str, optional
        Label of the class with which the others are compared; the lowest unless given.

    Returns
    -------
    DataFrame
        latent_class, reference, term, estimate (posterior median, or maximum-likelihood estimate), lower, upper
        (95 %).

    Raises
    ------
    SpecError
        There is one class, no membership terms, or the reference is not a class.

    Examples
    --------
    >>> with_bone = bc.ModelSpec(n_classes=2, membership="~ bone_metastasis")
    >>> table = bc.odds_ratios(bc.fit_ml(cohort, with_bone, n_starts=2, progress=False))
    >>> table[["term", "estimate", "lower", "upper"]].round(1)
               term estimate lower upper
    bone_metastasis      3.8   2.3   6.4
    """
    labels, terms = fit.design.layout.coords["latent_class"], fit.design.membership.names
    if len(labels) < 2 or not terms:
        raise SpecError(
            f"odds_ratios needs two classes or more and a membership formula; found {len(labels)} and "
            f"{fit.spec.membership!r}."
        )
    if reference is not None and reference not in labels:
        raise SpecError(f"reference has to be one of {', '.join(labels)}; found {reference!r}.")
    base = 0 if reference is None else labels.index(reference)
    block = fit.design.layout.places["membership"]

    def log_ratios(thetas):
        coefficients = fit.design.membership.standard.coefficients(thetas[..., block][..., 1:])
        return {"log_ratio": coefficients - coefficients[:, base, None]}

    # quantiles of logarithms, which interpolate alike whichever class is the reference
    estimate, lower, upper = np.exp(summarise(fit, log_ratios)["log_ratio"])
    rows = [
        (label, labels[base], term, *(float(v[g, t]) for v in (estimate, lower, upper)))
        for g, label in enumerate(labels)
        if g != base
        for t, term in enumerate(terms)
    ]
    return Printed(rows, columns=COLUMNS)
