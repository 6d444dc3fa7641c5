"""The classes of a fit's patients, for every kind of fit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.errors import SpecError
from bayesctc.model.analysis import Analysis
from bayesctc.model.design import Design
from bayesctc.model.packed import Packed
from bayesctc.model.spec import ModelSpec
from bayesctc.results.cells import EmptyCell, empty_cells
from bayesctc.results.classes import (
    assignment_table,
    classification_quality,
    expected_events,
    relative_entropy,
    without_events,
)
from bayesctc.results.fit import Fit
from bayesctc.results.labels import checked_labels, renamed
from bayesctc.results.separation import class_separation
from bayesctc.shown import Shown


def need_endpoint(fit: Fit, what: str) -> None:
    """Refuse a fit without survival."""
    if fit.design.spec.endpoint is None:
        raise SpecError(f"{what} needs a model of survival; this fit has endpoint=None (the growth mixture alone).")


class Classified(Shown):
    """Class probabilities and what follows from them, averaged over the thetas that a fit classifies by."""

    analysis: Analysis

    @property
    def cohort(self) -> Cohort:
        """The patients, as they were read."""
        return self.analysis.cohort

    @property
    def design(self) -> Design:
        """The specification adapted to the cohort that was fitted."""
        return self.analysis.design

    @property
    def packed(self) -> Packed:
        """The patients as the likelihood uses them."""
        return self.analysis.packed

    @property
    def spec(self) -> ModelSpec:
        """The specification of the model."""
        return self.analysis.spec

    @property
    def n_patients(self) -> int:
        """Number of patients in the analysis, the sample size of every criterion."""
        return self.analysis.n_patients

    def _tables(self) -> Iterator[pd.DataFrame]:
        yield self.quality.round(3)

    def with_labels(self, labels: Sequence[str] | Mapping[int | str, str]) -> Self:
        """The same fit with names for its classes: in every table, picture, sentence, report and saved file.

        Names are for display. Classes keep their order, lowest first, and positions (`isel(latent_class=0)`, codes of a
        categorical, the formulas of `ModelSpec.describe`) refer to it. Tables are indexed by the names in place of
        "class 1" and so on. The names do not apply to fits to other data or with another number of classes.

        Parameters
        ----------
        labels : sequence of str, or mapping of class to str
            A name for each class, lowest first; or new names of some, by the class's number from 1 or its present name.

        Raises
        ------
        SpecError
            There are too few or too many, two are alike, or one is not a line of text.

        Examples
        --------
        >>> named = fit.with_labels(["low", "high"])
        >>> named.class_probabilities.columns.tolist()
        ['low', 'high']
        >>> bc.hazard_ratios(named)["comparison"][0]
        'high vs low'
        >>> named.with_labels({"high": "never clears"}).quality.index.tolist()
        ['low', 'never clears']
        """
        return self._under_names(checked_labels(labels, self.design.layout.class_names))

    def _under_names(self, labels: tuple[str, ...]) -> Self:
        raise NotImplementedError

    def _in_own_names(self, warnings: Iterable[str]) -> tuple[str, ...]:
        """Stored warnings, which have the outcome's names of the classes, with the names of this fit."""
        written = self.design.outcome.class_labels(self.spec.n_classes)
        return renamed(warnings, written, self.design.layout.class_names)

    @property
    def classifying_thetas(self) -> np.ndarray:
        """Thetas over which probabilities are averaged: array (n, n_classes, n_class_parameters)."""
        raise NotImplementedError

    @cached_property
    def class_probabilities(self) -> pd.DataFrame:
        """P(g | y, T): from counts and survival; patients by classes. It describes the patients."""
        return self._probabilities(self.analysis)

    @cached_property
    def class_probabilities_counts(self) -> pd.DataFrame:
        """P(g | y): from counts alone. Use it for any comparison with survival."""
        return self._probabilities(self.analysis.counts_only())

    def _probabilities(self, analysis: Analysis) -> pd.DataFrame:
        if self.spec.n_classes == 1:
            return pd.DataFrame(1.0, index=analysis.patient_index, columns=analysis.labels)
        evaluator, thetas = analysis.evaluator(), self.classifying_thetas
        return pd.DataFrame(
            sum(evaluator.evaluate(theta).class_probabilities for theta in thetas) / len(thetas),
            index=analysis.patient_index,
            columns=analysis.labels,
        )

    @cached_property
    def expected_events(self) -> pd.DataFrame:
        """Expected events in each class: sums of P(g | y, T) over patients with the event; causes by classes.

        If there is one event, its row is called "event". There are no rows without an endpoint.
        """
        causes = list(self.design.causes) or ["event"]
        p = self.class_probabilities
        found = expected_events(p.to_numpy(), self.packed.event, len(causes))
        table = pd.DataFrame(found, index=pd.Index(causes, name="cause"), columns=p.columns)
        return table if self.spec.endpoint is not None else table.iloc[:0]

    @property
    def not_estimable(self) -> dict[tuple[int, int], str]:
        """Hazards that cannot be estimated, by number of cause and class, with the reason."""
        found: dict[tuple[int, int], str] = {}
        if self.spec.n_classes == 1 or self.spec.endpoint is None:
            return found
        table, labels = self.expected_events, self.design.layout.coords["latent_class"]
        for c, g in without_events(table.to_numpy()):
            of = f" of {self.design.causes[c]}" if self.design.causes else ""
            found[c, g] = f"not estimable: {float(table.to_numpy()[c, g]):.2g} expected events{of} in {labels[g]}"
        return found

    @cached_property
    def empty_cells(self) -> tuple[EmptyCell, ...]:
        """Classes and levels of a covariate with effects by class that have too few patients or events."""
        return empty_cells(self.analysis, self.class_probabilities)

    @property
    def assignment(self) -> pd.DataFrame:
        """Modal class of each patient by P(g | y, T), and its probability."""
        return assignment_table(self.class_probabilities)

    @property
    def class_tables(self) -> dict[str, pd.DataFrame]:
        """Patients with their most probable class and the probability of each class, by what these are conditional on.

        One table is by the counts alone, for comparisons with survival; with an endpoint there is another by counts and
        survival.
        """
        given = {"counts": self.class_probabilities_counts}
        if self.spec.endpoint is not None:
            given["counts_and_survival"] = self.class_probabilities
        return {f"classes_by_{name}": assignment_table(p)[["latent_class"]].join(p) for name, p in given.items()}

    @property
    def quality(self) -> pd.DataFrame:
        """Size and separation of the classes; see `classification_quality`."""
        return classification_quality(self.class_probabilities)

    @property
    def entropy(self) -> float:
        """Relative entropy, 1 + sum p log p / (N log K), of P(g | y, T)."""
        return relative_entropy(self.class_probabilities)

    @cached_property
    def _separation(self) -> pd.DataFrame:
        return class_separation(self.analysis, self.classifying_thetas)

    def class_separation(self) -> pd.DataFrame:
        """How much of the information on each class comes from the counts, and how much from survival.

        With the prior pi_ig = P(g) (given survival to entry, if entry is delayed), q_ig = P(g | y_i) and
        p_ig = P(g | y_i, T_i), for class g

            counts    = sum_i p_ig log(q_ig / pi_ig) / sum_i p_ig   = mean of log f_g(y) / sum_h pi_h f_h(y)
            survival  = sum_i p_ig log(p_ig / q_ig)  / sum_i p_ig   = mean of log f_g(T) / sum_h q_h f_h(T)
            remaining = -sum_i p_ig log p_ig / sum_i p_ig

        with f_g(T) = h_g(T)^event S_g(T). The first two estimate Kullback-Leibler divergences: of the counts of class g
        from those of all patients, and of its survival from that expected given the counts. Their totals estimate
        I(G; Y) and I(G; T | Y), the terms of the chain rule of mutual information, I(G; Y, T) = I(G; Y) + I(G; T | Y)
        (Cover and Thomas, Elements of Information Theory, 2006, theorem 2.5.2). In expectation none is below 0. The
        three parts add up to the mean of -log pi_ig, full knowledge of a patient's class.

        Information shared by counts and survival is attributed to the counts; survival is what it adds to them.
        Survival that agrees with the counts therefore adds little, and survival that reclassifies patients whose counts
        leave their class uncertain adds much.

        Returns
        -------
        DataFrame
            By class, and "total": share (of patients, by P(g | y, T)); counts, survival, remaining (nats per patient);
            share_from_survival = survival / (counts + survival), 0 to 1, with negative terms taken as 0. Above 0.5
            the class reflects survival rather than the counts, and `warnings` reports it. For a posterior sums are over
            100 of its draws. Without an endpoint survival is 0; with one class all are 0 and the share is NaN.
        """
        return self._separation.copy()
