"""Why a number of classes is recommended, and which criteria favour another, in words for the first page."""

from bayesctc.criteria.loo import STACKED
from bayesctc.criteria.selection import Selection
from bayesctc.criteria.sentence import favourites, given_up, passed_over, unsettled
from bayesctc.report.format import listed, percent
from bayesctc.results.usable import FEWEST_CHAINS

PLAIN = {"LOO": "leave-one-out prediction"}  # criteria whose names are spelt out on the first page


def recommended(selection: Selection) -> str:
    """Why the number chosen by the rule is recommended, and whether every criterion favours it."""
    rule, table, k = selection.rule, selection.table, selection.recommended
    asks = {
        "icl": "this number best combines a good fit with a clear classification of patients (criterion ICL)",
        "loo": "no smaller number predicts other patients equally well",
    }
    by_k, better = favourites(table[rule.eligible(table).all(axis=1)]), passed_over(table, rule)
    doubtful = unsettled(table, rule)
    of_those = " among the numbers that could be compared" if doubtful else ""
    parts = [f"{k} class{'es are' if k != 1 else ' is'} recommended{of_those}, because {asks[rule.criterion]}."]
    if doubtful:
        said = "; ".join(f"{g}, which was excluded from the comparison because {_why(selection, g)}" for g in doubtful)
        parts.append(f"The number of classes is not settled: {rule.criterion.upper()} is better for {said}.")
    if set(by_k) != {k}:
        said = "; ".join(f"{_listed(names)} favour{'s' if len(names) == 1 else ''} {g}" for g, names in by_k.items())
        parts.append(f"The criteria disagree, so the number of classes is uncertain: {said}.")
    elif not better:
        parts.append("Every criterion favours it.")
    alike: dict[tuple[str, str], list[str]] = {}
    for g in (g for g in better if g not in doubtful):
        alike.setdefault((_listed(better[g]), _why(selection, g)), []).append(str(g))
    for (names, why), numbers in alike.items():
        are, were = ("is", "was") if len(numbers) == 1 else ("are", "were")
        parts.append(
            f"{listed(numbers)} {are} better by {names}, but {were} excluded from the comparison because {why}."
        )
    return " ".join(parts)


def _why(selection: Selection, k: int) -> str:
    """Why a number of classes was excluded, in plain words; the statistician's pages give the reason in full."""
    row, floor = selection.table.loc[k], selection.rule.floor
    if not row["smallest_class"] >= floor:
        return f"one of the classes contains under {percent(floor)} of patients"
    if given_up(selection.table)[k]:
        return "the computation was given up early, far behind by ICL"
    if row["method"] != STACKED and not row["n_compared"] >= FEWEST_CHAINS:
        return "too few of the repeated runs of the computation could be used"
    return "the repeated runs of the computation were too short or did not agree"


def _listed(names: list[str]) -> str:
    return listed(PLAIN.get(name, name) for name in names)
