"""Whether a result can be trusted, in plain sentences: which checks it passed, and what was not checked."""

from bayesctc.report.format import first_up, percent
from bayesctc.report.requirements import FEW_EVENTS, Requirement
from bayesctc.report.subject import Subject
from bayesctc.results.classes import GOOD_AVERAGE, SMALLEST_CLASS

READ_BEFORE = "The section “Read before you trust this”"
NOT_SIMULATED = "Whether the model reproduces these data was not checked for this report (predictive checks)."


def trusted(subject: Subject, made: list[Requirement], n_warnings: int) -> str:
    """Whether the result can be trusted; the statistician's pages have `n_warnings` warnings."""
    if subject.why_not:
        return (
            "No. This is a FAILED FIT: the computation did not reach a reliable result. The statistician's pages give "
            "the reason."
        )
    failed = [requirement for requirement in made if not requirement.passed]
    if failed:
        why = dict.fromkeys(f"{first_up(requirement.plain)}." for requirement in failed)
        return f"Only with care: {len(failed)} of {len(made)} checks failed. {' '.join(why)} {NOT_SIMULATED}"
    found = "; ".join(_passed(subject))
    return (
        f"The computation can be trusted: all {len(made)} checks were passed. {first_up(found)}. "
        f"{NOT_SIMULATED}{still_apply(n_warnings)}"
    )


def _passed(subject: Subject) -> list[str]:
    """What the main checks have shown."""
    parts = ["repeated runs of the computation agree" if subject.bayesian else "the search for the best fit converged"]
    several = subject.spec.n_classes > 1
    if several:
        parts.append(
            f"each class has at least {percent(SMALLEST_CLASS)} of the patients, who are assigned to it with an "
            f"average probability of at least {percent(GOOD_AVERAGE)}"
        )
    if subject.spec.endpoint is not None:
        of_each = " of each kind" if subject.fit.design.causes else ""
        expected = " are expected in each class" if several else " were observed"
        parts.append(f"at least {FEW_EVENTS} events{of_each}{expected}")
    return parts


def still_apply(n_warnings: int) -> str:
    """A sentence on the warnings of a result that passed its checks; "" if there is none."""
    if n_warnings == 0:
        return ""
    many = "a warning that still applies" if n_warnings == 1 else f"{n_warnings} warnings that still apply"
    return f" {READ_BEFORE} has {many}."
