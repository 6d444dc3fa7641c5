"""What of a comparison of readings rests on a fit that failed."""

from bayesctc.comparators.compare import Comparison

OF_CLASSES = ("Cox", "Weibull", "Weibull, Bayes", "three-step BCH")  # methods that take the classes by counts as given


def classes_failed(comparison: Comparison) -> str | None:
    """Why the fit that classified the patients by their counts may not be compared; None where it may.

    Each of its methods and its criteria then have that one reason; what cannot be estimated has reasons of its own.
    """
    ratios, criteria = comparison.hazard_ratios, comparison.criteria
    rows = ratios[(ratios["reading"] == "tctc") & ratios["method"].isin(OF_CLASSES)]
    rest = criteria[(criteria["reading"] == "tctc") & (criteria["method"] == "modal class")]
    reasons = {*rows["reason"], *rest["reason"]}
    return reasons.pop() or None if len(reasons) == 1 else None


def failures(comparison: Comparison, endpoint: str) -> dict[tuple[str, str], str]:
    """Why fits of an endpoint may not be compared, by reading and method; not what has no estimate to begin with."""
    ratios, criteria = comparison.hazard_ratios, comparison.criteria
    found: dict[tuple[str, str], str] = {}
    for table in (ratios[ratios["estimate"].notna()], criteria):
        for row in table[(table["endpoint"] == endpoint) & ~table["usable"]].to_dict("records"):
            found[row["reading"], row["method"]] = row["reason"]
    return found
