"""Wald intervals of log hazard ratios, as every classical regression here prints them."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from bayesctc.results.intervals import CI_PROB

WILD = 15.0  # a log hazard ratio beyond this has no finite estimate: complete separation


def wald_table(names, coefficients, standard_errors) -> pd.DataFrame:
    """By term: log_hazard_ratio, standard_error, hazard_ratio, lower, upper (95 %), p."""
    coefficients, standard_errors = np.asarray(coefficients, dtype=float), np.asarray(standard_errors, dtype=float)
    half = norm.ppf(0.5 + CI_PROB / 2.0) * standard_errors
    return pd.DataFrame(
        {
            "log_hazard_ratio": coefficients,
            "standard_error": standard_errors,
            "hazard_ratio": np.exp(coefficients),
            "lower": np.exp(coefficients - half),
            "upper": np.exp(coefficients + half),
            "p": 2.0 * norm.sf(np.abs(coefficients) / standard_errors),
        },
        index=pd.Index(names, name="term"),
    )
