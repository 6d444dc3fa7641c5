"""Tables of a report: text cells, explained by the caption and the note."""

from dataclasses import dataclass, field

from bayesctc.data.outcome import CUTOFF
from bayesctc.predict.trajectories import BACKED, POSITIVE_COUNT
from bayesctc.report.format import count, first_up, fixed, odds, percent, significant, with_interval
from bayesctc.report.requirements import Requirement
from bayesctc.report.subject import Subject
from bayesctc.results.classes import GOOD_AVERAGE, GOOD_ODDS
from bayesctc.results.separation import LEAST_INFORMATION, MADE_BY_SURVIVAL, made_by_survival


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes
    ----------
    caption : str
    head : list of str
    rows : list of list of str
    note : str
        Estimand, unit, scale.
    n_text : int
        Leading columns that are text, set to the left; -1 for all.
    marked : set of int
        Rows to highlight.
    """

    caption: str
    head: list[str]
    rows: list[list[str]]
    note: str = ""
    n_text: int = 1
    marked: set[int] = field(default_factory=set)


def flow(subject: Subject) -> Table:
    """Exclusions, with reasons."""
    table = subject.fit.cohort.flow(subject.spec.endpoint)
    without = int(table.iloc[-1]["patients_without_samples"])
    note = f"{without:,} of the patients in the analysis have no samples." if without else ""
    return flow_of("Flow of patients and samples", table, note)


def flow_of(caption: str, table, note: str = "") -> Table:
    """A flow table of the cohort."""
    rows = [
        [
            str(row.step),
            str(row.reason),
            f"{row.patients_excluded:,}",
            f"{row.patients:,}",
            f"{row.samples_excluded:,}",
            f"{row.samples:,}",
        ]
        for row in table.itertuples()
    ]
    head = ["step", "reason for exclusion", "patients excluded", "patients left", "samples excluded", "samples left"]
    return Table(caption, head, rows, note, n_text=2)


def cohort_summary(subject: Subject) -> Table:
    """The cohort in a few lines."""
    from bayesctc.data.summary import summary_lines

    cohort = subject.fit.cohort
    rows = [[heading, text] for heading, text in summary_lines(cohort._content, cohort.fingerprint).items()]
    rows = [row for row in rows if row[0] != "fingerprint"]
    note = "Median time is to the event or to censoring, whichever came first; it is not median survival."
    return Table("The cohort", ["", ""], rows, note if cohort.endpoints else "", n_text=-1)


def time_by_sample(subject: Subject) -> Table:
    """When the first, second, ... sample was drawn."""
    samples = subject.samples
    number = samples.groupby("patient_id").cumcount() + 1
    times = samples["time"].groupby(number.to_numpy()).agg(["size", "mean", "std"])
    rows = [
        [str(k), f"{int(row['size']):,}", fixed(row["mean"], 2), fixed(row["std"] ** 2, 3), fixed(row["std"], 2)]
        for k, row in times.head(12).iterrows()
    ]
    head = ["sample", "patients", "mean, months", "variance, months²", "sd, months"]
    note = "Months from the start of treatment." + (" Later samples are not shown." if len(times) > 12 else "")
    return Table("Time of the samples", head, rows, note)


def class_quality(subject: Subject) -> Table:
    """Size and separation of the classes."""
    quality = subject.fit.quality
    events = subject.fit.expected_events
    rows = []
    for g, row in enumerate(quality.itertuples()):
        cells = [
            str(row.Index),
            percent(row.share, 1),
            f"{row.n_modal:,} ({percent(row.share_modal, 1)})",
            fixed(row.average_posterior, 2),
            odds(row.odds_correct),
        ]
        rows.append([*cells, *(fixed(n, 1) for n in events.iloc[:, g])])
    head = ["class", "mean probability", "patients assigned", "average posterior", "odds correct"]
    note = (
        f"Probabilities given {subject.given}, {subject.probability}. Assigned: patients with this most probable "
        f"class. Average posterior: their mean probability of the class ({GOOD_AVERAGE:g} or more is good). Odds "
        f"correct: odds of correct classification ({GOOD_ODDS:g} or more is good)."
    )
    if len(events):
        head += ["expected events"] if len(events) == 1 else [f"expected events of {cause}" for cause in events.index]
        note += " Expected events: observed events weighted by class probability."
    if subject.spec.n_classes > 1:
        note += (
            f" Relative entropy: {fixed(subject.fit.entropy, 3)} (1: every patient's class is certain; 0: all classes "
            "are equally probable)."
        )
    return Table("Class sizes and separation", head, rows, note)


def class_separation(subject: Subject) -> Table | None:
    """The information on each class from samples and from survival; None without survival or classes."""
    if subject.spec.endpoint is None or subject.spec.n_classes == 1:
        return None
    found = subject.fit.class_separation()
    rows = [
        [
            str(label),
            *(fixed(row[c], 2) for c in ("counts", "survival", "remaining")),
            percent(row["share_from_survival"], 0),
        ]
        for label, row in found.iterrows()
    ]
    marked = {k for k, made in enumerate(made_by_survival(found)) if made}
    values = subject.words.values
    note = (
        f"Information on class membership, in nats per patient of the class (1 nat: a factor of 2.7). "
        f"{subject.words.heading}: mean of log P(g | y) / P(g), the information in the {values}; survival: mean of "
        "log P(g | y, T) / P(g | y), the information that survival adds; remaining: mean of −log P(g | y, T), what "
        "neither provides. The three sum to −log P(g), full knowledge of a patient's class. "
        f"Share from survival: survival / ({values} + survival). If it is above {percent(MADE_BY_SURVIVAL, 0)} and "
        f"survival is {LEAST_INFORMATION:g} nats or more (marked), the class reflects survival more than the {values}."
    )
    head = ["class", f"from {values}", "from survival", "remaining", "share from survival"]
    return Table("What separates the classes", head, rows, note, marked=marked)


class Beyond:
    """Marks numbers of a class at months after its samples end, and explains the mark in `note`."""

    def __init__(self, subject: Subject):
        self.reach, self.note = subject.reach, ""

    def __call__(self, latent_class: int, month: float) -> str:
        if month <= self.reach[latent_class]:
            return ""
        self.note = (
            f" † Later than {100 * BACKED:g} % of the samples of the class's patients: extrapolated from the model."
        )
        return " †"


def trajectory_values(subject: Subject) -> Table:
    """Medians at a few months, and shares at or above the cut-off if there is one."""
    months, beyond = subject.table_months, Beyond(subject)
    curves = subject.counts.sel(time=months)
    rows = []
    for g, label in enumerate(subject.labels):
        each = curves.isel(latent_class=g)
        for what, names, show in _of_curves(subject.outcome, POSITIVE_COUNT):
            values = zip(*(each[v].to_numpy() for v in names), strict=True)
            shown = (with_interval(*v, show=show) + beyond(g, m) for v, m in zip(values, months, strict=True))
            rows.append([label, what, *shown])
    words, of = subject.words, f"median {subject.words.label}"
    if CUTOFF in subject.outcome.answers:
        of = f"median {words.value}, in {words.unit}, and of the probability of {POSITIVE_COUNT} or more"
    note = (
        f"{first_up(subject.estimate)} ({subject.interval}) of the {of}, over the patients of a class and their "
        f"samples.{beyond.note}"
    )
    if "covariates" in curves.attrs:
        note += f" Covariates of growth: {curves.attrs['covariates']}."
    head = ["class", "", *(f"month {m:g}" for m in months)]
    return Table(f"{words.heading} by class", head, rows, note, n_text=2)


def _of_curves(outcome, cutoff):
    """The rows of a curve: heading, columns of estimate and limits, and the format of numbers."""
    yield f"median {outcome.words.value}", outcome.median_columns, count if outcome.whole else significant
    if CUTOFF in outcome.answers:
        names = tuple(f"positive_share{end}" for end in ("", "_lower", "_upper"))
        yield f"share with {cutoff} or more", names, percent


def requirement_table(made: list[Requirement]) -> Table:
    """The checks, with what was found and wanted."""
    rows = [[c.name, c.found, c.wanted, "passed" if c.passed else "FAILED"] for c in made]
    marked = {k for k, c in enumerate(made) if not c.passed}
    return Table("Checks", ["check", "found", "wanted", ""], rows, n_text=-1, marked=marked)


def modes(subject: Subject) -> Table:
    """Modes of the likelihood that the search found."""
    rows = [
        [
            str(k),
            fixed(m.log_likelihood, 2),
            str(m.n_starts),
            yes_no(m.converged),
            yes_no(m.interior),
            percent(m.smallest_class, 1),
            str(m.remark or ""),
        ]
        for k, m in enumerate(subject.fit.modes.head(8).itertuples(), start=1)
    ]
    head = ["mode", "log likelihood", "starts", "converged", "interior", "smallest class", "remark"]
    note = "The best interior mode is the estimate, or where the chains start; modes on a bound are spurious maxima."
    if len(subject.fit.modes) > 8:
        n = len(subject.fit.modes) - 8
        note += f" {n} lower mode{'s are' if n > 1 else ' is'} not shown."
    return Table("Modes of the likelihood", head, rows, note)


def yes_no(value) -> str:
    """A truth value as a word."""
    return "yes" if bool(value) else "no"
