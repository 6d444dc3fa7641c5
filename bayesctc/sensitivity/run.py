"""Running a plan: first the base, then its variations, each stored as it finishes."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from bayesctc import arguments
from bayesctc.criteria.counting import loo_counts
from bayesctc.criteria.loo import HIGH_K
from bayesctc.data import Cohort
from bayesctc.errors import BayesctcError, FitError
from bayesctc.inference.settings import VARIED, SamplingOptions, Settings
from bayesctc.jobs.run import carry_out
from bayesctc.jobs.store import Store, key_of, seed_of
from bayesctc.jobs.task import Lost, Task
from bayesctc.model.analysis import Analysis
from bayesctc.model.families import FAMILIES
from bayesctc.model.spec import ModelSpec
from bayesctc.progress import Progress
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.disk.parts import check_kept
from bayesctc.results.usable import why_not
from bayesctc.sensitivity.dropout import complete
from bayesctc.sensitivity.jobs import DONE, FAILED, SAME, Job, empty_record, identity, record_of, run_job
from bayesctc.sensitivity.plan import POWERS, SensitivityPlan
from bayesctc.sensitivity.powers import power_sensitivity, scaled
from bayesctc.sensitivity.resolve import Base, Resolved, resolve, without
from bayesctc.sensitivity.result import Sensitivity, gather
from bayesctc.sensitivity.targets import Targets, last_event
from bayesctc.shown import told_apart

COUNTS, PSENSE = {"option": "elpd of the counts"}, {"option": "psense"}


class SensitivityOptions(SamplingOptions, total=False):
    """Keywords of `run_sensitivity`: its settings, and where curves are compared."""

    max_refits: int
    executor: Executor | None
    months: Sequence[float]
    survival_months: Sequence[float]


def run_sensitivity(
    cohort: Cohort,
    spec: ModelSpec,
    plan: SensitivityPlan,
    *,
    treated: Cohort | None = None,
    folder: str | Path | None = None,
    settings: Settings = VARIED,
    **options: Unpack[SensitivityOptions],
) -> Sensitivity:
    """Fit a base analysis and every variation of a plan, and compare their target quantities.

    Parameters
    ----------
    cohort : Cohort
        Of the base analysis.
    spec : ModelSpec
        Of the base analysis.
    plan : SensitivityPlan
        `default_plan` makes one.
    treated : Cohort, optional
        Before any inclusion rule; for variations that include other patients.
    folder : str or Path, optional
        Each result is stored there as it finishes, and a later run with the same data, specification, settings and
        version reuses it: run again to complete an interrupted run.
    settings : Settings
        draws (500), tune (200), chains (4) and n_starts (20), as in `fit_bayes`; a family whose random effects need
        quadrature has half as many starts, because each costs more. max_refits (5), the largest number of exact
        leave-one-out refits of each variation. random_seed (0); each variation has its own seed, derived from this one
        and from what it changes. executor, where models are fitted: in this process, one after another, unless given; a
        broken pool of processes is replaced. progress (True).
    **options
        Single settings, such as ``draws=1000``, and: months (0, 3, 6) and survival_months (12, 24) from the start of
        treatment, where trajectories and survival are compared.

    Returns
    -------
    Sensitivity

    Raises
    ------
    SpecError, DataError
        The plan does not fit the data; the message has the row, and no model was fitted.
    FitError
        The base could not be fitted.
    StorageError
        The folder cannot be written to or contains a damaged result, or the base fit could not be saved in it.

    Examples
    --------
    >>> plan = bc.SensitivityPlan([{"option": "cutoff", "value": 3}])
    >>> result = bc.run_sensitivity(cohort, spec, plan, settings=few)
    >>> len(result.changes)
    0
    """
    how = Settings.of(run_sensitivity, settings, options).for_loo()
    _check(cohort, spec, plan, treated)
    targets = Targets(options.get("months", Targets.months), options.get("survival_months", Targets.survival_months))
    if spec.endpoint is not None:
        targets = replace(targets, horizon=last_event(Analysis.settle(cohort, spec)))
    if folder is not None:
        check_kept(cohort)
    base = Base(cohort, spec, treated, targets)
    found = resolve(plan, base)
    return _Run(base, how, Store(folder)).finish(plan, found)


def _check(cohort, spec, plan, treated):
    for what, value, kind in (
        ("cohort", cohort, Cohort),
        ("spec", spec, ModelSpec),
        ("plan", plan, SensitivityPlan),
        ("treated", treated, Cohort | None),
    ):
        arguments.of_kind(what, value, kind)


class _Run:
    """One run of a plan.

    Parameters
    ----------
    base : Base
    settings : Settings
    store : Store
    """

    def __init__(self, base: Base, settings: Settings, store: Store):
        self.base, self.settings, self.store = base, settings, store

    def finish(self, plan: SensitivityPlan, found: list[Resolved]) -> Sensitivity:
        """Run what is missing, and gather everything."""
        with Progress(self.settings.progress) as bar:
            base = self._base_record(bar)
            missing = [each for each in found if self.store.get(*self._name(each)) is None]
            jobs = [each for each in (self._job(each) for each in missing if not each.free) if each is not None]
            for each in missing:
                if each.free:
                    self._reweigh(each)
            what = f"sensitivity: {len(jobs)} of {len(found)} variations to fit"
            lost = {job.key: record for job, record in self._records(jobs, bar, what) if record["status"] == FAILED}
            records = [self._compared(each, base, lost) for each in found]
            scales = any(each.row.option in POWERS for each in found) and not base["unusable"]
            psense = self._psense() if scales else None
        return gather(plan, found, base, records, self.base.targets, psense, self.base.cohort.outcome)

    def _records(self, jobs: list[Job], bar: Progress, what: str) -> list[tuple[Job, dict[str, Any]]]:
        """Finished jobs with their records; the record of a job whose worker died is not stored."""
        if self.settings.executor is not None and len(jobs) > 1:  # chains in turn, because other jobs run in parallel
            jobs = [replace(job, settings=replace(job.settings, cores=1)) for job in jobs]
        done = carry_out(
            [Task(job.key, job.variation, job) for job in jobs],
            run_job,
            self.base.cohort,
            store=self.store,
            executor=self.settings.executor,
            bar=bar,
            what=what,
        )
        return [
            (job, empty_record(job.key, job.variation, job.content, FAILED, record.reason, job.notes))
            if isinstance(record, Lost)
            else (job, record)
            for job, record in zip(jobs, done, strict=True)
        ]

    def _key(self, cohort, spec, targets, content):
        """Hash of what determines a result."""
        return key_of(self.settings.random_seed, identity(cohort, spec, targets, self.settings, content))

    def _seed(self, content: Any) -> int:
        """The seed of this content."""
        return seed_of(self.settings.random_seed, content)

    def _name(self, each: Resolved):
        """Key and name of a variation; the key covers what the base determines."""
        needs = self._base_key if each.free or each.waits else None
        content = {**each.row.content, "base": needs, "counting": self._counting(each)}
        return self._key(each.cohort, each.spec, each.targets, content), each.row.variation

    @property
    def _base_key(self):
        return self._key(self.base.cohort, self.base.spec, self.base.targets, {"option": "base"})

    def _base_record(self, bar: Progress) -> dict[str, Any]:
        """The record of the base fit, which is fitted if fit or record are missing."""
        key, content = self._base_key, {"option": "base"}
        cohort, spec, targets = (), self.base.spec, self.base.targets
        job = Job(key, "base", content, cohort, spec, targets, self.settings.alone(self._seed("base")), keep_fit=True)
        ((_, record),) = self._records([job], bar, "sensitivity: the base fit")
        if record["status"] == FAILED:
            raise FitError(f"the base could not be fitted: {record['reason']}")
        return record

    @property
    def fit(self) -> BayesFit:
        """The base fit, from this run or from the folder."""
        fit = self.store.get_fit(self._base_key, "base")
        assert fit is not None
        return fit

    def _counting(self, each: Resolved):
        """Whether only elpd of the counts is comparable, because one of the two families has a density."""
        own, base = FAMILIES[each.spec.family], FAMILIES[self.base.spec.family]
        return each.row.method == "nuts" and own.measure != base.measure

    def _job(self, each: Resolved) -> Job | None:
        """The job of a variation; None if there is nothing to fit, which is recorded."""
        key, name = self._name(each)
        content = each.row.content
        cohorts: tuple[Cohort, ...] = () if each.cohort is self.base.cohort else (each.cohort,)
        notes: tuple[str, ...] = ()
        try:
            if each.row.option == "leave_out_pareto_k":
                cohorts, notes = self._without_outliers(each.row.value)
            elif each.row.option == "dropout_delta":
                filled = complete(self.fit, float(each.row.value), self._seed(["imputed", content]))
                cohorts = filled.cohorts
                notes = (f"{filled.n_imputed} counts imputed {filled.gap:.2f} months after the last sample",)
        except BayesctcError as error:
            self.store.put(key, name, empty_record(key, name, content, FAILED, str(error).splitlines()[0]))
            return None
        if each.row.option == "leave_out_pareto_k" and not cohorts:
            self.store.put(key, name, empty_record(key, name, content, SAME, notes[0]))
            return None
        return Job(
            key,
            name,
            content,
            cohorts,
            each.spec,
            each.targets,
            self.settings.alone(self._seed(content)),
            each.row.method,
            self._counting(each),
            notes=notes,
        )

    def _without_outliers(self, limit) -> tuple[tuple[Cohort, ...], tuple[str, ...]]:
        """The cohort without patients whose pareto_k in the base fit is above a limit."""
        record = self.store.get(self._base_key, "base")
        assert record is not None
        analysed = Analysis.settle(self.base.cohort, self.base.spec).packed.patient_ids
        k = pd.Series(record["pareto_k"], index=list(analysed), dtype=float).fillna(float("inf"))  # not finite
        gone = k.index[k > limit]
        if len(gone) == 0:
            return (), (f"no patient has a pareto_k above {limit:g}; the largest is {k.max():.2f}",)
        out = self.base.cohort.patients.index.isin(gone)
        why = f"pareto_k above {limit:g} in the base fit"
        return (without(self.base.cohort, out, why),), (f"{len(gone)} patients excluded: {why}",)

    def _reweigh(self, each: Resolved):
        """A variation that uses the base's draws."""
        key, name = self._name(each)
        fit, reason = self.fit, why_not(self.fit)
        if each.row.option in POWERS:
            fit, k = scaled(fit, each.row.option.removesuffix("_power"), float(each.row.value))
            if reason is None and not k <= HIGH_K:
                reason = f"pareto_k of the weights is {told_apart(k, HIGH_K, 2)}, at most {HIGH_K:g} allowed"
        record = record_of(key, name, each.row.content, fit, each.targets, None, fit.warnings, reason)
        self.store.put(key, name, record)

    def _compared(self, each: Resolved, base, lost):
        """The record of a variation, with the elpd it is compared with, or the reason why not."""
        key, name = self._name(each)
        record = lost.get(key) or self.store.get(key, name)
        assert record is not None
        if record["status"] != DONE:
            return record
        if each.cohort.fingerprint != self.base.cohort.fingerprint or each.waits:
            return {**record, "against": "not compared: other patients, or other data of the same patients"}
        if each.spec.endpoint != self.base.spec.endpoint:
            return {**record, "against": "not compared: another endpoint"}
        return {**record, "against": self._counted() if self._counting(each) else {"elpd": base["elpd"]}}

    def _counted(self):
        """elpd of the base's counts, a common measure for all families."""
        content = {**COUNTS, "base": self._base_key}
        key = self._key(self.base.cohort, self.base.spec, self.base.targets, content)
        record = self.store.get(key, "base elpd of counts")
        if record is None:
            found = loo_counts(self.fit, max_refits=self.settings.max_refits, progress=False)
            record = empty_record(key, "base elpd of counts", content, DONE, "", found.warnings)
            record["elpd"] = found.pointwise["elpd"].tolist()
            self.store.put(key, "base elpd of counts", record)
        return {"elpd": record["elpd"]}

    def _psense(self) -> pd.DataFrame:
        """ArviZ's power-scaling sensitivity of the base's parameters."""
        content = {**PSENSE, "base": self._base_key}
        key = self._key(self.base.cohort, self.base.spec, self.base.targets, content)
        record = self.store.get(key, "psense")
        if record is None:
            record = empty_record(key, "psense", content, DONE, "")
            record["rows"] = (
                power_sensitivity(self.fit).astype(object).where(lambda t: t.notna(), None).to_dict("records")
            )
            self.store.put(key, "psense", record)
        return pd.DataFrame(record["rows"])
