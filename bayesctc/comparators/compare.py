"""Three readings of the counts against survival, side by side: at baseline, at cycle 2, and as trajectory classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bayesctc.comparators.association import MOST_VALUES, associations
from bayesctc.comparators.endpoint import compare_endpoint
from bayesctc.comparators.published import published_aic, published_table
from bayesctc.comparators.readings import Reading, b2ctc, bctc, tctc
from bayesctc.data import Cohort
from bayesctc.data.source import of_the_trial
from bayesctc.errors import DataError, SpecError
from bayesctc.inference.ml import fit_ml
from bayesctc.model.spec import ModelSpec
from bayesctc.results.bayes_fit import BayesFit

TABLES = ("hazard_ratios", "criteria", "tests")  # of each endpoint
UNFAIR = (
    "Trajectory classes use samples that baseline and cycle-2 status have not seen, drawn while the patient lived: "
    "part of their advantage is that. A landmark (landmark=) classifies all three on the same samples and follows who "
    "is still at risk."
)
FAIR = (
    "All three readings use samples up to {0:g} months only, and patients still at risk then are followed from there: "
    "a fair comparison, of what is known at {0:g} months."
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare_classifiers` found.

    Attributes
    ----------
    hazard_ratios : DataFrame
        endpoint, reading, level, reference, method, estimate, lower, upper (95 %), p, note. Methods: "Cox" and
        "Weibull" (on the reading; for tctc on the modal class by the counts alone, as if it were known), "Weibull,
        Bayes" (posterior), "three-step BCH" (corrected for misclassification), "joint ML" and "joint Bayes".
        A level without an estimate has <NA> there and a note that says why.
    criteria : DataFrame
        endpoint, reading, method, n_patients, n_events, aic_cox (partial likelihood), aic_weibull (for the joint
        model that of survival given counts), aic_longitudinal (the rest of the joint model's AIC), elpd (LOO of
        survival given counts), se, elpd_difference (from the best), se_difference, n_high_k, note. Higher elpd, lower
        AIC are better; the AICs of Cox and Weibull are not comparable with each other.
    tests : DataFrame
        endpoint, reading, test ("log-rank" of the levels, unadjusted; "proportional hazards" on the scaled Schoenfeld
        residuals of the Cox regression), of (a term, or GLOBAL), chi2, df, p.
    associations : DataFrame
        Readings against the covariates with 2 to 10 values; see `associations`.
    cohort : Cohort
        The patients compared.
    readings : dict of Reading
    published : DataFrame
        The study's hazard ratios (its own data, not these); without rows where they were not wanted.
    published_aic : DataFrame
        The study's AICs of Cox models, endpoints by readings; likewise.
    flow : DataFrame
        Who was left out, and why.
    fits : dict of BayesFit
        The joint model of each endpoint.
    landmark : float or None
        Months.
    confounders : str
    warnings : tuple of str
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
    fits: dict[str, BayesFit]
    landmark: float | None
    confounders: str
    warnings: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Which comparison this is, and what ranks first by each criterion."""
        return _sentence(self.criteria, self.landmark)

    def check_endpoint(self, endpoint: str) -> None:
        """Refuse an endpoint that was not compared."""
        if endpoint not in self.fits:
            raise SpecError(f"endpoint has to be one of {', '.join(self.fits)}; found {endpoint!r}.")

    def size(self, endpoint: str) -> tuple[int, int]:
        """Patients and events of an endpoint's analysis."""
        row = self.criteria[self.criteria["endpoint"] == endpoint].iloc[0]
        return int(row["n_patients"]), int(row["n_events"])


