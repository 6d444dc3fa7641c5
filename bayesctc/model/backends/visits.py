"""Rows of a patient's data, sample by sample, for a likelihood that processes samples one by one."""

import numpy as np
from scipy.special import gammaln

NO_EXPOSURE = -800.0  # log volume of a sample that is not there: its expected count is 0, as its count


def by_visit(values, basis, patient, n_patients, padding):
    """Number of samples, then the values and X of each sample in turn.

    Parameters
    ----------
    values : array (n_samples, n_values)
    basis : array (n_samples, n_basis)
    patient : array of int (n_samples,)
        Position of each sample's patient; samples are in order of patients.
    n_patients : int
    padding : array (n_values,)
        Values for which an absent sample has probability 1.

    Returns
    -------
    array (1 + most samples * (n_values + n_basis), n_patients)
    """
    n = np.bincount(patient, minlength=n_patients)
    most, width = int(n.max(initial=0)), values.shape[1] + basis.shape[1]
    rows = np.zeros((n_patients, most, width))
    rows[:, :, : values.shape[1]] = padding
    order = np.argsort(patient, kind="stable")
    place = np.arange(len(patient)) - np.repeat(np.cumsum(n) - n, n)
    rows[patient[order], place] = np.column_stack([values, basis])[order]
    return np.vstack([n[None, :], rows.reshape(n_patients, -1).T])


def by_value(value, exposure, basis, patient, n_patients):
    """Rows of a family that is not compiled: value and exposure; arguments as `CompiledFamily.rows`."""
    values = np.column_stack([np.asarray(value, dtype=float), np.asarray(exposure, dtype=float)])
    return by_visit(values, basis, patient, n_patients, np.zeros(2))


def counted(ctc, volume_ml, basis, patient, n_patients):
    """Rows of families that count cells: count, log (volume / 7.5 mL), -log count!; see `CompiledFamily.rows`."""
    ctc = np.asarray(ctc, dtype=float)
    values = np.column_stack([ctc, np.log(np.asarray(volume_ml, dtype=float) / 7.5), -gammaln(ctc + 1.0)])
    return by_visit(values, basis, patient, n_patients, np.array([0.0, NO_EXPOSURE, 0.0]))
