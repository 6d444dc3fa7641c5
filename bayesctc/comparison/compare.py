"""Comparison of three readings of the counts by survival: at baseline, at cycle 2, and as trajectory classes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

import pandas as pd

from bayesctc import arguments
from bayesctc.comparison.association import MOST_VALUES, associations
from bayesctc.comparison.endpoint import compare_endpoint
from bayesctc.comparison.joint import Joint, adjusted_otherwise, check_joint, check_patients
from bayesctc.comparison.published import published_aic, published_table
from bayesctc.comparison.readings import CYCLE_2, Reading, b2ctc, bctc, tctc
from bayesctc.data import Cohort
from bayesctc.data.columns import time_text
from bayesctc.data.endpoint import checked_cause
from bayesctc.data.source import of_the_trial, time_unit_of
from bayesctc.errors import DataError, SpecError
from bayesctc.inference.ml import fit_ml
from bayesctc.inference.settings import COMPARED, SamplingOptions, Settings
from bayesctc.model.spec import ModelSpec
from bayesctc.predict.trajectories import POSITIVE_COUNT
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.usable import why_not
from bayesctc.shown import Shown

TABLES = ("hazard_ratios", "criteria", "tests")  # of each endpoint
UNFAIR = (
    "Trajectory classes use later samples than baseline and cycle-2 status, drawn while the patient was alive, and "
    "part of their advantage comes from that. With a landmark (landmark=, on the command line --landmark) all three "
    "use the same samples, and the patients still at risk are followed from there."
)
CARRIED = (
    "Trajectory classes were formed once, from the counts alone, and used for every endpoint: each class consists of "
    "the same patients."
)
OWN_CLASSES = (
    "A joint fit (rows marked 'joint fit') forms separate classes for each endpoint, which may contain other patients "
    "under the same label."
)
AT_LANDMARK = (
    "All three readings use what is known at {0}: only samples up to then, and patients still at risk are followed "
    "from there."
)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Shown):
    """The result of `compare_classifiers`.

    Attributes
    ----------
    hazard_ratios : DataFrame
        endpoint, cause ("" if there is one event), reading, level, reference, method, classes, estimate, lower, upper
        (95 %), p, note, usable and reason (why a row is not counted: its fit failed, or it has no estimate). Methods:
        "Cox" and "Weibull" (regression on the reading; for tctc on the modal class by the counts alone, treated as
        known), "Weibull, Bayes" (posterior), "three-step BCH" (corrected for misclassification), and if requested
        "joint ML" and "joint Bayes". classes is the origin of the classes of a row: "counts alone" (the same for every
        endpoint) or "joint fit" (specific to this endpoint); "" for a reading without classes. A level without an
        estimate has <NA> and a note with the reason.
    criteria : DataFrame
        endpoint, reading, method, classes, n_patients, n_events, aic_cox (partial likelihood), aic_weibull (for the
        joint model that of survival given counts), aic_longitudinal (the rest of the joint model's AIC), elpd (LOO of
        survival given counts), se, elpd_difference (from the best usable row), se_difference, n_high_k, note,
        usable and reason (why a row is not counted). Higher elpd and lower AIC are better; the AICs of Cox and Weibull
        cannot be compared with each other. With competing events, criteria are for all of them together: n_events
        counts each, and AICs are sums over the causes.
    tests : DataFrame
        endpoint, cause, reading, test ("log-rank" of the levels, unadjusted; "proportional hazards" on the scaled
        Schoenfeld residuals of the Cox regression), of (a term, or GLOBAL), chi2, df, p.
    associations : DataFrame
        Association of readings with the covariates that have 2 to 10 values; see `associations`.
    cohort : Cohort
        The patients compared.
    readings : dict of Reading
    published : DataFrame
        The study's hazard ratios (its own data, not these); without rows unless requested.
    published_aic : DataFrame
        The study's AICs of Cox models, endpoints by readings; without rows unless requested.
    flow : DataFrame
        Exclusions, with reasons.
    growth : MLFit
        The growth mixture of the counts alone (endpoint=None) that formed the classes for every endpoint.
    fits : dict of BayesFit
        The joint models, by endpoint; empty unless requested.
    settings : mapping
        draws, tune, chains, n_starts and random_seed.
    landmark : float or None
        Months.
    confounders : str
    warnings : tuple of str

    Examples
    --------
    >>> found = bc.compare_classifiers(cohort, spec, endpoints=["os"], settings=few)
    >>> found.criteria["reading"].unique().tolist()
    ['bctc', 'b2ctc', 'tctc']
    >>> found.readings["bctc"].levels.value_counts().to_dict()
    {'pos': 254, 'neg': 215}
    """

    hazard_ratios: pd.DataFrame
    criteria: pd.DataFrame
    tests: pd.DataFrame
    associations: pd.DataFrame
    cohort: Cohort
    readings: dict[str, Reading]
    published: pd.DataFrame
    published_aic: pd.DataFrame
    flow: pd.DataFrame
    growth: MLFit
    fits: dict[str, BayesFit]
    settings: Mapping[str, int]
    landmark: float | None
    confounders: str
    warnings: tuple[str, ...]

    def _shown(self) -> Iterator[str]:
        yield self.sentence
        yield from (f"warning: {text}" for text in self.warnings)

    def _tables(self) -> Iterator[pd.DataFrame]:
        shown = ["endpoint", "cause", "reading", "level", "reference", "method", "estimate", "lower", "upper", "p"]
        shown = shown if self.hazard_ratios["cause"].any() else [name for name in shown if name != "cause"]
        yield self.hazard_ratios[shown].astype({"estimate": float, "lower": float, "upper": float}).round(3)

    @property
    def sentence(self) -> str:
        """The kind of comparison, and what ranks first by each criterion."""
        origin = f"{CARRIED} {OWN_CLASSES}" if self.fits else CARRIED
        return f"{_sentence(self.criteria, self.landmark, time_unit_of(self.cohort.source))} {origin}"

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The endpoints compared."""
        return tuple(dict.fromkeys(self.criteria["endpoint"]))

    def check_endpoint(self, endpoint: str) -> None:
        """Refuse an endpoint that was not compared."""
        if endpoint not in self.endpoints:
            raise SpecError(f"endpoint has to be one of {', '.join(self.endpoints)}; found {endpoint!r}.")

    def checked_cause(self, endpoint: str, cause: str | None) -> str:
        """One of an endpoint's competing events, the first unless given; "" if there is one event."""
        self.check_endpoint(endpoint)
        return checked_cause(endpoint, self.cohort.causes.get(endpoint, ()), cause)

    def size(self, endpoint: str, cause: str = "") -> tuple[int, int]:
        """Patients and events of an endpoint's analysis, of all causes or of one."""
        row = self.criteria[self.criteria["endpoint"] == endpoint].iloc[0]
        of_cause = self.cohort.endpoint(endpoint).by_cause()[cause].sum() if cause else row["n_events"]
        return int(row["n_patients"]), int(of_cause)


