"""The default plan."""

from typing import Any

from bayesctc.data import Cohort
from bayesctc.errors import SpecError
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.spec import ModelSpec
from bayesctc.sensitivity.plan import SensitivityPlan
from bayesctc.sensitivity.resolve import Base, resolve
from bayesctc.sensitivity.targets import Targets

OTHER_RANDOM_EFFECTS = {"none": "intercept", "intercept": "none", "slope": "intercept", "quadratic": "slope"}
POWER, PARETO_K, DELTA = 0.8, 0.5, 1.0
TWO, THREE = 2, 3


def default_plan(cohort: Cohort, spec: ModelSpec, treated: Cohort | None = None) -> SensitivityPlan:
    """About a dozen variations of a base analysis that a reader is likely to ask for.

    The plan has wider priors, powers of prior and likelihood, one class fewer and one more, another growth curve, other
    random effects, another hazard, proportional hazards, another family, exclusion of outlying patients, and drop-out
    that depends on unobserved counts. With `treated` it also has entry at the third sample and patients with two
    samples. If the base family has random effects in closed form, the default family is fitted by maximum likelihood,
    because sampling it would take longer than all other rows. Rows that the data do not support, such as one class more
    for very few patients, are omitted, as are another family and drop-out for outcomes other than counts.

    Parameters
    ----------
    cohort : Cohort
        Of the base analysis.
    spec : ModelSpec
    treated : Cohort, optional
        Before any inclusion rule.

    Returns
    -------
    SensitivityPlan

    Examples
    --------
    >>> plan = bc.default_plan(bc.load_trial().include(min_samples=3), bc.ModelSpec(n_classes=2))
    >>> [row.value for row in plan.rows if row.option == "n_classes"]
    [1, 3]
    """
    if not isinstance(cohort, Cohort) or not isinstance(spec, ModelSpec):
        found = f"{type(cohort).__name__} and {type(spec).__name__}"
        raise SpecError(f"a cohort and a specification are needed; found {found}.")
    K, closed = spec.n_classes, spec.closed_form
    wider = {name: 2.0 * value for name, value in vars(spec.priors).items() if name.endswith("_sd")}
    rows: list[dict[str, Any]] = [
        {"option": "priors", "value": wider, "variation": "priors twice as wide"},
        {"option": "prior_power", "value": POWER},
        {"option": "likelihood_power", "value": POWER},
        {"option": "n_classes", "value": K + 1},
    ]
    if K > 1:
        rows.insert(3, {"option": "n_classes", "value": K - 1})
    curve = "spline" if spec.growth in ("quadratic", "treatment") else "quadratic"
    if spec.growth == "quadratic" and spec.n_random > TWO:
        curve = "cubic"
    rows.append({"option": "growth", "value": curve})
    if not spec.class_specific_random_effects or spec.n_random > 1:
        other = OTHER_RANDOM_EFFECTS[spec.random_effects]
        rows.append({"option": "random_effects", "value": other})
        if other == "intercept" and not closed:  # sampling it takes many times as long
            rows[-1] |= {"method": "ml", "variation": f"random_effects {other} (ML)"}
    if spec.endpoint is not None:
        flexible = next(name for name, hazard in HAZARDS.items() if hazard.has_knots)
        rows.append({"option": "hazard", "value": ModelSpec.hazard if spec.hazard == flexible else flexible})
        if HAZARDS[spec.hazard].has_shape and K > 1:
            rows.append({"option": "common_shape", "value": not spec.common_shape})
    if spec.n_random <= TWO:
        name = ModelSpec.family if closed else next(name for name, each in FAMILIES.items() if each.closed_form)
        slow = {"method": "ml", "variation": f"family {name} (ML)"} if closed else {}
        rows.append({"option": "family", "value": name, **slow})
    rows.append({"option": "leave_out_pareto_k", "value": PARETO_K})
    rows.append({"option": "dropout_delta", "value": DELTA})
    if treated is not None:
        rows.append({"option": "include", "value": {"min_samples": THREE, "entry": "third_sample"}})
        rows.append({"option": "include", "value": {"min_samples": TWO}})
    base = Base(cohort, spec, treated, Targets((0.0,), (1.0,)))
    return SensitivityPlan([row for row in rows if _fits(row, base)])  # type: ignore[arg-type]


def _fits(row, base):
    """Whether the data support a row and the row changes anything."""
    try:
        resolve(SensitivityPlan([row]), base)  # type: ignore[arg-type]
    except SpecError:
        return False
    return True
