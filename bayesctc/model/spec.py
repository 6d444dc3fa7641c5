"""The specification of a model."""

from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from math import inf, isfinite, nan
from numbers import Integral, Real

from bayesctc.data import Cohort
from bayesctc.data.columns import MONTHS_PER_UNIT
from bayesctc.data.outcome import CTC_COUNT, Outcome
from bayesctc.design.basis import GROWTH
from bayesctc.design.grammar import columns_of
from bayesctc.errors import SpecError
from bayesctc.model.association import ASSOCIATIONS, NONE
from bayesctc.model.describe import describe
from bayesctc.model.design import Design
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.priors import Priors
from bayesctc.model.settling import FORMULAS
from bayesctc.shown import as_call, html

RANDOM_EFFECTS = {"none": 0, "intercept": 1, "slope": 2, "quadratic": 3}


def _months(value) -> float:
    """Months from a number, or from text with a unit; NaN for anything else."""
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    number, _, unit = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    unit = (unit.strip() or "months").removesuffix("s") + "s"
    try:
        return float(number) * MONTHS_PER_UNIT[unit]
    except (ValueError, KeyError):
        return nan


ALWAYS_TOLD = ("n_classes", "growth", "random_effects", "family", "endpoint")  # though they be the defaults


@dataclass(frozen=True, repr=False)
class ModelSpec:
    """A joint latent class model of serial counts and survival.

    By default patients of a class share one curve (group-based trajectories) with a form suited to treatment: a level,
    a fall and a drift. Counts are Poisson with a log-normal concentration, and hazards are proportional between
    classes. This default was chosen for the agreement of modal and true classes on unselected simulated cohorts
    (`benchmarks/class_recovery.py`), not by likelihood or BIC, which favour another model: a random intercept improves
    both, but recovers the classes less well (`benchmarks/swallowed_classes.py`: adjusted Rand index 0.55 instead of
    0.68, BIC 77 lower, over five trials). The reason is that patients of a class differ in the speed of the fall as
    well as in level. A random intercept describes any differences in level but not in the fall, so the classes then
    separate patients by their fall rather than by their level. If patients of a class have equal falls, both models
    classify about equally well. A model that omits some variation within classes may fit better by using its classes to
    describe that variation. Use groups without random effects to find classes, and random effects to describe how
    patients differ, with one class or few. The disadvantage of groups is that samples of a patient are assumed
    independent given the class, so class probabilities of patients with many samples are too close to 0 and 1.

    Attributes
    ----------
    n_classes : int
        K, the number of trajectory classes.
    growth : {"treatment", "linear", "quadratic", "cubic", "spline"}
        Curve of each class over s = (time - time_origin) / growth_unit, by default months / 6. "treatment" is a level,
        a fall that fades after the start of treatment, and a drift: ``intercept + fall exp(-t / tau) + slope s``, with
        t months since time 0, or 0 before it.
    random_effects : {"none", "intercept", "slope", "quadratic"}
        Deviations of a patient from the curve; "none" is group-based trajectories, "slope" is intercept + slope
        (intercept + fall of growth="treatment"). Unstructured covariance.
    family : {"gaussian", "censored", "negative_binomial", "zero_inflated_negative_binomial", "poisson", \
"poisson_log_normal"}
        Distribution of counts around the curve. The curve is that of log(1 + count per 7.5 mL) for "gaussian" and
        "censored", of the log median concentration per 7.5 mL for "poisson_log_normal", and of the log expected count
        for the others. "poisson_log_normal", a Poisson count with a log-normal concentration, is the count version of a
        growth mixture on log counts; "negative_binomial" has a gamma concentration instead, and
        "zero_inflated_negative_binomial" adds zeros that a low level does not explain; "censored" is the rounded
        log-normal; "gaussian" is fast and the model of lcmm, but finds too many classes if half of the counts are zero.
    endpoint : str or None
        "os", "pfs", "ttf" or another endpoint of the cohort; None fits the growth mixture alone. If the cohort defines
        competing events for it (`Cohort.causes`), each has a separate hazard of the same form and with the same
        covariates.
    hazard : {"weibull", "exponential", "gompertz", "piecewise", "splines"}
        Baseline hazard of each class. "piecewise" is constant between `hazard_knots`; "splines" is smooth, a sum of
        cubic M-splines with positive coefficients, constant after the last event (`model/hazards/splines.py`).
    membership : str
        Formula of covariates on class membership.
    survival, survival_by_class : str
        Formulas of covariates on the hazard, with effects common to all classes, and with effects by class. Covariates
        are of the patients, or of the intervals, which act from the time of the change.
    longitudinal : str
        Formula of covariates on growth, common to the classes; may use the sample's `time` (months), and columns of
        the samples (laboratory, line of therapy). A column that both tables have is that of the samples.
    longitudinal_by_class : str
        Formula of covariates that change the whole growth curve, differently in each class: each term is multiplied
        with each term of the growth curve. With "~ arm" each class has a curve in each arm.
    association : {"none", "random_effects", "current_value", "current_slope", "area"}
        The feature of a patient's own curve that acts on the hazard within a class; with "none", survival depends on
        the class alone. Otherwise the hazard of the class is multiplied by exp(alpha a(t)), with a(t) the value at t of
        the patient's curve (the class's curve plus random effects) on its scale ("current_value"); its slope, per
        `growth_unit` ("current_slope"); its mean from 0 to t, the cumulative level per month ("area"); or by
        exp(alpha_1 b_1 + ...) of the random effects ("random_effects"), the patient's deviation from the class alone.
        JMbayes2 also uses the whole curve under these names: with one class the models are the same. With several, each
        class's baseline hazard is that of a patient of the class at curve 0, so that differences in survival between
        classes are divided between baselines and levels. Covariates of the curve have to be the patients', not the
        samples', except with "random_effects". Needs random effects and an endpoint; all families then integrate by
        quadrature.
    association_by_class : bool
        A separate alpha in each class.
    common_shape : bool
        One shape of the hazard (Weibull shape, Gompertz slope, piecewise steps, spline coefficients) for all classes,
        so that hazards are proportional between them.
    class_specific_sigma : bool
        A residual standard deviation by class.
    class_specific_dispersion : bool
        A negative-binomial dispersion by class.
    class_specific_random_effects : bool
        Random effects of class g have covariance omega_g^2 D.
    spline_df : int
        Degrees of freedom of a spline.
    knots : tuple of float, optional
        Spline knots in months, boundaries included; otherwise quantiles of the sample times.
    fall_months : float or str, optional
        tau of growth="treatment": months after which 37 % of the fall remains. By default the value that explains most
        of the variation of log(1 + count) within patients by least squares; held fixed in the fit.
    hazard_knots : int or tuple of float
        Times at which a piecewise hazard changes, or the inner knots of splines, whose boundary knots are the first
        entry and the last event: months, or a number of knots at quantiles of the event times.
    n_nodes : int, optional
        Gauss-Hermite nodes of each random effect, for families without a closed form; by default the smallest number
        for which doubling changes no patient's log likelihood by more than 0.001.
    time_origin, growth_unit : float or str
        Origin and unit of the growth coefficients, in months or as text with a unit: with age as time
        ``time_origin="65 years", growth_unit="10 years"`` reports the level at 65 and changes per decade. They affect
        only how a fit is reported.
    priors : Priors

    Examples
    --------
    >>> spec = bc.ModelSpec(n_classes=3, survival="~ arm")
    >>> spec.growth, spec.family, spec.hazard
    ('treatment', 'poisson_log_normal', 'weibull')
    """

    n_classes: int = 4
    growth: str = "treatment"
    random_effects: str = "none"
    family: str = "poisson_log_normal"
    endpoint: str | None = "os"
    hazard: str = "weibull"
    membership: str = "~ 1"
    survival: str = "~ 1"
    survival_by_class: str = "~ 1"
    longitudinal: str = "~ 1"
    longitudinal_by_class: str = "~ 1"
    association: str = NONE
    association_by_class: bool = False
    common_shape: bool = True
    class_specific_sigma: bool = False
    class_specific_dispersion: bool = False
    class_specific_random_effects: bool = False
    spline_df: int = 3
    knots: tuple[float, ...] | None = None
    fall_months: float | str | None = None
    hazard_knots: int | tuple[float, ...] = 3
    n_nodes: int | None = None
    time_origin: float | str = 0.0
    growth_unit: float | str = 6.0
    priors: Priors = field(default_factory=Priors)

    def __post_init__(self):
        self._check_choices()
        self._check_time()
        self._check_spline()
        self._check_hazard_knots()
        if self.n_random > 1 + {"linear": 1, "spline": 1, "treatment": 1, "quadratic": 2, "cubic": 3}[self.growth]:
            raise SpecError(
                f"random_effects={self.random_effects!r} has to be part of the growth curve, which is {self.growth!r}: "
                "a patient can deviate only in the terms of the class curve."
            )
        self._check_association()
        if not self.closed_form and self.n_random > 2:
            raise SpecError(
                f"random_effects={self.random_effects!r} is for "
                f"{' or '.join(f'family={name!r}' for name, family in FAMILIES.items() if family.closed_form)} "
                f"without association; family={self.family!r} with association={self.association!r} integrates them by "
                "quadrature: none, intercept or slope."
            )
        if self.class_specific_random_effects and self.random_effects == "none":
            raise SpecError("class_specific_random_effects=True needs random effects; random_effects is 'none'.")
        own = {parameter.by_class for parameter in FAMILIES[self.family].parameters}
        for name in dict.fromkeys(p.by_class for each in FAMILIES.values() for p in each.parameters if p.by_class):
            if getattr(self, name) and name not in own:
                raise SpecError(f"{name}=True has no effect under family={self.family!r}.")
        if self.endpoint is None and (self.survival, self.survival_by_class) != ("~ 1", "~ 1"):
            raise SpecError("endpoint=None models no survival, so survival formulas have no effect; allowed: '~ 1'.")

    def _check_choices(self):
        if not isinstance(self.n_classes, Integral) or isinstance(self.n_classes, bool) or self.n_classes < 1:
            raise SpecError(f"n_classes has to be a whole number of 1 or more; found {self.n_classes!r}.")
        object.__setattr__(self, "n_classes", int(self.n_classes))
        hazards = [name for name in HAZARDS if name != "none"]
        for name, allowed in (
            ("growth", list(GROWTH)),
            ("random_effects", list(RANDOM_EFFECTS)),
            ("family", list(FAMILIES)),
            ("hazard", hazards),
            ("association", list(ASSOCIATIONS)),
        ):
            if getattr(self, name) not in allowed:
                raise SpecError(f"{name} has to be one of {', '.join(allowed)}; found {getattr(self, name)!r}.")
        if self.endpoint is not None and (not isinstance(self.endpoint, str) or not self.endpoint):
            raise SpecError(f"endpoint has to be the name of an endpoint, or None; found {self.endpoint!r}.")
        for name in FORMULAS:
            columns_of(getattr(self, name), name)
        if "time" in columns_of(self.longitudinal_by_class, "longitudinal_by_class"):
            raise SpecError(
                f"longitudinal_by_class: {self.longitudinal_by_class!r} names 'time'; allowed: covariates, each of "
                "which is multiplied with every term of the growth curve."
            )
        for name in (f.name for f in fields(self) if f.type is bool):
            if not isinstance(getattr(self, name), bool):
                raise SpecError(f"{name} has to be True or False; found {getattr(self, name)!r}.")
        if self.n_nodes is not None and (
            not isinstance(self.n_nodes, Integral) or isinstance(self.n_nodes, bool) or not 1 <= self.n_nodes <= 101
        ):
            raise SpecError(f"n_nodes has to be a whole number from 1 to 101, or None; found {self.n_nodes!r}.")
        if not isinstance(self.priors, Priors):
            raise SpecError(f"priors has to be a Priors object; found {self.priors!r}.")

    def _check_association(self):
        if self.association == NONE:
            if self.association_by_class:
                raise SpecError(
                    "association_by_class=True has no effect with association='none'; allowed with one of "
                    f"{', '.join(a for a in ASSOCIATIONS if a != NONE)}."
                )
            return
        if self.random_effects == "none":
            raise SpecError(
                f"association={self.association!r} needs patients whose curves differ within a class; found "
                "random_effects='none', allowed: intercept or slope (or association='none')."
            )
        if self.endpoint is None:
            raise SpecError(
                f"association={self.association!r} needs a survival endpoint; found endpoint=None, allowed: the name "
                "of an endpoint (or association='none')."
            )

    def _check_time(self):
        for name in ("time_origin", "growth_unit"):
            months = _months(getattr(self, name))
            if not isfinite(months) or (name == "growth_unit" and months <= 0):
                least = " above 0" if name == "growth_unit" else ""
                raise SpecError(
                    f"{name} has to be months{least}, or text such as '65 years' (days, weeks, months, years); found "
                    f"{getattr(self, name)!r}."
                )
            object.__setattr__(self, name, months)
        if self.fall_months is None:
            return
        if self.growth != "treatment":
            raise SpecError(f"fall_months belongs to growth='treatment'; growth is {self.growth!r}.")
        months = _months(self.fall_months)
        if not 0 < months < inf:
            raise SpecError(
                f"fall_months has to be months above 0, or text such as '3 weeks'; found {self.fall_months!r}."
            )
        object.__setattr__(self, "fall_months", months)

    def _check_hazard_knots(self):
        knots = self.hazard_knots
        if isinstance(knots, Integral) and not isinstance(knots, bool) and 1 <= knots <= 20:
            return
        try:
            months = tuple(float(k) for k in knots)  # type: ignore[union-attr]
        except (TypeError, ValueError):
            months = ()
        if not months or not all(0 < k < inf for k in months) or any(a >= b for a, b in pairwise(months)):
            raise SpecError(
                f"hazard_knots has to be increasing months above 0, such as (3, 9), or a number of knots from 1 to 20; "
                f"found {knots!r}."
            )
        object.__setattr__(self, "hazard_knots", months)

    def _check_spline(self):
        if not isinstance(self.spline_df, Integral) or isinstance(self.spline_df, bool) or self.spline_df < 2:
            raise SpecError(f"spline_df has to be a whole number of 2 or more; found {self.spline_df!r}.")
        if self.knots is None:
            return
        if self.growth != "spline":
            raise SpecError(f"knots belong to growth='spline'; growth is {self.growth!r}.")
        try:
            knots = tuple(float(k) for k in self.knots)
        except (TypeError, ValueError) as error:
            raise SpecError(f"knots have to be months, such as (0, 3, 9); found {self.knots!r}.") from error
        if len(knots) < 3 or not all(isfinite(k) for k in knots) or any(a >= b for a, b in pairwise(knots)):
            raise SpecError(f"a spline needs 3 or more increasing knots, its boundaries included; found {knots}.")
        object.__setattr__(self, "knots", knots)

    @property
    def n_random(self) -> int:
        """Random effects of a patient."""
        return RANDOM_EFFECTS[self.random_effects]

    @property
    def closed_form(self) -> bool:
        """Whether the family's random effects are integrated without quadrature, if it is compiled."""
        return self.association == NONE and FAMILIES[self.family].closed_form

    @property
    def hazard_name(self) -> str:
        """The hazard in the likelihood: "none" without an endpoint."""
        return self.hazard if self.endpoint is not None else "none"

    @property
    def class_specific_shape(self) -> bool:
        """Whether each class has a separate shape."""
        return not self.common_shape

    def with_(self, **changes) -> "ModelSpec":
        """The same specification with some fields changed.

        `knots` and `fall_months`, which belong to one kind of growth, are dropped if another is given without them.
        """
        if changes.get("growth", self.growth) != self.growth:
            changes = {"knots": None, "fall_months": None, **changes}
        return replace(self, **changes)

    def __repr__(self) -> str:
        return as_call(self, ALWAYS_TOLD)

    def _repr_html_(self) -> str:
        return html([repr(self), self.describe()])

    def describe(
        self, causes: tuple[str, ...] = (), marker: Outcome | None = None, cohort: Cohort | None = None
    ) -> str:
        """The model in words and formulas, with its priors on readable scales and its assumptions.

        Parameters
        ----------
        causes : sequence of str
            Competing events of the endpoint, as in ``cohort.causes["ttf"]``.
        marker : Outcome, optional
            The outcome if not a count: ``cohort.marker``.
        cohort : Cohort, optional
            The data, which determine causes, marker and the treatment of samples after the endpoint; priors are then
            also given in the cohort's months, cells and units.

        Examples
        --------
        >>> print(bc.ModelSpec(n_classes=2).describe())
        A joint latent class model with 2 classes: log counts over time, and overall survival (os).
        ...
        """
        if cohort is None:
            return describe(self, tuple(causes), marker or CTC_COUNT)
        design = Design.settle(cohort, self)
        return describe(self, design.causes, cohort.outcome, design, cohort.samples_after_endpoint)