class ComparisonOptions(SamplingOptions, total=False):
    """Keywords of `compare_classifiers`: its settings, how counts are read, and what is shown."""

    cutoff: float
    window: tuple[float, float]
    published: bool | None


def compare_classifiers(
    cohort: Cohort,
    spec: ModelSpec,
    *,
    endpoints: Sequence[str] | None = None,
    confounders: str = "~ 1",
    landmark: float | None = None,
    joint: Joint = False,
    settings: Settings = COMPARED,
    **options: Unpack[ComparisonOptions],
) -> Comparison:
    """Compare baseline status, baseline to cycle 2, and trajectory classes by survival, in the same patients.

    Classes are formed from the counts alone: a growth mixture is fitted once, without survival, and its P(g | y) is
    used for every endpoint, so that a class contains the same patients for all of them. Classes enter as the modal
    class, treated as known (the published analysis), and with the BCH correction for misclassification. In a joint
    model (`joint`) survival also informs the classes, which then differ by endpoint; `BayesFit.class_separation` shows
    how much. Each competing event has cause-specific hazard ratios and tests, with the other causes censored.

    Parameters
    ----------
    cohort : Cohort
        Patients without a reading at baseline or cycle 2 are excluded, and counted in `Comparison.flow`.
    spec : ModelSpec
        Its part for the counts defines the growth mixture. Its hazard and priors are used in the regressions and in the
        joint model, with the survival formula replaced by the confounders and the endpoint by each of `endpoints`.
    endpoints : sequence of str, optional
        By default the spec's.
    confounders : str
        Formula of covariates that every regression adjusts for, such as ``"~ arm + subtype"``.
    landmark : float, optional
        Months: use only samples up to this time, and follow the patients still at risk from there.
    joint : bool or mapping of endpoint to BayesFit
        Add the joint model of each endpoint: True fits it by maximum likelihood and by NUTS; or give fits to the
        patients compared.
    settings : Settings
        draws (500), tune (200), chains (4), n_starts (20), random_seed (0) and progress (True), as in `fit_bayes`.
    **options
        Single settings, such as ``draws=1000``, and: cutoff (5), cells per 7.5 mL from which a sample is positive;
        window (0, 2), months (after, up to) in which the first sample counts as cycle 2; published, whether to add the
        figures of the study (CALGB 40502), by default only for the synthetic trial, which was simulated to agree with
        them.

    Returns
    -------
    Comparison

    Raises
    ------
    SpecError
        There is no endpoint, spec has one class, or a joint fit has other patients, endpoint or number of classes.
    DataError
        An endpoint has no events, no patient can be read, or the landmark is after the last follow-up.

    Examples
    --------
    >>> found = bc.compare_classifiers(cohort, spec, endpoints=["os"], settings=few)
    >>> found.hazard_ratios.query("method == 'Cox'").set_index("level")["estimate"].astype(float).round(1).to_dict()
    {'pos': 2.5, 'neg-pos': 0.8, 'pos-pos': 2.4, 'neg-neg': 0.6, 'class 2': 3.3}
    """
    how = Settings.of(compare_classifiers, settings, options).for_loo()
    names = _endpoints(cohort, spec, endpoints)
    check_joint(joint, names, spec.n_classes)
    published = options.get("published")
    shown = of_the_trial(cohort.source) if published is None else bool(published)
    cohort = cohort if landmark is None else cohort.landmark(landmark)
    cohort, readings = _readable(cohort, options.get("cutoff", POSITIVE_COUNT), options.get("window", CYCLE_2))
    check_patients(joint, cohort)
    growth, parts = _carried(cohort, spec, names, readings, confounders, how, joint)
    return Comparison(
        **_together(parts, cohort, shown),
        associations=_associations(readings, cohort),
        cohort=cohort,
        readings=readings,
        growth=growth,
        settings={name: getattr(how, name) for name in ("draws", "tune", "chains", "n_starts", "random_seed")},
        landmark=landmark,
        confounders=confounders,
        warnings=_warnings(growth, parts, adjusted_otherwise(joint, confounders)),
    )


