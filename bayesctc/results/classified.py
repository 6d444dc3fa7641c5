"""What every fit says of its patients' classes."""

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bayesctc.errors import SpecError
from bayesctc.model.likelihood import Evaluator
from bayesctc.results.classes import (
    assignment_table,
    classification_quality,
    expected_events,
    relative_entropy,
    without_events,
)


def need_endpoint(fit: "Classified", what: str) -> None:
    """Refuse a fit without survival."""
    if fit.design.spec.endpoint is None:
        raise SpecError(f"{what} needs a model of survival; this fit has endpoint=None (the growth mixture alone).")


class Classified:
    """Class probabilities and what follows from them, averaged over the thetas that a fit classifies by."""

    design: Any
    packed: Any

    @property
    def classifying_thetas(self) -> np.ndarray:
        """Thetas over which probabilities are averaged: array (n, n_classes, n_class_parameters)."""
        raise NotImplementedError

    @property
    def point_theta(self) -> np.ndarray | None:
        """The estimate that quantities are computed at; None for a posterior, whose draws give median and interval."""
        raise NotImplementedError

    @property
    def has_intervals(self) -> bool:
        """Whether the uncertainty of the estimate is known."""
        raise NotImplementedError

    def parameter_draws(self, n: int = 1000) -> np.ndarray:
        """Draws of theta that say how uncertain it is: array (at most n, n_classes, n_class_parameters)."""
        raise NotImplementedError

    @cached_property
    def class_probabilities(self) -> pd.DataFrame:
        """P(g | y, T): from counts and survival; patients by classes. It describes the patients."""
        return self._probabilities(self.packed)

    @cached_property
    def class_probabilities_counts(self) -> pd.DataFrame:
        """P(g | y): from counts alone; what may be held against survival."""
        return self._probabilities(self.packed.counts_only())

    def _probabilities(self, packed):
        evaluator = Evaluator(packed, self.design.shape, self.design.spec.n_classes)
        thetas = self.classifying_thetas
        return pd.DataFrame(
            sum(evaluator.evaluate(theta).class_probabilities for theta in thetas) / len(thetas),
            index=pd.Index(packed.patient_ids, name="patient_id"),
            columns=pd.Index(self.design.layout.coords["latent_class"], name="latent_class"),
        )

    @cached_property
    def expected_events(self) -> pd.DataFrame:
        """Events expected in each class: sums of P(g | y, T) over those who had them; causes by classes.

        Where there is one event its row is called "event"; no rows without an endpoint.
        """
        causes = list(self.design.causes) or ["event"]
        p = self.class_probabilities
        found = expected_events(p.to_numpy(), self.packed.event, len(causes))
        table = pd.DataFrame(found, index=pd.Index(causes, name="cause"), columns=p.columns)
        return table if self.design.spec.endpoint is not None else table.iloc[:0]

    @property
    def not_estimable(self) -> dict[tuple[int, int], str]:
        """Hazards that no data speak of, by number of cause and class, with the reason."""
        found: dict[tuple[int, int], str] = {}
        if self.design.spec.n_classes == 1 or self.design.spec.endpoint is None:
            return found
        table, labels = self.expected_events, self.design.layout.coords["latent_class"]
        for c, g in without_events(table.to_numpy()):
            of = f" of {self.design.causes[c]}" if self.design.causes else ""
            found[c, g] = f"not estimable: {float(table.to_numpy()[c, g]):.2g} expected events{of} in {labels[g]}"
        return found

    @property
    def assignment(self) -> pd.DataFrame:
        """Modal class of each patient by P(g | y, T), and its probability."""
        return assignment_table(self.class_probabilities)

    @property
    def quality(self) -> pd.DataFrame:
        """Size and separation of the classes; see `classification_quality`."""
        return classification_quality(self.class_probabilities)

    @property
    def entropy(self) -> float:
        """Relative entropy, 1 + sum p log p / (N log K), of P(g | y, T)."""
        return relative_entropy(self.class_probabilities)
