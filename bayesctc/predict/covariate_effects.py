"""Effects of covariates on the hazard, and whether they differ between classes: predictive rather than prognostic."""

import numpy as np
import pandas as pd

from bayesctc.data.endpoint import checked_cause, code_of
from bayesctc.errors import SpecError
from bayesctc.predict.curves import MAX_DRAWS, summarise
from bayesctc.results.cells import not_estimable
from bayesctc.results.classified import need_endpoint
from bayesctc.results.fit import Fit
from bayesctc.shown import Printed

EVERY_CLASS = ""
COLUMNS = ["cause", "term", "latent_class", "reference", "estimate", "lower", "upper", "probability_below_1", "note"]


def covariate_effects(fit: Fit, *, contrasts: bool = False, cause: str | None = None) -> pd.DataFrame:
    """Hazard ratios per unit of each term of the survival formulas, and their ratios between classes.

    A term of ``survival`` has the same hazard ratio in all classes; one of ``survival_by_class`` has a separate hazard
    ratio in each. ``contrasts`` gives the ratio of the hazard ratios for each pair of classes; it is 1 if the covariate
    acts alike, as a treatment does in classes that are prognostic but not predictive. Classes belong to the same model,
    so the interval includes the uncertainty of class membership. An arm that was not randomised is compared like any
    covariate: adjusted only for the other terms.

    Parameters
    ----------
    fit : MLFit or BayesFit
    contrasts : bool
        Ratios of hazard ratios between classes in place of the hazard ratios.
    cause : str, optional
        The competing event whose cause-specific hazard is used; the first unless given.

    Returns
    -------
    DataFrame
        cause, term, latent_class ("" for a term with the same effect in all), reference (the class it is compared with;
        "" without contrasts), estimate (posterior median, or maximum-likelihood estimate), lower, upper (95 %),
        probability_below_1 (of the posterior, or of the asymptotic normal distribution), note: the reason for NaN, if a
        class has too few patients or events at a level that is compared; otherwise "".

    Raises
    ------
    SpecError
        The fit has no endpoint or no such terms, or the endpoint has no such cause.

    Examples
    --------
    >>> spec = bc.ModelSpec(n_classes=1, family="gaussian", survival="~ bone_metastasis")
    >>> one = bc.fit_ml(bc.load_trial().include(min_samples=3), spec, n_starts=1, progress=False)
    >>> print(bc.covariate_effects(one)[["term", "estimate", "lower", "upper"]].round(2).to_string(index=False))
               term  estimate  lower  upper
    bone_metastasis ...
    """
    need_endpoint(fit, "covariate_effects")
    design, labels = fit.design, fit.design.layout.coords["latent_class"]
    alike, by_class = design.survival.names, design.survival_by_class.names
    if not (by_class if contrasts else (*alike, *by_class)):
        wanted = "survival_by_class, such as '~ arm'" if contrasts else "survival or survival_by_class"
        raise SpecError(f"covariate_effects: found no terms; allowed: a fit with {wanted}.")
    cause = checked_cause(fit.spec.endpoint or "", design.causes, cause)
    number = code_of(design.causes, cause) - 1
    rows, places = [], []
    found: list[tuple]
    for t, term in enumerate((*alike, *by_class)):
        if t < len(alike):
            found = [] if contrasts else [(EVERY_CLASS, EVERY_CLASS, (0, t), None)]
        elif contrasts:
            pairs = [(g, h) for h in range(len(labels)) for g in range(h + 1, len(labels))]
            found = [(labels[g], labels[h], (g, t), (h, t)) for g, h in pairs]
        else:
            found = [(label, EVERY_CLASS, (g, t), None) for g, label in enumerate(labels)]
        rows += [(cause, term, latent_class, reference) for latent_class, reference, *_ in found]
        places += [(here, there) for *_, here, there in found]

    def logarithms(thetas):
        of = design.hazard_coefficients(thetas, number)
        found = [of[:, *here] - (0.0 if there is None else of[:, *there]) for here, there in places]
        return {"log": np.stack(found, axis=-1)}

    with np.errstate(over="ignore"):  # a level without patients in a class
        estimate, lower, upper = np.exp(summarise(fit, logarithms)["log"])
    below = np.full(len(rows), np.nan)
    if fit.point_theta is None or fit.has_intervals:
        below = np.mean(logarithms(fit.parameter_draws(MAX_DRAWS))["log"] < 0.0, axis=0)
    table = Printed(rows, columns=COLUMNS[:4])
    table[COLUMNS[4:8]] = np.column_stack([estimate, lower, upper, below])
    notes = []
    for _, term, *classes in rows:
        own = [labels.index(label) for label in classes if label != EVERY_CLASS]
        why = [not_estimable(fit.empty_cells, labels, term, number, g) for g in own]
        why += [fit.not_estimable.get((number, g), "") for g in own]
        notes.append("; ".join(text for text in why if text))
    table["note"] = notes
    table.loc[table["note"] != "", COLUMNS[4:8]] = np.nan
    return table
