"""What a result does not show, in plain sentences."""

from collections.abc import Iterator

from bayesctc.design.grammar import columns_of
from bayesctc.report.format import listed
from bayesctc.report.requirements import included_by
from bayesctc.report.subject import Subject
from bayesctc.results.intervals import CI_TEXT


def cautions(subject: Subject, follow_up: str) -> Iterator[str]:
    """What not to conclude; `follow_up` is what the follow-up observes, such as "survival"."""
    values = subject.words.values
    several, survival = subject.spec.n_classes > 1, subject.spec.endpoint is not None
    if survival and several:
        yield (
            f"That the {values} cause the outcome. Even if classes differ in outcome, it has not been shown that "
            f"changing a patient's {values} would change their outcome."
        )
    if several:
        yield from _of_classes(subject, follow_up)
    else:
        yield "That all patients are alike. One typical course was fitted, and no groups were distinguished."
    if survival and (rule := included_by(subject)):
        yield (
            "That these results apply to patients in general. Patients were selected by their number of samples "
            f"({rule}), so those who died or dropped out early are more likely to be missing."
        )
    yield "That the same holds elsewhere. The result has not been tested in patients from outside these data."
    if not subject.bayesian and subject.selection is not None:
        yield "That the intervals are final. This is a first, quick estimate of the model."
    yield (
        f"That a {CI_TEXT} interval covers all uncertainty. It takes the model and the number of classes as given; "
        "whether other reasonable choices lead to the same result was not tested here."
    )


def _of_classes(subject: Subject, follow_up: str) -> Iterator[str]:
    """What is not shown by classes."""
    values, columns = subject.words.values, _acting_by_class(subject)
    yield (
        "That the classes are distinct types of disease. They summarise many individual courses. Patients within "
        "a class differ, and there is no sharp border between classes."
    )
    studied = (
        f"The analysis examined whether {columns} acts differently in the classes, not what happens to patients "
        "whose treatment is changed once their class is known."
    )
    yield (
        "That a patient's treatment should be changed because of their class. "
        f"{studied if columns else 'This was not studied here.'}"
    )
    if columns:
        yield (
            f"That a difference by {columns} within a class was caused by {columns}. Classes are formed from {values} "
            f"measured during treatment, which may themselves depend on {columns}. The patients compared within a "
            "class may therefore differ in other respects too. Such a comparison is not randomised, even in a "
            "randomised trial."
        )
    also = f" and on that patient's {follow_up}" if follow_up else ""
    yield (
        f"That a patient's class is known when treatment starts. It depends on {values} measured during treatment"
        f"{also}. To predict from a given day, use only what was known on that day."
    )


def _acting_by_class(subject: Subject) -> str:
    """The columns whose effect may differ by class, listed; "" where there are none."""
    spec = subject.spec
    formulas = {"survival_by_class": spec.survival_by_class, "longitudinal_by_class": spec.longitudinal_by_class}
    return listed(dict.fromkeys(column for name, text in formulas.items() for column in columns_of(text, name)))
