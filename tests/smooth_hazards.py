"""Smooth hazards by scipy, and patients whose hazard falls and rises again."""

import numpy as np
import pandas as pd
from scipy.interpolate import BSpline


def spline_hazard(knots, relative_coefficient) -> BSpline:
    """The hazard of `hazard="splines"` with scale 1 between its knots, by scipy's B-splines."""
    middle = (len(knots) + 1) // 2
    a = np.insert(np.asarray(relative_coefficient, dtype=float), middle, 1.0)
    spline = BSpline(np.r_[[knots[0]] * 3, knots, [knots[-1]] * 3], np.append(a, a[-1]), 3)
    return BSpline(spline.t, spline.c * (knots[-1] - knots[0]) / spline.integrate(knots[0], knots[-1]), 3)


def bathtub_survival(months) -> np.ndarray:
    """S of h(t) = 0.1 exp(-t) + 0.004 + 0.1 (t / 36)^4 per month: early deaths, a quiet time, a rise."""
    t = np.asarray(months, dtype=float)
    return np.exp(-0.1 * -np.expm1(-t) - 0.004 * t - 0.72 * (t / 36.0) ** 5)


def bathtub_patients(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Patients with this hazard, followed for 24 to 48 months."""
    grid = np.linspace(0.0, 60.0, 60_001)
    death = np.interp(-rng.random(n), -bathtub_survival(grid), grid)
    end = rng.uniform(24.0, 48.0, n)
    events = {"os_time": np.minimum(death, end), "os_event": (death < end).astype(int)}
    return pd.DataFrame({"patient_id": [f"P{i}" for i in range(n)], **events})
