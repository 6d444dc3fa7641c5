"""Bayesian trajectory classes for serial circulating-tumour-cell counts, joined to survival."""

from importlib import import_module

from bayesctc._version import __version__
from bayesctc.process_wide import home_for_imports

# Names are imported when they are first used: reading a cohort does not wait for PyMC.
_WHERE = {
    "Cohort": "bayesctc.data",
    "read_cohort": "bayesctc.data",
    "Marker": "bayesctc.data",
    "ColumnType": "bayesctc.data",
    "load_trial": "bayesctc.data.trial",
    "generate_trial": "bayesctc.data.trial",
    "TrialParameters": "bayesctc.data.trial",
    "ModelSpec": "bayesctc.model.spec",
    "Priors": "bayesctc.model.priors",
    "log_likelihood": "bayesctc.model.density",
    "pymc_model": "bayesctc.model.graph",
    "Bounds": "bayesctc.inference.optimise",
    "Settings": "bayesctc.inference.settings",
    "fit_ml": "bayesctc.inference.ml",
    "fit_bayes": "bayesctc.inference.nuts",
    "load_fit": "bayesctc.results.storage",
    "loo": "bayesctc.criteria.loo",
    "loo_counts": "bayesctc.criteria.counting",
    "waic": "bayesctc.criteria.waic",
    "select_n_classes": "bayesctc.criteria.selection",
    "ParsimonyRule": "bayesctc.criteria.rule",
    "bootstrap_lrt": "bayesctc.criteria.blrt",
    "loo_survival": "bayesctc.criteria.survival_given_counts",
    "aic_parts": "bayesctc.criteria.survival_given_counts",
    "bctc": "bayesctc.comparison.readings",
    "b2ctc": "bayesctc.comparison.readings",
    "tctc": "bayesctc.comparison.readings",
    "association": "bayesctc.comparison.association",
    "associations": "bayesctc.comparison.association",
    "cox_regression": "bayesctc.time_to_event.cox",
    "log_rank": "bayesctc.time_to_event.log_rank",
    "weibull_regression": "bayesctc.time_to_event.weibull",
    "bch_weibull": "bayesctc.time_to_event.three_step",
    "concordance": "bayesctc.time_to_event.concordance",
    "validate": "bayesctc.accuracy.validation",
    "prediction_accuracy": "bayesctc.accuracy.accuracy",
    "cross_validate": "bayesctc.accuracy.cross_validation",
    "compare_classifiers": "bayesctc.comparison.compare",
    "compare_inclusion": "bayesctc.comparison.inclusion",
    "inclusion_table": "bayesctc.comparison.inclusion",
    "class_agreement": "bayesctc.comparison.agreement",
    "adjusted_rand_index": "bayesctc.comparison.agreement",
    "class_trajectories": "bayesctc.predict.trajectories",
    "class_survival": "bayesctc.predict.curves",
    "cumulative_incidence": "bayesctc.predict.incidence",
    "predict_survival": "bayesctc.predict.survival",
    "predict_counts": "bayesctc.predict.counts",
    "hazard_ratios": "bayesctc.predict.hazard_ratios",
    "odds_ratios": "bayesctc.predict.odds_ratios",
    "predictive_check": "bayesctc.checks.predictive",
    "prior_predictive": "bayesctc.checks.predictive",
    "conditional_independence_test": "bayesctc.checks.score_test",
    "loo_pit": "bayesctc.checks.loo_pit",
    "planned_schedule": "bayesctc.checks.schedule",
    "SensitivityPlan": "bayesctc.sensitivity.plan",
    "default_plan": "bayesctc.sensitivity.defaults",
    "run_sensitivity": "bayesctc.sensitivity.run",
    "plot_trajectories": "bayesctc.plots.trajectories",
    "plot_survival": "bayesctc.plots.survival",
    "plot_cumulative_incidence": "bayesctc.plots.incidence",
    "plot_class_probabilities": "bayesctc.plots.class_probabilities",
    "plot_hazard_ratios": "bayesctc.plots.hazard_ratios",
    "plot_readings": "bayesctc.plots.readings",
    "plot_flow": "bayesctc.plots.flow",
    "plot_criteria": "bayesctc.plots.criteria",
    "plot_inclusion": "bayesctc.plots.inclusion",
    "plot_class_agreement": "bayesctc.plots.agreement",
    "plot_prediction": "bayesctc.plots.prediction",
    "plot_accuracy": "bayesctc.plots.accuracy",
    "plot_sensitivity": "bayesctc.plots.sensitivity",
    "plot_selection": "bayesctc.plots.selection",
    "plot_loo_pit": "bayesctc.plots.loo_pit",
    "plot_predictive_check": "bayesctc.plots.predictive",
    "write_report": "bayesctc.report.html",
}
_SUBMODULES = ("errors",)
_COMPILING = ("bayesctc.model.graph",)  # these import PyTensor

__all__ = ["__version__", *_WHERE]


def __getattr__(name):
    if name in _WHERE:
        with home_for_imports(compiling=_WHERE[name] in _COMPILING):
            return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'bayesctc' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
