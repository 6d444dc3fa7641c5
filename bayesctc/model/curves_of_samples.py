"""Input of the growth curve from samples: columns, design matrix, features for starting values."""

import numpy as np

from bayesctc.design.grammar import columns_of

OF_CURVES = ("longitudinal", "longitudinal_by_class")


def curve_matrix(basis, alike, by_class) -> np.ndarray:
    """The design matrix of a class's growth curve: array (..., n_basis).

    Parameters
    ----------
    basis : array (..., n_growth)
        Functions of time.
    alike, by_class : array (..., n_terms)
        Directions of the covariates of `longitudinal` and of `longitudinal_by_class`.
    """
    products = by_class[..., :, None] * basis[..., None, :]
    flat = products.reshape(*basis.shape[:-1], by_class.shape[-1] * basis.shape[-1])
    return np.concatenate([basis, alike, flat], axis=-1)


def columns_of_curves(spec):
    """Columns that the formulas of the growth curve read, each once."""
    return tuple(dict.fromkeys(column for what in OF_CURVES for column in columns_of(getattr(spec, what), what)))


def with_covariates(samples, patients, columns, of_samples):
    """Samples, indexed by patient, with these columns: of the samples themselves or else of their patients."""
    table = samples.set_index("patient_id")
    for column in columns:
        if column in patients.columns and not (column in of_samples and column in table.columns):
            table[column] = patients[column].reindex(table.index)
    return table


def features_of(y, positions, n_patients):
    """Mean on the growth curve's scale and its change by patient; 0 without samples. Samples are in order of time."""
    n = np.bincount(positions, minlength=n_patients)
    features = np.zeros((n_patients, 2))
    features[:, 0] = np.bincount(positions, weights=y, minlength=n_patients) / np.maximum(n, 1)
    present, first = np.unique(positions, return_index=True)
    features[present, 1] = y[first + n[present] - 1] - y[first]
    return features