def _carried(cohort, spec, names, readings, confounders, settings, joint):
    """The mixture of the counts alone, whose classes become a reading, and the comparison for each endpoint."""
    counts = spec.with_(endpoint=None, survival="~ 1", survival_by_class="~ 1")
    growth = fit_ml(cohort, counts, settings=settings)
    probabilities = growth.class_probabilities_counts
    readings["tctc"] = tctc(probabilities)
    given = (readings, probabilities, confounders, settings, why_not(growth))
    joints = dict.fromkeys(names, joint) if isinstance(joint, bool) else joint
    return growth, {
        name: compare_endpoint(cohort, spec.with_(endpoint=name), *given, joints.get(name, False)) for name in names
    }


def _together(parts, cohort, shown):
    """Tables, flow and joint fits of all endpoints; and the study's tables, without rows unless shown."""
    tables = {name: pd.concat([getattr(part, name) for part in parts.values()], ignore_index=True) for name in TABLES}
    study = {"published": published_table(), "published_aic": published_aic()}
    return {
        **tables,
        **{name: table if shown else table.iloc[:0] for name, table in study.items()},
        "flow": pd.concat([cohort.flow(name).assign(endpoint=name) for name in parts], ignore_index=True),
        "fits": {name: part.fit for name, part in parts.items() if part.fit is not None},
    }


def _readable(cohort, cutoff, window):
    """The patients with a baseline and a cycle-2 sample, and both readings."""
    readings = {"bctc": bctc(cohort, cutoff), "b2ctc": b2ctc(cohort, cutoff, window)}
    for reading in readings.values():
        for reason in reading.excluded["reason"].unique():
            gone = reading.excluded["patient_id"][reading.excluded["reason"] == reason]
            kept = cohort.patients.index[~cohort.patients.index.isin(gone)]
            if len(kept) == 0:
                raise DataError("compare_classifiers: no patient has a baseline and a cycle-2 sample; widen window=.")
            if len(kept) < cohort.n_patients:
                cohort = cohort.select(kept, reason)
    return cohort, readings


