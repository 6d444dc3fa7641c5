"""Compile what usual models need ahead of time: `python -m bayesctc.cli.compile_ahead`.

A fit compiles whatever is not yet stored on disk. Two small fits of the default model are therefore made, with and
without an endpoint; numba uses the same functions for any number of patients, classes and terms. Then follow every
family with a Weibull hazard and without one, the default family with a piecewise hazard too, and two families with
every hazard and with a patient's own curve in one. Events between two visits follow for the default family and for the
one in closed form. Half of the work is done by a parallel process. Other models are compiled at their first fit. An
interruption is harmless, because each function is written completely or not at all.
"""

import signal
import sys
from dataclasses import replace
from multiprocessing import get_context

from bayesctc.progress import Progress

N_PATIENTS = 40
UNDER_EVERY_HAZARD = ("negative_binomial",)  # besides those in closed form
UNDER_EVERY_FAMILY = ("weibull", "none")
# of the default family, as sensitivity analyses vary it; and with an association, of a family under every hazard whose
# random effects have no closed form
WITH_KNOTS = "piecewise"
ELSEWHERE = ("zero_inflated_negative_binomial", "poisson", "censored")  # besides those in closed form: half of the time


def is_compiled_ahead(family: str, hazard: str) -> bool:
    """Whether a pair of family and hazard is compiled ahead. Tests use few others, as each takes seconds."""
    from bayesctc.model.spec import ModelSpec

    varied = family == ModelSpec().family and hazard == WITH_KNOTS
    return varied or _under_every_hazard(family) or hazard in UNDER_EVERY_FAMILY


def _under_every_hazard(family):
    from bayesctc.model.families import FAMILIES

    return FAMILIES[family].closed_form or family in UNDER_EVERY_HAZARD


def compile_ahead(*, progress: bool = True) -> None:
    """Make two small fits of the default model, with and without an endpoint, and compile other usual models.

    Parameters
    ----------
    progress : bool
    """
    with Progress(progress) as shown:
        shown.say("loading libraries")
        from bayesctc.inference.ml import fit_ml
        from bayesctc.inference.nuts import fit_bayes
        from bayesctc.model.families import FAMILIES
        from bayesctc.model.spec import ModelSpec

        closed = [name for name, family in FAMILIES.items() if family.closed_form]
        there = (*closed, *ELSEWHERE)
        rest = [name for name in FAMILIES if name not in there]
        elsewhere = get_context("spawn").Process(target=_compile_elsewhere, args=(there,), daemon=True)
        elsewhere.start()
        cohort = _few_patients()
        for endpoint in shown.track(("os", None), 2, "compiling the default model"):
            spec = ModelSpec(n_classes=1, endpoint=endpoint)
            ml = fit_ml(cohort, spec, n_starts=1, progress=False)
            fit_bayes(cohort, spec, ml=ml, draws=4, tune=1, chains=1, progress=False)
        for family in shown.track(rest, len(rest), "compiling other families and hazards"):
            compile_family(family)
        elsewhere.join()


def compile_family(family: str) -> None:
    """Compile a family with each hazard selected by `is_compiled_ahead`, with random effects.

    An association follows if that is every hazard, and events between two visits if random effects have a closed form
    or the family is the default.
    """
    from bayesctc.model.analysis import Analysis
    from bayesctc.model.families import FAMILIES
    from bayesctc.model.hazards import HAZARDS
    from bayesctc.model.spec import ModelSpec

    cohort = _few_patients()
    base = ModelSpec(1, family=family, random_effects="intercept")
    for hazard in HAZARDS:
        if is_compiled_ahead(family, hazard):
            own = {"endpoint": None} if hazard == "none" else {"hazard": hazard}
            _compile(Analysis.settle(cohort, base.with_(**own)))
    closed = FAMILIES[family].closed_form
    if closed or family == ModelSpec().family:
        known = Analysis.settle(cohort, base)
        _compile(replace(known, packed=replace(known.packed, left=0.5 * known.packed.time, looked_for=(1,))))
    if _under_every_hazard(family):
        hazard = base.hazard if closed else WITH_KNOTS
        _compile(Analysis.settle(cohort, base.with_(association="current_value", hazard=hazard)))


def _compile(analysis):
    layout = analysis.design.layout
    analysis.evaluator().patients(layout.to_theta([0.0] * layout.n_parameters))


def _compile_elsewhere(families):
    """Compile in a process that ends with its parent; only the parent receives Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for family in families:
        compile_family(family)


def _few_patients():
    from bayesctc.data.trial import load_trial

    cohort = load_trial().include(min_samples=3)
    return cohort.select(cohort.patients.index[:N_PATIENTS])


def main() -> int:
    """Compile ahead; returns 130 if the user interrupted, which does no harm."""
    try:
        compile_ahead()
    except KeyboardInterrupt:
        print("interrupted; the first fit compiles what is missing", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
