"""What type checkers know of the public names; `make lint` has mypy read it, and nothing runs it."""

from typing import assert_type

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

import bayesctc as bc

cohort = assert_type(bc.load_trial(), bc.Cohort)
spec = assert_type(bc.ModelSpec(n_classes=3).with_(endpoint="pfs"), bc.ModelSpec)
ml = assert_type(bc.fit_ml(cohort, spec), bc.MLFit)
fit = assert_type(bc.fit_bayes(cohort, spec, draws=500, random_seed=1), bc.BayesFit)
assert_type(fit.summary(), pd.DataFrame)
assert_type(bc.loo(fit), bc.Loo)
assert_type(bc.waic(fit).elpd, float)
selection = assert_type(bc.select_n_classes(cohort, spec, [1, 2, 3]), bc.Selection)
assert_type(selection.with_labels(["low", "high"], n_classes=2), bc.Selection)
assert_type(selection.bayes[2], bc.BayesFit)
assert_type(bc.select_families(cohort, spec, ["poisson"]), bc.FamilySelection)
assert_type(bc.compare_classifiers(cohort, spec), bc.Comparison)
assert_type(bc.class_trajectories(fit, [0.0, 3.0]), xr.Dataset)
assert_type(bc.hazard_ratios(ml), pd.DataFrame)
check = assert_type(bc.predictive_check(ml), bc.PredictiveCheck)
assert_type(bc.plot_trajectories(fit, color="black", linewidth=2.0), Axes)
assert_type(bc.plot_predictive_check(check, "zeros", alpha=0.5), Axes)
assert_type(bc.plot_selection(selection), np.ndarray)
bc.plot_survival(fit, colour="black")  # type: ignore[call-arg]
bc.fit_ml("samples.csv", spec)  # type: ignore[arg-type]
