"""Standardised terms: centred, and rotated to uncorrelated directions of standard deviation 1.

A common prior for these directions depends only on the space that a formula's terms span: not on units or origins, a
factor's reference level, or how a polynomial is written.
"""

from dataclasses import dataclass

import numpy as np

from bayesctc.design.rounding import COARSER, rounded

DEPENDENT = 1e-7  # standard deviations that a term has to have of its own, given those before it


@dataclass(frozen=True, eq=False)
class Standard:
    """The way from terms to their directions: (terms - start - centre) @ turn.

    Attributes
    ----------
    start, centre : array (n_terms,)
        The origin of the terms: a value that they take, and their mean relative to it. They are kept apart so that no
        digits are lost if values are far from 0.
    turn : array (n_terms, n_terms)
        The choice among all sets of uncorrelated directions depends only on the space that the terms span, so that the
        same seed gives the same draws however a formula is written.
    """

    start: np.ndarray
    centre: np.ndarray
    turn: np.ndarray

    def __eq__(self, other: object) -> bool:
        names = ("start", "centre", "turn")
        return isinstance(other, Standard) and all(np.array_equal(getattr(self, n), getattr(other, n)) for n in names)

    def __hash__(self) -> int:
        return hash(self.turn.tobytes())

    @classmethod
    def of(cls, terms: np.ndarray, weights: np.ndarray | None = None) -> "Standard":
        """Settle on terms (n, n_terms), which with an intercept are linearly independent; see `dependent`.

        Rows have equal weight unless weights (n,) are given.
        """
        if terms.shape[1] == 0:
            return cls(np.zeros(0), np.zeros(0), np.zeros((0, 0)))
        weight = np.ones(len(terms)) if weights is None else weights
        start, total = terms[0].copy(), weight.sum()
        centre = ((terms - start) * weight[:, None]).sum(axis=0) / total
        away = terms - start - centre
        weighted = away * np.sqrt(weight)[:, None]
        scale = _spread(weighted) * np.sqrt(len(terms) / total)
        triangle = np.linalg.qr(weighted / scale, mode="r") / np.sqrt(total)
        turn = np.linalg.inv(triangle) / scale[:, None]
        return cls(start, centre, turn @ _canonical(weighted @ turn))

    def directions(self, terms: np.ndarray) -> np.ndarray:
        """Values of the directions: array (n, n_terms)."""
        return rounded((terms - self.start - self.centre) @ self.turn, COARSER)

    def coefficients(self, of_directions: np.ndarray) -> np.ndarray:
        """Coefficients of the terms (..., n_terms) that have the same effects as those of the directions."""
        return of_directions @ self.turn.T

    def of_directions(self, coefficients: np.ndarray) -> np.ndarray:
        """The inverse of `coefficients`."""
        return coefficients @ np.linalg.inv(self.turn).T if len(self.turn) else coefficients

    def constant(self, coefficients: np.ndarray) -> np.ndarray:
        """What coefficients of the terms (..., n_terms) add at the terms' means: array (...)."""
        return coefficients @ (self.start + self.centre)


def dependent(terms: np.ndarray) -> bool:
    """Whether terms (n, n_terms) and an intercept are linearly dependent, whatever their units."""
    away = terms - terms[0] if len(terms) else terms
    away = away - away.mean(axis=0)
    spread = _spread(away)
    if len(terms) <= terms.shape[1] or (spread <= 1e-13 * np.abs(terms).max(axis=0, initial=0.0)).any():
        return terms.shape[1] > 0
    own = np.abs(np.diagonal(np.linalg.qr(away / spread, mode="r"))) / np.sqrt(len(terms))
    return bool((own < DEPENDENT).any())


def _spread(away):
    largest = np.abs(away).max(axis=0, initial=0.0)
    safe = np.where(largest > 0.0, largest, 1.0)  # squares of large units would overflow
    return safe * np.sqrt(np.mean((away / safe) ** 2, axis=0)) if len(away) else safe


def _canonical(directions):
    """The rotation that fixes order and signs of the directions, by fixed numbers for each row and direction."""
    n, p = directions.shape
    fixed = np.cos(np.outer(np.arange(n), np.arange(1, p + 1)))
    rotation, triangle = np.linalg.qr(directions.T @ fixed)
    return rotation * np.sign(np.diagonal(triangle))