def compare_classifiers(
    cohort: Cohort,
    spec: ModelSpec,
    *,
    endpoints: Sequence[str] | None = None,
    confounders: str = "~ 1",
    landmark: float | None = None,
    cutoff: float = 5,
    window: tuple[float, float] = (0.0, 2.0),
    draws: int = 500,
    tune: int = 300,
    chains: int = 4,
    n_starts: int = 20,
    random_seed: int = 0,
    published: bool | None = None,
    progress: bool = True,
) -> Comparison:
    """Compare baseline status, baseline to cycle 2, and trajectory classes against survival, on the same patients.

    Classes enter in three ways: the modal class by the counts alone as if it were known (the published analysis), the
    same with the BCH correction, and the joint model. The first two take one classification for all endpoints.

    Parameters
    ----------
    cohort : Cohort
        Patients who cannot be read at baseline or cycle 2 are left out, and counted in `Comparison.flow`.
    spec : ModelSpec
        Of the joint model; its survival formula is replaced by the confounders and its endpoint by each of `endpoints`.
    endpoints : sequence of str, optional
        By default the spec's.
    confounders : str
        Formula of covariates that every regression adjusts for, such as ``"~ arm + subtype"``.
    landmark : float, optional
        Months: read samples up to then only, and follow the patients still at risk from then on.
    cutoff : float
        Cells per 7.5 mL from which a sample is positive.
    window : tuple of float
        Months (after, up to) in which the first sample counts as cycle 2.
    draws, tune, chains, n_starts, random_seed, progress
        As `fit_bayes` takes them.
    published : bool, optional
        Put the figures of the study (CALGB 40502) beside; unless given, where the cohort is the synthetic trial, which
        was drawn to agree with them.

    Returns
    -------
    Comparison

    Raises
    ------
    SpecError
        No endpoint, or a spec with one class.
    DataError
        An endpoint without events or with competing ones, nobody who can be read, a landmark after the last follow-up.
    """
    names = _endpoints(cohort, spec, endpoints)
    shown = of_the_trial(cohort.source) if published is None else bool(published)
    if spec.n_classes < 2:
        raise SpecError(f"trajectory classes need n_classes of 2 or more; found {spec.n_classes}.")
    cohort, readings = _readable(cohort if landmark is None else cohort.landmark(landmark), cutoff, window)
    counts = spec.with_(endpoint=None, survival="~ 1", survival_by_class="~ 1")
    growth = fit_ml(cohort, counts, n_starts=n_starts, random_seed=random_seed, progress=progress)
    probabilities = growth.class_probabilities_counts
    readings["tctc"] = tctc(probabilities)
    settings = {"draws": draws, "tune": tune, "chains": chains, "n_starts": n_starts, "random_seed": random_seed,
                "progress": progress}  # fmt: skip
    arguments = (readings, probabilities, confounders, settings)
    parts = {name: compare_endpoint(cohort, spec.with_(endpoint=name), *arguments) for name in names}
    return Comparison(
        **{table: pd.concat([getattr(part, table) for part in parts.values()], ignore_index=True) for table in TABLES},
        associations=_associations(readings, cohort),
        cohort=cohort,
        readings=readings,
        published=published_table() if shown else published_table().iloc[:0],
        published_aic=published_aic() if shown else published_aic().iloc[:0],
        flow=pd.concat([cohort.flow(name).assign(endpoint=name) for name in names], ignore_index=True),
        fits={name: part.fit for name, part in parts.items()},
        landmark=landmark,
        confounders=confounders,
        warnings=_warnings(growth, parts),
    )


def _readable(cohort, cutoff, window):
    """The patients with a baseline and a cycle-2 sample, and both readings."""
    readings = {"bctc": bctc(cohort, cutoff), "b2ctc": b2ctc(cohort, cutoff, window)}
    for reading in readings.values():
        for reason in reading.excluded["reason"].unique():
            gone = reading.excluded["patient_id"][reading.excluded["reason"] == reason]
            kept = cohort.patients.index[~cohort.patients.index.isin(gone)]
            if len(kept) == 0:
                raise DataError("compare_classifiers: nobody has a baseline and a cycle-2 sample; widen window=.")
            if len(kept) < cohort.n_patients:
                cohort = cohort.select(kept, reason)
    return cohort, readings


def _endpoints(cohort, spec, endpoints):
    """Endpoints asked for, each with events."""
    if isinstance(endpoints, str):
        raise SpecError(f"endpoints has to be a list such as ['os', 'pfs']; found the text {endpoints!r}.")
    names = list(endpoints) if endpoints is not None else [spec.endpoint]
    if not names or names == [None]:
        raise SpecError("compare_classifiers needs an endpoint: give endpoints= or a spec with one.")
    for name in names:
        cohort.endpoint(name).need_one_event("compare_classifiers")
    return names


def _associations(readings, cohort):
    """Every reading against every covariate that has few values."""
    patients = cohort.patients
    few = [name for name in cohort.covariates if 2 <= patients[name].nunique() <= MOST_VALUES]
    compared = [replace(reading, levels=reading.levels.loc[patients.index]) for reading in readings.values()]
    return associations(compared, cohort, few)


def _warnings(growth, parts):
    """What is doubtful about the classification, and about each endpoint's joint model."""
    notes = [f"classes by counts alone: {w}" for w in growth.warnings]
    return (*notes, *(f"{name}: {w}" for name, part in parts.items() for w in part.warnings))


def _sentence(criteria, landmark):
    """Which comparison this is, and what ranks first by each criterion."""
    found = []
    for endpoint, rows in criteria.groupby("endpoint", sort=False):
        cox = rows.dropna(subset=["aic_cox"]).sort_values("aic_cox")["reading"]
        best = rows.dropna(subset=["elpd"]).sort_values("elpd", ascending=False)
        second = best.iloc[1]
        found.append(
            f"{endpoint}: AIC of Cox models ranks {', '.join(cox)}; LOO of survival given counts puts "
            f"{best.iloc[0]['reading']} ({best.iloc[0]['method']}) first, {-second['elpd_difference']:.1f} (SE "
            f"{second['se_difference']:.1f}) above {second['reading']} ({second['method']})."
        )
    return " ".join([*found, UNFAIR if landmark is None else FAIR.format(landmark)])
