"""Levels of a covariate that are too rare in a class for an effect by class to be estimable there."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesctc.design.formulas import Covariates, level_text
from bayesctc.model.analysis import Analysis
from bayesctc.results.classes import FEWEST_EVENTS

FEWEST_PATIENTS = FEWEST_EVENTS  # a ratio needs two hazards, each of which has to be estimable


@dataclass(frozen=True)
class EmptyCell:
    """A class and a level, with fewer than one expected patient or expected event.

    Attributes
    ----------
    formula : str
        "survival_by_class" or "longitudinal_by_class".
    column, level, reference : str
        The level, and the reference level.
    latent_class : int
    cause : int or None
        The number of the cause with few events; None if patients are few, so that no hazard is estimable.
    expected : float
        Patients, or events, by their class probabilities.
    found : int
        Number among patients with this most probable class.
    of : str
        " of progression" if the events are those of a cause, otherwise "".
    """

    formula: str
    column: str
    level: str
    reference: str
    latent_class: int
    cause: int | None
    expected: float
    found: int
    of: str = ""

    @property
    def words(self) -> str:
        """The patients or events there are, to follow "has"."""
        several = "" if self.found == 1 else "s"
        who = f"patient{several} whose {self.column} is {self.level}"
        if self.cause is not None:
            who = f"event{several}{self.of} among patients whose {self.column} is {self.level}"
        return f"{self.found or 'no'} {who}"

    @property
    def lacks(self) -> str:
        """The same, with the expected number."""
        return f"{self.words} ({self.expected:.2g} expected)"

    def touches(self, term: str) -> bool:
        """Whether a term compares this level with another."""
        if term == self.column or self.column in term.split(":"):
            return True
        named = re.search(rf"(?<!\w){re.escape(self.column)}\b[^\[:]*\[T\.(.*?)\](?=:|$)", term)
        return named is not None and (self.level == self.reference or named[1] == self.level)


def empty_cells(analysis: Analysis, probabilities: pd.DataFrame) -> tuple[EmptyCell, ...]:
    """Cells of the formulas by class with too few patients or events.

    A class that has too few events altogether is not repeated for each of its levels. Covariates of samples or of
    intervals are not counted.

    Parameters
    ----------
    analysis : Analysis
    probabilities : DataFrame (n_patients, n_classes)
        P(g | y, T).
    """
    design, p = analysis.design, probabilities.to_numpy()
    patients = analysis.cohort.patients.loc[list(probabilities.index)]
    modal = np.eye(p.shape[1])[p.argmax(axis=1)]
    found: list[EmptyCell] = []
    for formula in ("survival_by_class", "longitudinal_by_class"):
        for column, levels, who in _levels(getattr(design, formula), patients):
            for level, of_level in zip(levels, who, strict=True):
                for g, n in enumerate(of_level @ p):
                    own = int(of_level @ modal[:, g])
                    cell = EmptyCell(formula, column, level, levels[0], g, None, float(n), own)
                    if n < FEWEST_PATIENTS:
                        found.append(cell)
                    elif formula == "survival_by_class":
                        found += _without_events(analysis, cell, of_level, p[:, g], modal[:, g])
    return tuple(found)


def _without_events(
    analysis: Analysis, cell: EmptyCell, of_level: np.ndarray, p: np.ndarray, modal: np.ndarray
) -> Iterator[EmptyCell]:
    """By cause, the cell if it has too few events although the class has enough."""
    causes = analysis.design.causes or ("",)
    for c, cause in enumerate(causes):
        had = np.where(analysis.packed.event == c + 1, 1.0, 0.0)
        n = float((had * of_level) @ p)
        if n < FEWEST_EVENTS <= had @ p:
            of = f" of {cause}" if cause else ""
            yield replace(cell, cause=c, expected=n, found=int((had * of_level) @ modal), of=of)


def _levels(terms: Covariates, patients: pd.DataFrame) -> Iterator[tuple[str, tuple[str, ...], np.ndarray]]:
    """Columns, their levels (reference first) and the level of each patient: factors, and numbers with two values."""
    for column in (c for c in terms.columns if c in patients):
        values = patients[column]
        if column in terms.levels:
            levels = terms.levels[column]
        elif values.nunique() == 2:
            levels = tuple(map(level_text, sorted(values.unique())))
        else:
            continue
        text = values.astype(object).map(level_text).to_numpy()
        yield column, levels, np.array([np.where(text == level, 1.0, 0.0) for level in levels])


def cell_warnings(cells: Sequence[EmptyCell], labels: Sequence[str], *, bayesian: bool) -> Iterator[str]:
    """A warning for each cell; for a posterior it says that the prior determines the effect.

    Parameters
    ----------
    cells : sequence of EmptyCell
        See `empty_cells`.
    labels : sequence of str
        Of the classes.
    """
    why = "is determined by the prior" if bayesian else "is not estimable"
    for cell in cells:
        text = f"{labels[cell.latent_class]} has {cell.lacks}: "
        if cell.formula == "longitudinal_by_class":
            yield f"{text}the curve of {cell.column} {cell.level} in this class {why}"
        else:
            yield (
                f"{text}the hazard ratio of {cell.column} in this class {why}, and averages over {cell.column} (the "
                "class's hazard ratios relative to other classes, its survival) rest on it"
            )


def cells_of(cells: Sequence[EmptyCell], cause: int, g: int, term: str | None = None) -> list[EmptyCell]:
    """The cells of the hazard of a cause in a class, or of one term if it is given."""
    own = [c for c in cells if c.formula == "survival_by_class" and c.latent_class == g and c.cause in (None, cause)]
    return [cell for cell in own if term is None or cell.touches(term)]


def not_estimable(cells: Sequence[EmptyCell], labels: Sequence[str], term: str, cause: int, g: int) -> str:
    """Why a term of the hazard of a class and cause is not estimable, the same in every table; "" if it is."""
    own = cells_of(cells, cause, g, term)
    return f"not estimable: {labels[g]} has {' and '.join(cell.lacks for cell in own)}" if own else ""


def averaged_over(cells: Sequence[EmptyCell], labels: Sequence[str], cause: int, classes: Sequence[int]) -> list[str]:
    """Remarks on averages over covariates with effects by class: a sentence for each cell that affects them."""
    own = [cell for g in classes for cell in cells_of(cells, cause, g)]
    return [f"rests on an effect that cannot be estimated: {labels[c.latent_class]} has {c.lacks}" for c in own]
