"""The synthetic trial that ships with the package. No patient in it is real.

It is drawn to agree with the published figures of CALGB 40502 (NCCTG N063H), whose patient data are not public.
`samples.csv` and `patients.csv` are `generate_trial(DEFAULT_SEED)`; `python -m bayesctc.data.trial` writes them anew.
"""

from dataclasses import replace
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from bayesctc.data.origin import THE_TRIAL
from bayesctc.data.trial.generator import DEFAULT_SEED, generate_trial
from bayesctc.data.trial.parameters import TrialParameters

if TYPE_CHECKING:
    from bayesctc.data.cohort import Cohort

__all__ = ["DEFAULT_SEED", "TrialParameters", "generate_trial", "load_trial"]


def load_trial() -> "Cohort":
    """Read the synthetic trial.

    Returns
    -------
    Cohort
        All 783 treated patients; 469 of them have 3 or more samples. Times in months from start of treatment, counts in
        cells per 7.5 mL. The column `true_class` of `patients` is the class the generator drew (neg, lo, mid, hi): for
        checking, not for modelling.
    """
    from bayesctc.data.reading import read_cohort  # here, so that reading never depends on the trial and back

    folder = files("bayesctc.data.trial")
    with as_file(folder / "samples.csv") as samples, as_file(folder / "patients.csv") as patients:
        cohort = read_cohort(samples, patients)
    first = replace(cohort._content.steps[0], call=THE_TRIAL)
    return cohort.from_content(replace(cohort._content, steps=(first,)))
