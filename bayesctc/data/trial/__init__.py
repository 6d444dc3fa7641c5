"""The synthetic trial that ships with the package. No patient in it is real.

It is simulated to agree with the published figures of CALGB 40502 (NCCTG N063H), whose patient data are not public.
`samples.csv` and `patients.csv` are `generate_trial(DEFAULT_SEED)`; `python -m bayesctc.data.trial` rewrites them.
"""

from dataclasses import replace
from importlib.resources import as_file, files

from bayesctc.data.cohort import Cohort
from bayesctc.data.reading import read_cohort
from bayesctc.data.source import TRIAL, Call
from bayesctc.data.trial.generator import DEFAULT_SEED, generate_trial
from bayesctc.data.trial.parameters import ScanParameters, TrialParameters

__all__ = ["DEFAULT_SEED", "ScanParameters", "TrialParameters", "generate_trial", "load_trial"]


def load_trial() -> Cohort:
    """Read the synthetic trial.

    Returns
    -------
    Cohort
        All 783 treated patients; 469 of them have 3 or more samples. Times in months from start of treatment, counts in
        cells per 7.5 mL. The column `true_class` of `patients` is the simulated class (neg, lo, mid, hi): for checking,
        not for modelling.

    Examples
    --------
    >>> cohort = bc.load_trial()
    >>> cohort.n_patients, cohort.include(min_samples=3).n_patients
    (783, 469)
    """
    folder = files("bayesctc.data.trial")
    with as_file(folder / "samples.csv") as samples, as_file(folder / "patients.csv") as patients:
        content = read_cohort(samples, patients)._content
    return Cohort.from_content(replace(content, source=(Call(TRIAL, {}),)))
