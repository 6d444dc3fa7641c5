"""The terms of the statistician's pages, each explained in a line or two."""

from bayesctc.report.subject import Subject


def terms(subject: Subject) -> list[tuple[str, str]]:
    """Terms that this report uses, and what they mean."""
    known = [
        (
            "Class",
            "A group of patients with a similar course of their samples. The class is never observed: each patient has "
            "a probability of belonging to each class.",
        ),
        (
            "Mode",
            "A local maximum of the likelihood, where the search from a starting value ends. The highest one that is "
            "not on a bound (interior) is used; others nearly as high are its rivals.",
        ),
    ]
    if subject.bayesian:
        known += [
            ("Posterior", "What is known about a parameter given the data: a distribution, represented by many draws."),
            (
                "Credible interval",
                "Contains the value with the stated probability, given the model, its priors and these data.",
            ),
            (
                "Chain, R-hat",
                "Draws come from several independent runs, called chains. R-hat compares the chains; 1 means that they "
                "agree.",
            ),
            ("Effective sample size", "The number of independent draws that would carry as much information."),
            ("Divergent transition", "A step at which the sampler became inaccurate; draws may then miss a region."),
        ]
    else:
        known.append(
            ("Confidence interval", "Estimate ± 1.96 standard errors, by the curvature of the likelihood at its peak.")
        )
    if subject.selection is not None:
        known += [
            (
                "LOO, elpd",
                "Leave-one-out cross-validation: how well each patient is predicted from the others, as a log density "
                "summed over patients (expected log predictive density). Higher is better.",
            ),
            (
                "Pareto k",
                "How strongly one patient influences the fit. Above 0.7 the approximation used for LOO is unreliable "
                "for this patient.",
            ),
            (
                "BIC, ICL",
                "Criteria that weigh the fit against the number of parameters; ICL also rewards a clear classification "
                "of patients. Lower is better.",
            ),
        ]
    if subject.spec.endpoint is not None:
        known.append(
            (
                "Hazard ratio",
                "The rate of the event among patients still free of it, divided by the rate in the reference group.",
            )
        )
    return known