def _endpoints(cohort, spec, endpoints):
    """The endpoints to compare, checked with the cohort and the specification."""
    arguments.of_kind("cohort", cohort, Cohort)
    if arguments.of_kind("spec", spec, ModelSpec).n_classes < 2:
        raise SpecError(f"trajectory classes need n_classes of 2 or more; found {spec.n_classes}.")
    if isinstance(endpoints, str):
        raise SpecError(f"endpoints has to be a list such as ['os', 'pfs']; found the text {endpoints!r}.")
    names = list(endpoints) if endpoints is not None else [spec.endpoint]
    if not names or names == [None]:
        raise SpecError("compare_classifiers needs an endpoint: give endpoints= or a spec with one.")
    for name in names:
        _check_events(cohort, name)
    return names


def _check_events(cohort, name):
    """Refuse an endpoint without events, or whose events have no known times."""
    cohort.endpoint(name).need_known_times("compare_classifiers (Cox regressions and log-rank tests)")


def comparable(cohort: Cohort) -> tuple[list[str], tuple[str, ...]]:
    """The endpoints of a cohort that can be compared, and a note on each excluded one with the reason.

    Raises
    ------
    DataError
        None can be compared.
    """
    able, refused = [], {}
    for name in cohort.endpoints:
        try:
            _check_events(cohort, name)
            able.append(name)
        except DataError as error:
            refused[name] = error
    if refused and not able:
        raise next(iter(refused.values()))
    return able, tuple(f"{name} was excluded from the comparison: {error}" for name, error in refused.items())


def _associations(readings, cohort):
    """Every reading against every covariate that has few values."""
    patients = cohort.patients
    few = [name for name in cohort.covariates if 2 <= patients[name].nunique() <= MOST_VALUES]
    compared = [replace(reading, levels=reading.levels.loc[patients.index]) for reading in readings.values()]
    return associations(compared, cohort, few)


def _warnings(growth, parts, more):
    """Doubts about the classification and about each endpoint's joint model, and further notes."""
    notes = [f"classes by counts alone: {w}" for w in growth.warnings]
    return (*notes, *(f"{name}: {w}" for name, part in parts.items() for w in part.warnings), *more)


def _sentence(criteria, landmark, time_unit):
    """The kind of comparison, what ranks first by each criterion, and what is not counted."""
    found = []
    for endpoint, rows in criteria.groupby("endpoint", sort=False):
        counted = rows[rows["usable"]]
        cox = counted.dropna(subset=["aic_cox"]).sort_values("aic_cox")["reading"]
        without = counted.loc[counted["aic_cox"].isna() & (counted["method"] != "joint"), "reading"]
        parts = [f"AIC of Cox models ranks {', '.join(cox)}"] if len(cox) > 1 else []
        parts += [f"{', '.join(without)} {'has' if len(without) == 1 else 'have'} none"] if len(without) else []
        best = counted.sort_values("elpd", ascending=False)
        if len(best) > 1:
            first, second = best.iloc[0], best.iloc[1]
            parts.append(
                f"LOO of survival given counts ranks {first['reading']} ({first['method']}) first, "
                f"{-second['elpd_difference']:.1f} (SE {second['se_difference']:.1f}) above {second['reading']} "
                f"({second['method']})"
            )
        found.append(f"{endpoint}: {'; '.join(parts) or 'there is nothing left to compare'}.")
        failed = rows[~rows["usable"]]
        if len(failed):
            said = "; ".join(f"{r.reading}, {r.method} ({r.reason})" for r in failed.itertuples())
            found.append(f"{len(failed)} of {len(rows)} fits of {endpoint} failed and are not counted: {said}.")
    return " ".join([*found, UNFAIR if landmark is None else AT_LANDMARK.format(time_text(landmark, time_unit))])


def classes_failed(comparison: Comparison) -> str | None:
    """Why the fit that classified the patients by their counts cannot be compared; None if it can."""
    return why_not(comparison.growth)


def failures(comparison: Comparison, endpoint: str) -> dict[tuple[str, str], str]:
    """Why fits of an endpoint cannot be compared, by reading and method; rows without an estimate are not included."""
    ratios, criteria = comparison.hazard_ratios, comparison.criteria
    found: dict[tuple[str, str], str] = {}
    for table in (ratios[ratios["estimate"].notna()], criteria):
        for row in table[(table["endpoint"] == endpoint) & ~table["usable"]].to_dict("records"):
            found[row["reading"], row["method"]] = row["reason"]
    return found
