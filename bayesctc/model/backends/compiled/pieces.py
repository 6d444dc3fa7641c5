"""What the compiled likelihood needs from a family; from a hazard it needs one function (see `model.pieces`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tabled:
    """Functions to read log P of a sample from a table (`tables`), for a family with one parameter.

    Attributes
    ----------
    points : (pairs, theta, positive, g, p0, work, found)
        Fill `found` (5, BLOCK) with log P and four derivatives by a = eta + log exposure, at `pairs` (3, BLOCK) of
        count, -log count! and a.
    n_work : int
        Rows that `points` needs.
    by_parameters : (theta, positive, g, p0, slope, curvature) -> float
        Derivative of log P by the parameter, from two by a.
    """

    points: Any
    n_work: int
    by_parameters: Any


@dataclass(frozen=True)
class GivenEffects:
    """Samples given their random effects if these need quadrature, as when the hazard depends on them.

    For a family that processes samples one by one, `quadrature` and `locate` derive the same from `visit`.

    Attributes
    ----------
    n_work : (data, own, n_nodes) -> int
        Rows of working memory.
    prepare : (data, own, theta, positive, g, work)
        What does not depend on the curve.
    places : (data, own, n_nodes) -> (nodes, width, top)
        Rows of `work`: the first node, rows of a node, and two to mix them in.
    fill_nodes : (data, own, tables, theta, positive, g, rule, centres, work)
        Of each node its weight and the samples' log density in its first row, u in its last.
    collect : (data, own, theta, positive, g, n_nodes, work, gradient, m0)
        Derivatives by curve, family and Cholesky factor to rows from `m0` on, when the first row of each node has its
        share.
    rows_of : (data, own) -> (u, effect, n_rows)
        Of the working memory of `begin` and `slopes_at`: u, b = L u, and how many there are.
    begin : (data, own, theta, positive, g, work)
        What of a class does not depend on the random effects.
    slopes_at : (data, own, tables, theta, positive, g, work, slopes, curvatures)
        Derivatives by b, and minus the second ones.
    """

    n_work: Any
    prepare: Any
    places: Any
    fill_nodes: Any
    collect: Any
    rows_of: Any
    begin: Any
    slopes_at: Any


@dataclass(frozen=True)
class CompiledFamily:
    """The compiled piece of a family: of samples one by one, or of all of a patient's in closed form.

    Every function but `rows` is compiled by numba and works on a block of patients (`block`), rows of whose arrays
    it is told by number.

    Attributes
    ----------
    rows : function (value, exposure, basis, patient, n_patients) -> array (rows, n_patients)
        Data of a patient: with `visit`, `by_visit` of `n_values` values of a sample.
    visit : (data, d, theta, positive, g, p0, work, c, eta, value, slope, by)
        For one sample of each patient, whose values start in row `d` of `data` and whose constants in row `c` of
        `work`: add log P given the curve in row `eta` to row `value`, put its derivative by the curve in row `slope`,
        and add those by the family's parameters, which start in column `p0` of theta, to the rows from `by` on. The
        quadrature over the random effects is made of it.
    constants : (data, d, theta, positive, g, p0, work, c)
        Fill the rows of `work` from `c` on with the parts of a sample that do not depend on the curve.
    curvature : (data, d, positive, g, p0, work, slope, by, out, o), optional
        Fill row `o` of `out` with minus the second derivative of log P by the curve, from what `visit` found of this
        sample alone: the first in row `slope`, those by the parameters in rows from `by` on. Of a family without it,
        differences are taken, which costs twice as much.
    n_values, n_constants : int
        Rows of a sample in `data` and in `work`.
    tabled : Tabled, optional
        For a family slow enough for tables to help; its values start with count, log exposure and -log count!.
    n_work, prepare, log_density
        For a family whose random effects integrate in closed form: as in `families.gaussian`.
    given_effects : GivenEffects, optional
        For such a family, in models in which they do not.
    """

    rows: Callable
    visit: Any = None
    constants: Any = None
    n_values: int = 0
    n_constants: int = 0
    curvature: Any = None
    tabled: Tabled | None = None
    n_work: Any = None
    prepare: Any = None
    log_density: Any = None
    given_effects: GivenEffects | None = None

    @property
    def closed_form(self) -> bool:
        """Whether random effects are integrated without quadrature, unless something else depends on them."""
        return self.log_density is not None
