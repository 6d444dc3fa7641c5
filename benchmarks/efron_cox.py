"""A small Cox regression with Efron's handling of ties, for studies that fit hundreds of them.

statsmodels' `PHReg(ties="efron")` gives the same numbers, which a test holds together, in 20 times the time.
"""

import numpy as np

TOLERANCE = 1e-8  # twice the log partial likelihood that a further step would gain
LONGEST_STEP = 2.0  # in any one coefficient


def fit_efron_cox(time: np.ndarray, event: np.ndarray, design: np.ndarray) -> tuple[np.ndarray, float]:
    """Maximise the Efron partial likelihood by Newton steps.

    Parameters
    ----------
    time : array, shape (patients,)
        Months.
    event : array, shape (patients,)
        1 for an event, 0 for censored.
    design : array, shape (patients, coefficients)
        Covariates.

    Returns
    -------
    log_hazard_ratios : array, shape (coefficients,)
    log_partial_likelihood : float

    Raises
    ------
    ValueError
        If the steps do not converge, as when a covariate has no finite estimate.
    """
    order = np.argsort(-time, kind="stable")
    time, event, x = time[order], event[order].astype(bool), design[order] - design.mean(axis=0)
    _, group = np.unique(-time, return_inverse=True)  # 0 is the latest time
    last = np.searchsorted(group, np.arange(group[-1] + 1), side="right") - 1
    died = np.flatnonzero(event)
    death_group = group[died]
    first = np.searchsorted(death_group, death_group, side="left")
    deaths = np.bincount(death_group, minlength=len(last))
    fraction = (np.arange(len(died)) - first) / deaths[death_group]  # Efron: 0, 1/d, ..., (d - 1)/d
    moments = np.concatenate([np.ones((len(x), 1)), x, (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)], axis=1)
    p = x.shape[1]

    def evaluate(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        linear = x @ beta
        weighted = moments * np.exp(linear)[:, None]
        risk = np.cumsum(weighted, axis=0)[last]
        tied = np.zeros_like(risk)
        np.add.at(tied, death_group, weighted[died])
        s = risk[death_group] - fraction[:, None] * tied[death_group]
        mean = s[:, 1 : p + 1] / s[:, :1]
        information = (s[:, p + 1 :] / s[:, :1]).sum(axis=0).reshape(p, p) - mean.T @ mean
        value = linear[died].sum() - np.log(s[:, 0]).sum()
        return float(value), (x[died] - mean).sum(axis=0), information

    beta = np.zeros(p)
    value, gradient, information = evaluate(beta)
    for _ in range(50):
        step = np.linalg.solve(information, gradient)
        if gradient @ step < TOLERANCE:
            return beta, value
        step *= min(1.0, LONGEST_STEP / np.abs(step).max())
        new = evaluate(beta + step)
        while new[0] < value and np.abs(step).max() > 1e-8:
            step = step / 2
            new = evaluate(beta + step)
        beta, (value, gradient, information) = beta + step, new
    raise ValueError(f"Cox regression did not converge in 50 steps; coefficients {beta.round(2)}")
