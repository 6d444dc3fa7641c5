"""What of a comparison of readings rests on a fit that failed."""

from bayesctc.comparators.compare import Comparison
from bayesctc.results.usable import why_not


def classes_failed(comparison: Comparison) -> str | None:
    """Why the fit that classified the patients by their counts may not be compared; None where it may."""
    return why_not(comparison.growth)


def failures(comparison: Comparison, endpoint: str) -> dict[tuple[str, str], str]:
    """Why fits of an endpoint may not be compared, by reading and method; not what has no estimate to begin with."""
    ratios, criteria = comparison.hazard_ratios, comparison.criteria
    found: dict[tuple[str, str], str] = {}
    for table in (ratios[ratios["estimate"].notna()], criteria):
        for row in table[(table["endpoint"] == endpoint) & ~table["usable"]].to_dict("records"):
            found[row["reading"], row["method"]] = row["reason"]
    return found
