"""What the statistician's pages presuppose, in a line each, before it is first used."""

from bayesctc.report.subject import Subject


def terms(subject: Subject) -> list[tuple[str, str]]:
    """Terms that this report uses, and what they mean."""
    known = [
        (
            "Class",
            "A group of patients with a typical course of their samples. Nobody's class is observed: each patient has "
            "a probability of each class.",
        ),
        (
            "Mode",
            "A peak of the likelihood, at which a search from one starting value ends. The highest one that is not on "
            "a bound (interior) is used; others nearly as high are its rivals.",
        ),
    ]
    if subject.bayesian:
        known += [
            ("Posterior", "What is known of a parameter after the data: a distribution, here of many draws."),
            (
                "Credible interval",
                "Holds the value with the probability stated, given the model, its priors and these data.",
            ),
            (
                "Chain, R-hat",
                "Draws come in chains, runs that are independent of each other. R-hat compares them; 1 means that they "
                "agree.",
            ),
            ("Effective sample size", "The number of independent draws that would say as much as these."),
            ("Divergent transition", "A step at which the sampler lost its way; draws may then miss a region."),
        ]
    else:
        known.append(
            ("Confidence interval", "By the curvature of the likelihood at its peak: estimate ± 1.96 standard errors.")
        )
    if subject.selection is not None:
        known += [
            (
                "LOO, elpd",
                "Leave-one-out cross-validation: how well the other patients predict each patient, as a log density "
                "summed over patients (expected log predictive density). Higher is better.",
            ),
            (
                "Pareto k",
                "How far one patient moves the fit; above 0.7 the approximation behind LOO is not reliable for this "
                "patient.",
            ),
            (
                "BIC, ICL",
                "Criteria that weigh the fit against the number of parameters; ICL also wants patients clearly "
                "classified. Lower is better.",
            ),
        ]
    if subject.spec.endpoint is not None:
        known.append(
            (
                "Hazard ratio",
                "How many times as often the event happens per unit of time, among patients who are still free of it.",
            )
        )
    return known
