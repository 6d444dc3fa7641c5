"""Fits of one cohort with several numbers of classes, each fitted once and stored as it finishes."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from bayesctc.errors import FitError
from bayesctc.inference.ml import fit_analysis
from bayesctc.inference.nuts import sample_mode
from bayesctc.inference.settings import Settings
from bayesctc.jobs.run import carry_out
from bayesctc.jobs.store import Store, digest, key_of
from bayesctc.jobs.task import Lost, Outcome, Task
from bayesctc.model.analysis import Analysis
from bayesctc.progress import Progress
from bayesctc.results.bayes_fit import BayesFit
from bayesctc.results.ml_fit import MLFit
from bayesctc.results.ml_record import ml_fit_of, ml_record

FAILURE = "failure"
SAMPLED = ("draws", "tune", "chains", "nuts_sampler")  # settings that decide draws, beside those of the search


class Numbers:
    """Fits with several numbers of classes.

    Parameters
    ----------
    analysis : Analysis
    base : array (1, n_class_parameters)
        theta of the one-class fit.
    settings : Settings
    store : Store
    """

    def __init__(self, analysis: Analysis, base: np.ndarray, settings: Settings, store: Store):
        self.analysis, self.base, self.settings, self.store = analysis, base, settings, store

    def search(self, k: int) -> MLFit:
        """Maximum likelihood with k classes; its starts run on the executor.

        Raises
        ------
        FitError
            No start ended in an interior mode.
        """
        key, name, analysis = self._key(k), f"{k} classes by maximum likelihood", self.analysis.with_classes(k)
        record = self.store.get(key, name)
        if record is None:
            try:
                record = ml_record(fit_analysis(analysis, self.settings, base=self.base))
            except FitError as error:
                record = {FAILURE: str(error)}
            self.store.put(key, name, record)
        if FAILURE in record:
            raise FitError(record[FAILURE])
        return ml_fit_of(record, analysis)

    def sample(self, searched: dict[int, MLFit]) -> dict[int, BayesFit | str]:
        """A posterior around each of these modes, one task for each number of classes; or the reason for a failure."""
        settings, elsewhere = self.settings, self.settings.executor is not None
        how = settings.alone(settings.random_seed) if elsewhere else settings
        if elsewhere and len(searched) > 1:  # chains in turn: others are at work beside them
            how = replace(how, cores=1)
        decided = [getattr(settings, name) for name in SAMPLED]
        tasks = [
            Task(digest([self._key(k), *decided]), f"{k} classes sampled", (how, k, ml_record(ml)))
            for k, ml in searched.items()
        ]
        with Progress(settings.progress and elsewhere) as bar:  # here NUTS has a line of its own
            records = carry_out(
                tasks,
                _sampled,
                self.analysis,
                store=self.store,
                executor=settings.executor,
                bar=bar,
                what=f"NUTS: {', '.join(map(str, searched))} classes",
            )
        return {k: self._fit(task, record) for k, task, record in zip(searched, tasks, records, strict=True)}

    def _fit(self, task: Task, record: dict[str, Any] | Lost) -> BayesFit | str:
        if isinstance(record, Lost):
            return record.reason
        if FAILURE in record:
            return str(record[FAILURE])
        fit = self.store.get_fit(task.key, task.name)
        assert fit is not None
        return replace(fit, analysis=self.analysis.under(fit.design))  # of the patients that are here already

    def _key(self, k: int) -> str:
        """Hash of the inputs of the search."""
        spec, cohort = self.analysis.spec.with_(n_classes=k), self.analysis.cohort
        told = self.settings.n_starts, self.settings.random_seed
        return key_of("numbers of classes", cohort.fingerprint, asdict(spec), *told)


def _sampled(analysis: Analysis, own: tuple[Settings, int, dict[str, Any]]) -> Outcome:
    """The posterior with one number of classes."""
    settings, k, record = own
    ml = ml_fit_of(record, analysis.with_classes(k))
    try:
        return Outcome({}, sample_mode(ml, ml.theta, settings))
    except FitError as error:
        return Outcome({FAILURE: str(error).splitlines()[0]})
