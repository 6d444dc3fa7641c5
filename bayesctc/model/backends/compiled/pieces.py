"""What the compiled likelihood needs of a family; of a hazard it needs one function (see `model.pieces`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CompiledFamily:
    """The compiled piece of a family: of samples one by one, or of all of a patient's in closed form.

    Every function but `rows` is compiled by numba and works on a block of patients (`block`), rows of whose arrays
    it is told by number.

    Attributes
    ----------
    rows : function (value, exposure, basis, patient, n_patients) -> array (rows, n_patients)
        What a patient contributes: with `visit`, `by_visit` of `n_values` values of a sample.
    visit : (data, d, theta, positive, g, p0, work, c, eta, value, slope, by)
        For one sample of each patient, whose values start in row `d` of `data` and whose constants in row `c` of
        `work`: add log P given the curve in row `eta` to row `value`, put its derivative by the curve in row `slope`,
        and add those by the family's parameters, which start in column `p0` of theta, to the rows from `by` on. The
        quadrature over the random effects is made of it.
    constants : (data, d, theta, positive, g, p0, work, c)
        Fill the rows of `work` from `c` on with what of a sample is free of the curve.
    n_values, n_constants : int
        Rows of a sample in `data` and in `work`.
    n_work, prepare, log_density
        Instead of these, of a family whose random effects integrate in closed form: as in `families.gaussian`.
    """

    rows: Callable
    visit: Any = None
    constants: Any = None
    n_values: int = 0
    n_constants: int = 0
    n_work: Any = None
    prepare: Any = None
    log_density: Any = None
