"""What the calculator supports; it refuses everything that is not implemented in its script."""

from dataclasses import fields
from pathlib import Path

from bayesctc.data.outcome import Continuous, CtcCount
from bayesctc.errors import SpecError
from bayesctc.model.families import FAMILIES
from bayesctc.model.nodes import MOST_NODES
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.classified import need_endpoint
from bayesctc.results.ml_fit import MLFit

HERE = Path(__file__).parent
OUTCOMES = (CtcCount, Continuous)
# fields of a specification of which every value is supported, or does not affect what is computed
CARRIED = (
    *("n_classes", "growth", "random_effects", "family", "endpoint", "hazard", "membership", "survival"),
    *(
        "survival_by_class",
        "longitudinal",
        "longitudinal_by_class",
        "common_shape",
        "class_specific_sigma",
        "class_specific_dispersion",
    ),
    *("class_specific_random_effects", "spline_df", "knots", "fall_months", "hazard_knots", "n_nodes"),
    *("time_origin", "growth_unit", "priors"),
)


def script(folder: str, name: str) -> Path:
    """The file of a family or a hazard, or one of the page's own."""
    return HERE / folder / f"{name}.js"


def written_for(folder: str) -> list[str]:
    """Families or hazards that are implemented."""
    return sorted(path.stem for path in (HERE / folder).glob("*.js"))


def check_carried(fit: MLFit | BayesFit) -> None:
    """Refuse what a page cannot compute.

    Raises
    ------
    SpecError
        It is not a fit, has no endpoint, or uses something that the calculator does not support, as the message says.
    """
    if not isinstance(fit, MLFit | BayesFit):
        raise SpecError(f"a calculator needs a fit (by fit_ml or fit_bayes); found {type(fit).__name__}.")
    need_endpoint(fit, "write_calculator")
    spec = fit.spec
    for word, folder, name in (("family", "families", spec.family), ("hazard", "hazards", spec.hazard_name)):
        if name not in written_for(folder):
            _refuse(f"{word}={name!r}", f"one of {', '.join(written_for(folder))}")
    if type(fit.design.outcome) not in OUTCOMES:
        _refuse(f"samples that hold {fit.design.outcome.words.values}", "counts, or a Marker")
    for field in fields(ModelSpec):
        if field.name not in CARRIED and getattr(spec, field.name) != field.default:
            _refuse(f"{field.name}={getattr(spec, field.name)!r}", f"{field.name}={field.default!r}")
    if fit.design.interval_types:
        _refuse(f"{min(fit.design.interval_types)!r}, which changes with time", "covariates that do not")
    if fit.design.sample_columns:
        _refuse(f"{fit.design.sample_columns[0]!r}, a covariate of samples in the curve", "covariates of patients")
    if spec.n_random not in (0, *MOST_NODES) and not FAMILIES[spec.family].closed_form:
        allowed = "'none', 'intercept' or 'slope' (the integral is too slow for a page)"
        _refuse(f"random_effects={spec.random_effects!r} with family={spec.family!r}", allowed)


def _refuse(found: str, allowed: str) -> None:
    raise SpecError(f"the calculator does not support {found}; allowed: {allowed}. predict_survival supports it.")
