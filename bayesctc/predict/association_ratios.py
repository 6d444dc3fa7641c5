"""Hazard ratios within a class, for models in which patients' curves act on the hazard."""

from collections.abc import Iterator

import numpy as np

from bayesctc.model.association import AREA, EFFECTS, NONE, SLOPE, VALUE
from bayesctc.results.fit import Fit

WITHIN = {
    VALUE: "the current value of the curve",
    SLOPE: "the current slope of the curve",
    AREA: "the mean of the curve so far",
    EFFECTS: "the random effect",
}


def compared_at(fit: Fit) -> str:
    """The patients for whom a ratio between classes holds, if their curves act on the hazard."""
    spec, design = fit.spec, fit.design
    if spec.association == NONE:
        return ""
    if spec.association == EFFECTS:
        return "for patients on the curve of their class"
    what = WITHIN[spec.association].removeprefix("the ")
    if not spec.association_by_class:
        return f"for patients with the same {what}"
    level = 0.0 if spec.association == SLOPE else float(design.untransformed(design.level))
    return f"for patients with a {what} of {level:.3g}"


def associations(fit: Fit, thetas, c: int) -> np.ndarray:
    """Associations of a cause, on the user's scale: array (..., n_classes, n_terms); no terms without an association.

    thetas is an array (..., n_classes, n_class_parameters).
    """
    layout, shape = fit.design.layout, thetas.shape[:-1]
    if fit.spec.association == NONE:
        return np.zeros((*shape, 0))
    name = next(b.name for b in layout.of_cause(c) if b.parameter == "association")
    own = layout.natural(thetas)[name].reshape(*shape[:-1], shape[-1] if layout.by_class(name) else 1, -1)
    return np.broadcast_to(own, (*shape, own.shape[-1]))


def association_rows(fit: Fit, c: int, values) -> Iterator[tuple]:
    """Hazard ratios within a class, per unit of the feature that the association links to the hazard."""
    spec, layout, labels = fit.spec, fit.design.layout, fit.design.layout.coords["latent_class"]
    if spec.association == NONE:
        return
    cause = fit.design.causes[c] if fit.design.causes else ""
    unit = fit.design.outcome.words.scale_unit
    terms = layout.random_effects if spec.association == EFFECTS else ("",)
    by_class = spec.association_by_class and spec.n_classes > 1
    kind = f"per unit of {WITHIN[spec.association]} ({unit})"
    for k, term in enumerate(terms):
        named = f"{WITHIN[spec.association]}{f' of the {term}' * bool(term)}"
        for g in range(len(labels) if by_class else 1):
            where, note = ("", "within all classes") if not by_class else (f" in {labels[g]}", f"within {labels[g]}")
            numbers, why = [float(v[g, k]) for v in values], fit.not_estimable.get((c, g)) if by_class else None
            if why:
                numbers = [np.nan] * 3
            yield (f"{named}{where}", cause, "hazard ratio", *numbers, "ratio", why or kind, note)
