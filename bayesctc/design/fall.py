"""The time constant of the fall after treatment starts (growth="treatment"), settled on the data."""

import numpy as np

SHORTEST, LONGEST, N_TRIED = 0.03, 1.0, 40  # of the span of the samples


def settle_fall(since_start: np.ndarray, values: np.ndarray, patients: np.ndarray) -> float:
    """The time constant for which exp(-t / tau) explains most of the variation within patients.

    Each patient has an individual level and fall, all patients share a drift, and tau is the one of 40 values with the
    smallest sum of squares (variable projection: Golub and Pereyra, SIAM J Numer Anal 1973;10:413). Patients with fewer
    than three samples are fitted exactly by any tau and do not contribute; if no patient has three, all samples are
    treated as those of one patient.

    Parameters
    ----------
    since_start : array (n_samples,)
        Time since the fall began, 0 before, in spans of the samples.
    values : array (n_samples,)
        Outcomes on the scale of the curve: log(1 + count per 7.5 mL).
    patients : array of int (n_samples,)
        Place of each sample's patient.

    Returns
    -------
    float
        In spans.
    """
    enough = np.bincount(patients)[patients] >= 3
    if enough.any():
        t, y, rows = since_start[enough], values[enough], np.unique(patients[enough], return_inverse=True)[1]
    else:
        t, y, rows = since_start, values, np.zeros(len(values), dtype=int)

    y_centred, t_centred = _centred(y, rows), _centred(t, rows)

    def left(tau):
        fall = _centred(np.exp(-t / tau), rows)
        rest, drift = _without(y_centred, fall, rows), _without(t_centred, fall, rows)
        slope = rest @ drift / (drift @ drift) if drift @ drift > 0 else 0.0
        return float(np.sum((rest - slope * drift) ** 2))

    tried = np.geomspace(SHORTEST, LONGEST, N_TRIED)
    return float(tried[np.argmin([left(tau) for tau in tried])])


def _centred(x, rows):
    """Deviations from each patient's mean."""
    return x - (np.bincount(rows, x) / np.bincount(rows))[rows]


def _without(x, fall, rows):
    """Residual of x after subtracting each patient's own multiple of the fall."""
    square = np.bincount(rows, fall * fall)
    multiple = np.divide(np.bincount(rows, fall * x), square, out=np.zeros_like(square), where=square > 1e-12)
    return x - multiple[rows] * fall
