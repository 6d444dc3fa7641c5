"""Compile what the default model needs before anybody waits for it: `python -m bayesctc.cli.compile_ahead`.

A fit compiles whatever is not kept on disk yet, so that two small fits of the default are made, with an endpoint and
without; numba takes the same functions for every number of patients, classes and terms. Other families and hazards are
compiled at their first fit. Nothing is left half done by an interruption: each function is written whole.
"""

import sys

from bayesctc.progress import Progress

N_PATIENTS = 40


def compile_ahead(*, progress: bool = True) -> None:
    """Make two small fits of the default model, with an endpoint and without.

    Parameters
    ----------
    progress : bool
    """
    with Progress(progress) as shown:
        shown.say("loading libraries")
        from bayesctc.data.trial import load_trial
        from bayesctc.inference.ml import fit_ml
        from bayesctc.inference.nuts import fit_bayes
        from bayesctc.model.spec import ModelSpec

        cohort = load_trial().include(min_samples=3)
        cohort = cohort.select(cohort.patients.index[:N_PATIENTS])
        for endpoint in shown.track(("os", None), 2, "compiling the default model"):
            spec = ModelSpec(n_classes=1, endpoint=endpoint)
            ml = fit_ml(cohort, spec, n_starts=1, progress=False)
            fit_bayes(cohort, spec, ml=ml, draws=4, tune=1, chains=1, progress=False)


def main() -> int:
    """Compile ahead; 130 where the user interrupted, who can go on all the same."""
    try:
        compile_ahead()
    except KeyboardInterrupt:
        print("interrupted; the first fit compiles what is not there yet", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
