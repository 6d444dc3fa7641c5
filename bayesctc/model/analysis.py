"""A specification settled on a cohort, with its patients packed for the likelihood."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesctc import arguments
from bayesctc.data import Cohort
from bayesctc.model.analysis_tables import analysis_intervals, analysis_tables
from bayesctc.model.design import Design
from bayesctc.model.likelihood import Evaluator
from bayesctc.model.packed import Packed
from bayesctc.model.spec import ModelSpec
from bayesctc.process_wide import cores, useful_threads

MANY = 100_000_000  # log likelihoods of single patients, 0.8 GB of double precision


def checked(cohort: Cohort, spec: ModelSpec) -> Design:
    """A specification settled on a cohort.

    Raises
    ------
    SpecError, DataError
        An argument is not a cohort or specification, or the data cannot support the specification.
    """
    arguments.of_kind("cohort", cohort, Cohort)
    arguments.of_kind("spec", spec, ModelSpec)
    return Design.settle(cohort, spec)


@dataclass(frozen=True, eq=False)
class Analysis:
    """Patients under a design: the object from which every density is computed.

    Attributes
    ----------
    cohort : Cohort
        The cohort of the patients; for a subset, resample or simulated patients, the cohort they come from.
    design : Design
        The specification settled on this cohort or, for other patients, on that of the fit.
    packed : Packed
    """

    cohort: Cohort
    design: Design
    packed: Packed

    @classmethod
    def of(cls, cohort: Cohort, design: Design) -> "Analysis":
        """The patients of a cohort, with their follow-up for the endpoint.

        Raises
        ------
        DataError
            The cohort lacks columns that the design reads, or they are of another type.
        """
        return cls(cohort, design, design.pack(cohort))

    @classmethod
    def settle(cls, cohort: Cohort, spec: ModelSpec) -> "Analysis":
        """The entry point of every fit: a specification settled on a cohort, and its patients; see `checked`."""
        return cls.of(cohort, checked(cohort, spec))

    @property
    def spec(self) -> ModelSpec:
        """The specification."""
        return self.design.spec

    @property
    def n_patients(self) -> int:
        """Patients in the analysis."""
        return self.packed.n_patients

    @property
    def patient_index(self) -> pd.Index:
        """Their identifiers, in the order of the analysis."""
        return pd.Index(self.packed.patient_ids, name="patient_id")

    @property
    def labels(self) -> pd.Index:
        """Labels of the classes."""
        return pd.Index(self.design.layout.coords["latent_class"], name="latent_class")

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Samples, and patients with _time, _event and _entry, of the cohort's analysis of the endpoint."""
        return analysis_tables(self.cohort, self.spec)

    @property
    def intervals(self) -> pd.DataFrame | None:
        """The cohort's intervals that start before the endpoint; None of a cohort without."""
        return analysis_intervals(self.cohort, self.spec)

    def under(self, design: Design) -> "Analysis":
        """The same patients under a design that packs them in the same way: with other classes, nodes or priors."""
        return replace(self, design=design)

    def with_nodes(self, n_nodes: int, time_nodes: int | None = None) -> "Analysis":
        """The same with another number of Gauss-Hermite nodes, and of Gauss-Legendre nodes in time."""
        return self.under(self.design.with_nodes(n_nodes, time_nodes))

    def with_labels(self, labels: tuple[str, ...]) -> "Analysis":
        """The same with names of the classes; with none, the outcome's names are restored."""
        return self.under(replace(self.design, labels=labels))

    def with_classes(self, n_classes: int) -> "Analysis":
        """The same for another number of classes."""
        return self.under(self.design.with_classes(n_classes))

    def take(self, positions) -> "Analysis":
        """A subset, or a resample, of the patients by position."""
        return replace(self, packed=self.packed.take(positions))

    def followed_to(self, time, event=0.0) -> "Analysis":
        """The same patients and samples, followed to `time` months (array or number) with `event` there."""
        return replace(self, packed=self.packed.followed_to(time, event))

    def known_at(self, months) -> "Analysis":
        """The same with covariates of the hazard as they are known at `months` (array or number), carried forward."""
        return replace(self, packed=self.packed.known_at(months))

    def counts_only(self) -> "Analysis":
        """The longitudinal part alone, without follow-up after entry."""
        return replace(self, packed=self.packed.counts_only())

    def evaluator(self, weights=None) -> Evaluator:
        """The likelihood of these patients, with weights if given; with its own memory."""
        return Evaluator(self.packed, self.design.sizes, self.spec.n_classes, weights)

    def pointwise(self, thetas, of=slice(0), workers: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """log L_i of many parameter sets, and class probabilities of some patients; in threads, as the kernel allows.

        Parameters
        ----------
        thetas : array (n, n_classes, n_class_parameters)
        of : index
            Patients whose class probabilities are kept.
        workers : int, optional
            Threads; unless given all cores, or one (`useful_threads`).

        Returns
        -------
        log_likelihood : array (n, n_patients)
            In single precision if there are more than 1e8 values, to save gigabytes of memory; accurate to 1e-6 for
            typical log densities of a patient's samples.
        class_probabilities : array (n, patients of `of`, n_classes)
        """
        precision = np.float64 if len(thetas) * self.n_patients <= MANY else np.float32
        log_likelihood = np.empty((len(thetas), self.n_patients), precision)
        probabilities = np.empty((len(thetas), len(np.arange(self.n_patients)[of]), thetas.shape[1]))

        evaluators = [self.evaluator()]  # the first lays the patients out for all
        first = evaluators[0]
        if not first.adaptive:  # else the nodes' way, and with it the last digits, would depend on the time it takes
            workers = useful_threads(lambda: first.evaluate(thetas[0]), workers)

        def fill(part):
            evaluator = evaluators.pop() if evaluators else self.evaluator()
            for k, evaluation in zip(part, evaluator.along(thetas[part]), strict=True):
                log_likelihood[k] = evaluation.log_likelihood
                probabilities[k] = evaluation.class_probabilities[of]

        parts = [part for part in np.array_split(np.arange(len(thetas)), workers or cores()) if len(part)]
        with ThreadPoolExecutor(len(parts)) as executor:
            list(executor.map(fill, parts))
        return log_likelihood, probabilities
