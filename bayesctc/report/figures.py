"""Pictures of a report, as PNG inside the page."""

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bayesctc.errors import BayesctcError
from bayesctc.predict.trajectories import class_trajectories
from bayesctc.report.subject import Subject
from bayesctc.results.classes import classification_quality
from bayesctc.results.usable import COMPARED_RHAT, why_not

DPI = 300
COLUMN = 3.5  # inches, as in the plots


@dataclass(frozen=True)
class Picture:
    """A picture, or the reason why there is none.

    Attributes
    ----------
    name : str
    alt : str
        What it shows, for readers who cannot see it.
    caption : str
    data : str
        "data:image/png;base64,...", or "" if it could not be drawn.
    width : float
        Inches.
    problem : str
    """

    name: str
    alt: str
    caption: str
    data: str
    width: float
    problem: str = ""


def selection_picture(subject: Subject) -> Picture:
    """Criteria against the number of classes."""
    from bayesctc.plots.selection import plot_selection

    def draw(figure):
        plot_selection(replace(subject.selected, sentence=""), axes=figure.subplots(1, 2))

    caption = (
        "Differences from the best number of classes. elpd: expected log predictive density, in log-likelihood units "
        "summed over patients. The scale is logarithmic where differences are large."
    )
    return picture("selection", "Criteria against the number of classes", caption, 2 * COLUMN, 3.4, draw)


def trajectories_picture(subject: Subject) -> Picture:
    """Median by class, with the samples."""
    from bayesctc.plots.trajectories import draw_trajectories

    given = " by P(g | y, T)" if subject.spec.endpoint else ""
    caption = (
        f"Median {subject.words.value} of each class ({subject.estimate}) with its {subject.interval}, and patients' "
        f"samples as thin lines in the colour of their most probable class{given}."
    )
    if "covariates" in subject.curves.attrs:
        caption += f" Covariates of growth: {subject.curves.attrs['covariates']}."
    return picture(
        "trajectories",
        f"{subject.words.full_value} over time by class",
        caption,
        COLUMN,
        3.6,
        lambda figure: draw_trajectories(subject.fit, subject.curves, figure.subplots(), max_rhat=COMPARED_RHAT),
    )


def survival_picture(subject: Subject) -> Picture:
    """Kaplan-Meier curves by class, and the model."""
    from bayesctc.plots.survival_by_class import plot_survival

    whose = "Turnbull's estimates" if subject.n_between else "Kaplan-Meier curves"
    caption = (
        f"{whose} of patients grouped by their most probable class from the {subject.words.values} alone, "
        "P(g | y), so the grouping does not depend on survival. Dashed: the model's prediction for the same "
        f"patients, with its {subject.interval}."
    )
    if subject.spec.n_classes > 1:
        caption += f" {_by_the_samples(subject)}"
    if subject.n_between:
        caption += (
            f" {subject.n_between:,} of the {subject.n_events:,} events are known only to lie between two visits. "
            "Where a curve slopes, the data do not show when within the interval the events happened."
        )
    return picture(
        "survival",
        "Survival by class",
        caption,
        COLUMN,
        3.6 + 0.13 * subject.spec.n_classes,
        lambda figure: plot_survival(subject.fit, ax=figure.subplots(), max_rhat=COMPARED_RHAT),
    )


def _by_the_samples(subject: Subject) -> str:
    """The sizes of the classes by both probabilities."""
    fit, values = subject.fit, subject.words.values
    alone, both = (
        classification_quality(p)["n_modal"] for p in (fit.class_probabilities_counts, fit.class_probabilities)
    )
    each = zip(subject.called, alone, both, strict=True)
    sizes = "; ".join(f"{label} {n:,} ({m:,})" for label, n, m in each)
    return (
        f"Patients in each class given the {values} alone (in brackets: given {subject.given}, as elsewhere in this "
        f"report): {sizes}."
    )


def incidence_picture(subject: Subject) -> Picture:
    """Cumulative incidence of each competing event by class."""
    from bayesctc.plots.incidence import plot_cumulative_incidence

    n = len(subject.fit.design.causes)
    over = f", standardised to the {subject.averaged_over} of all patients" if subject.averaged_over else ""
    caption = (
        f"Probability of each event by class in the presence of the others ({subject.estimate}, "
        f"{subject.interval}){over}. Dotted: not estimable, because there are too few events."
    )
    return picture(
        "incidence",
        "Cumulative incidence of competing events by class",
        caption,
        n * COLUMN,
        3.4,
        lambda figure: plot_cumulative_incidence(subject.fit, axes=figure.subplots(1, n), max_rhat=COMPARED_RHAT),
    )


def membership_picture(subject: Subject) -> Picture:
    """How certain the classification of patients is."""
    from bayesctc.plots.class_probabilities import plot_class_probabilities

    caption = (
        f"Each column is a patient and shows the probability of each class given {subject.given}, "
        f"{subject.probability}. A column of a single colour is a patient whose class is certain."
    )
    return picture(
        "membership",
        "Class probabilities of the patients",
        caption,
        COLUMN,
        3.2,
        lambda figure: plot_class_probabilities(subject.fit, ax=figure.subplots(), max_rhat=COMPARED_RHAT),
    )


def all_models(subject: Subject) -> Iterator[Picture]:
    """Trajectories of every number of classes that could be fitted."""
    from bayesctc.plots.trajectories import draw_trajectories

    for k, fit in subject.every_fit.items():

        def draw(figure, fit=fit):
            ax = figure.subplots()
            curves = subject.curves if fit is subject.fit else class_trajectories(fit)
            draw_trajectories(fit, curves, ax, show_samples=False, max_rhat=COMPARED_RHAT)
            ax.set_title("")

        alt = f"{subject.words.full_value} over time with {k} classes"
        failed = why_not(fit)
        caption = f"K = {k}" + ("" if k in subject.selected.bayes else " (ML)")
        caption += f" (do not rely on it: {failed})" if failed else ""
        yield picture(f"model-{k}", alt, caption, COLUMN, 3.0, draw)


def picture(name, alt, caption, width, height, draw: Callable[[Figure], object]) -> Picture:
    """Draw on a separate figure, without matplotlib's global state."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    try:
        draw(figure)
    except BayesctcError as error:
        return Picture(name, alt, caption, "", width, str(error))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    data = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(name, alt, caption, data, width)
