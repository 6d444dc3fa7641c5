"""The look of every picture: colours, type sizes, legends. Matplotlib's global settings are never changed."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import offset_copy

from bayesctc.data.outcome import FREQUENCY, Outcome
from bayesctc.data.words import Words
from bayesctc.errors import SpecError
from bayesctc.results.fit import Fit
from bayesctc.results.usable import why_not

WIDTH = 3.5  # inches, one column of a journal
DPI = 200  # so that a column-wide figure is large enough on a screen
TEXT, SMALL = 8.0, 7.0  # points
INK, MUTED, GRID = "#222222", "#666666", "#e6e6e6"
BAND_ALPHA = 0.18
FAILED: dict[str, Any] = {"color": MUTED, "markerfacecolor": "white"}  # a fit that cannot be relied on
NOT_COUNTED = "fit failed: not counted"
BELOW_LEAST = 0.12  # in values, between the axis and points at a frequent least value
LEAST_ROOM = 0.045  # between two ticks, of the length of the axis
LEFT = -0.14  # where legends and notes start, in widths of the axes: above the axis label
LEGEND_ROOM = 52  # characters beside each other in a legend above axes
UNDER_TITLE = 4.0  # points between axes and title
TITLE_ROOM = 22.0  # points that a title of one line has, whatever its type size is by default
UNDER_AXES = 30.0  # points that tick labels and axis label take, which figures leave room for
EDGE = 3.0  # points that constrained layout leaves between a figure's edge and what is in it
LEAST_LINE = 20  # characters of a line of a caption, however narrow the figure is
LEAST_SHARE = 0.35  # of their height that axes keep
CONTRAST = 4.5  # of text with white, at least
LUMINANCE = (0.2126, 0.7152, 0.0722)  # of red, green and blue light

# Okabe and Ito's palette (jfly.uni-koeln.de/color), which readers with any colour vision tell apart.
BLUE, SKY, GREEN, YELLOW, ORANGE, VERMILLION, PURPLE, BLACK = (
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#E69F00",
    "#D55E00",
    "#CC79A7",
    "#000000",
)
_ORDERS: dict[int, tuple[str, ...]] = {
    1: (BLUE,),
    2: (BLUE, VERMILLION),
    3: (BLUE, ORANGE, VERMILLION),
    4: (BLUE, GREEN, ORANGE, VERMILLION),
    5: (BLUE, SKY, GREEN, ORANGE, VERMILLION),
    6: (BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE),
    7: (BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE, BLACK),
}
ENDPOINTS = {
    "os": "Overall survival",
    "pfs": "Progression-free survival",
    "ttf": "Freedom from treatment failure",
}


def class_colours(n_classes: int) -> tuple[str, ...]:
    """Colours of the classes, from the lowest counts (blue) to the highest; viridis beyond seven classes."""
    if n_classes in _ORDERS:
        return _ORDERS[n_classes]
    steps = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.9, n_classes))
    return tuple(matplotlib.colors.to_hex(step) for step in steps)


def text_colour(colour: str) -> str:
    """The colour for text on white: darkened until its contrast is at least 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    channels = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ LUMINANCE)
    linear *= min(1.0, (1.05 / CONTRAST - 0.05) / max(luminance, 1e-9))
    channels = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{int(value):02x}" for value in 255.0 * channels + 1e-9)


def event_name(endpoint: str, cause: str) -> str:
    """The event of a picture of hazards: an endpoint, or one of its competing events."""
    return f"{cause.capitalize().replace('_', ' ')} ({endpoint})" if cause else ENDPOINTS.get(endpoint, endpoint)


def cause_colours(n_causes: int) -> tuple[str, ...]:
    """Colours of competing events, none of them those of the lowest and highest class."""
    few = (PURPLE, GREEN, BLACK, ORANGE, SKY)
    return few[:n_causes] if n_causes <= len(few) else class_colours(n_causes)


def class_entries(labels: Sequence[str], sizes: Sequence[int]) -> list[str]:
    """Legend texts such as "tCTClo, n = 95 (20 %)"."""
    total = sum(sizes)
    return [f"{name}, n = {n} ({100 * n / total:.0f} %)" for name, n in zip(labels, sizes, strict=True)]


def n_by(words: Words, survival: bool) -> str:
    """Which class probability the patients of a class are counted by: "n by counts and survival"."""
    return f"n by {words.values} {'and survival' if survival else 'alone'}"


def new_axes(height: float = 3.2, width: float = WIDTH) -> Axes:
    """The Axes of a new figure of `width` x `height` inches."""
    _, ax = plt.subplots(figsize=(width, height), dpi=DPI, layout="constrained")
    return ax


def panels(axes: Any, shape: tuple[int, ...], wanted: str, height: float, width: float, **options: Any) -> np.ndarray:
    """Axes of a picture of several panels: those that were given, or of a new figure of `width` x `height` inches.

    Parameters
    ----------
    axes : Axes in any nesting, or None
    shape : tuple of int
        That of the array which is returned, of one row or of rows and columns.
    wanted : str
        How many there have to be, in words.

    Raises
    ------
    SpecError
        There are too few or too many, or one is something else.
    """
    if axes is None:
        size = (1, *shape)[-2:]
        _, axes = plt.subplots(*size, figsize=(width, height), dpi=DPI, layout="constrained", squeeze=False, **options)
    found = np.asarray(axes, dtype=object)
    if found.size != np.prod(shape):
        raise SpecError(f"axes has to hold {wanted}; found {found.size}.")
    for ax in found.flat:
        check_axes(ax, "axes")
    return found.reshape(shape)


def plain(text: str) -> str:
    """Literal text: a dollar sign does not start mathematics."""
    return text.replace("$", r"\$")


def dress(ax: Axes, title: str, xlabel: str, ylabel: str, *, pad: float = 6.0) -> None:
    """Title, labels, type sizes and frame; `pad` is the room that a legend above takes, in points.

    The title is the one that `ax.set_title` replaces, next to the axes; a legend is above it.
    """
    text = "\n".join(textwrap.fill(line, 50) for line in title.splitlines())
    ax.set_title(plain(text), fontsize=TEXT, fontweight="bold", color=INK, pad=UNDER_TITLE)
    legend = ax.get_legend()
    if pad > UNDER_TITLE and legend is not None:
        above = max(1.35 * TEXT * (text.count("\n") + 1), TITLE_ROOM)
        where = offset_copy(ax.transAxes, ax.get_figure(root=True), y=above, units="points")
        legend.set_bbox_to_anchor((LEFT, 1.0), transform=where)
        make_room(ax, top=pad + above - TITLE_ROOM)
    ax.set_xlabel(plain(xlabel), fontsize=TEXT, color=INK)
    ax.set_ylabel(plain(ylabel), fontsize=TEXT, color=INK)
    ax.tick_params(labelsize=SMALL, colors=INK, width=0.6, length=2.5)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_linewidth(0.6)
        spine.set_color(INK)


def legend_above(
    ax: Axes, handles: Sequence[Any], labels: Sequence[str], place: bool | str, n_columns: int = 2
) -> float:
    """A legend above axes and title, read row by row; returns the room it takes in points, for `dress`.

    With False for `place` there is none, and with the name of a place it is within the axes, one entry below the other.
    """
    shared: dict[str, Any] = {
        "fontsize": SMALL - 0.3,
        "handlelength": 1.5,
        "handletextpad": 0.5,
        "columnspacing": 1.0,
        "labelspacing": 0.3,
        "labelcolor": INK,
    }
    if isinstance(place, str):
        where: dict[str, Any] = {"loc": place, "edgecolor": "none"}
        inside = ax.legend(handles, [plain(label) for label in labels], **where, **shared)
        inside.set_zorder(10)
    if place is not True:
        return 0.0
    n = len(handles)
    while n_columns > 1 and sum(max(map(len, labels[c::n_columns]), default=0) for c in range(n_columns)) > LEGEND_ROOM:
        n_columns -= 1
    n_rows = -(-n // n_columns)
    # matplotlib fills columns first: put the entries so that rows read in the given order
    order = [row * n_columns + column for column in range(n_columns) for row in range(n_rows)]
    order = [k for k in order if k < n] if n % n_columns == 0 or n_rows == 1 else _uneven(n, n_columns)
    ax.legend(
        [handles[k] for k in order],
        [plain(labels[k]) for k in order],
        ncols=n_columns,
        loc="lower left",
        bbox_to_anchor=(LEFT, 1.0),
        borderaxespad=0.6,
        borderpad=0.0,
        frameon=False,
        **shared,
    )
    return n_rows * SMALL * 1.4 + 8.0


_SLOTS: WeakKeyDictionary[Axes, list[Any]] = WeakKeyDictionary()  # where axes stood, and the room made on both sides


def make_room(ax: Axes, top: float = 0.0, bottom: float = 0.0) -> None:
    """Shrink axes by points, so that legend and notes fit into their original area.

    A figure with a layout engine needs no change, because it makes the room itself.
    """
    figure = ax.get_figure(root=True)
    if figure is None or figure.get_layout_engine() is not None:
        return
    slot, *room = _SLOTS.setdefault(ax, [ax.get_position(original=True), 0.0, 0.0])
    room = [max(room[0], top), max(room[1], bottom)]
    _SLOTS[ax] = [slot, *room]
    above, below = (points / 72.0 / figure.get_figheight() for points in room)
    height = max(slot.height - above - below, LEAST_SHARE * slot.height)
    ax.set_position((slot.x0, slot.y0 + min(below, slot.height - height), slot.width, height))


def _uneven(n: int, n_columns: int) -> list[int]:
    """Row-wise order of n entries where matplotlib gives the first columns one entry more."""
    return [k for column in range(n_columns) for k in range(column, n, n_columns)]


def line_handle(colour: str, **options: Any) -> Line2D:
    """A legend's line."""
    return Line2D([], [], color=colour, **{"linewidth": 1.6, **options})


def with_failed(
    handles: Sequence[Any], labels: Sequence[str], failed: bool, said: str = NOT_COUNTED
) -> tuple[list[Any], list[str]]:
    """A legend's handles and labels, with an entry for failed fits if there are any."""
    if not failed:
        return list(handles), list(labels)
    handle = Line2D([], [], marker="o", markersize=3.5, linewidth=1.1, **FAILED)
    return [*handles, handle], [*labels, said]


def caption(ax: Axes, text: str, below: float = 30.0, width: int = 62) -> None:
    """Small text `below` points under the frame, in lines of at most `width` characters that end inside the figure.

    The tick labels of the y axis, which take room, have to be there already.
    """
    note = ax.annotate(
        plain(textwrap.fill(text, width)),
        (LEFT, 0.0),
        xytext=(0.0, -below),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="left",
        va="top",
        fontsize=SMALL - 0.5,
        color=MUTED,
        annotation_clip=False,
    )
    room = _room_under(ax)
    while note.get_window_extent().width > room and width > LEAST_LINE:
        width -= 1
        note.set_text(plain(textwrap.fill(text, width)))
    make_room(ax, bottom=below + 1.3 * SMALL * (note.get_text().count("\n") + 1) - UNDER_AXES)


def _room_under(ax: Axes) -> float:
    """Pixels from where notes start to the right edge of the figure, once its layout engine has placed the axes."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    right, own = float(figure.bbox.x1), ax.get_window_extent()
    if figure.get_layout_engine() is None:
        return right - float(own.x0 + LEFT * own.width)
    labels = ax.yaxis.get_tightbbox()
    first = (0.0 if labels is None else float(own.x0 - labels.x0)) + EDGE / 72.0 * figure.dpi
    place = ax.get_subplotspec()
    columns = 1 if place is None else place.get_gridspec().ncols
    return (right - first) * (1.0 - LEFT / columns) - 2.0 * EDGE / 72.0 * figure.dpi


def mark_failed(ax: Axes, fit: Fit, max_rhat: float) -> None:
    """Mark a picture of a fit that cannot be relied on, with the reason."""
    mark_reason(ax, why_not(fit, max_rhat))


def mark_reason(ax: Axes, reason: str | None) -> None:
    """Write on a picture why it cannot be trusted, if there is a reason."""
    if reason is None:
        return
    text = plain(textwrap.fill(f"NOT TO BE TRUSTED: {reason}", 38))
    ax.text(
        0.5,
        0.97,
        text,
        transform=ax.transAxes,
        ha="center",
        va="top",
        fontsize=SMALL,
        fontweight="bold",
        color=text_colour(VERMILLION),
        zorder=20,
        bbox={"boxstyle": "square,pad=0.3", "facecolor": "white", "edgecolor": VERMILLION, "linewidth": 0.8},
    )


def value_axis(ax: Axes, outcome: Outcome, low: float, top: float, most: int = 8) -> None:
    """An outcome's axis on the scale of its growth curve, from `low` to `top` as values, with about `most` ticks.

    If single values are frequent, the smallest is one of them: the axis starts there, with room for its points.
    """
    if FREQUENCY in outcome.answers:
        low = outcome.lower - BELOW_LEAST
    least = min(low, outcome.lower)

    def forward(value: Any) -> np.ndarray:
        return outcome.forward(np.clip(value, least, outcome.upper), outcome.reference)

    ax.set_yscale("function", functions=(forward, outcome.inverse))
    ax.set_ylim(low, top)
    wanted = outcome.ticks(low, top, most)
    if wanted is None:
        ax.yaxis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10]))
        return
    wanted = [tick for tick in wanted if low <= tick <= top]
    if len(wanted) < 3:  # a narrow range
        wanted = [tick for tick in MaxNLocator(min(most, 5)).tick_values(low, top)[::-1] if low <= tick <= top]
    room, ticks = LEAST_ROOM * np.ptp(forward([low, top])), wanted[:1]
    for tick in wanted[1:]:
        if np.abs(forward(ticks) - forward(tick)).min() > room:
            ticks.append(tick)
    ax.yaxis.set_major_locator(FixedLocator(sorted(ticks)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def ticks_without_value(ax: Axes, failed: pd.DataFrame, colour: str = INK) -> None:
    """A tick on the time axis for each sample that failed, a lighter one for each that is missing."""
    for status, alpha in (("failed", 0.9), ("missing", 0.35)):
        times = failed["time"][failed["status"] == status].to_numpy()
        where: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False, "zorder": 6}
        if len(times):
            height = np.full(len(times), 0.03)
            ax.plot(
                times,
                height,
                "|",
                color=colour,
                alpha=alpha,
                markersize=5.0,
                markeredgewidth=1.1,
                label=f"_{status}",
                **where,
            )


def first_month(start: float, drawn: Iterable[float]) -> float:
    """Where a time axis begins: day 0, the `start` of the curves or the first sample drawn, whichever is earliest."""
    return min([0.0, start, *map(float, drawn)])


def month_ticks(last: float) -> np.ndarray:
    """Round months from 0 to `last`, at most eight of them."""
    step = next((s for s in (1, 2, 3, 6, 12, 24, 36, 60) if last / s <= 7), 120)
    return np.arange(0.0, last + 1e-9, step)


def evenly(positions: Iterable[int], most: int) -> np.ndarray:
    """At most `most` of the positions, evenly spaced in their order."""
    values = np.asarray(list(positions), dtype=int)
    kept = np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)
    return np.asarray(values[kept])


def check_axes(ax: Any, name: str = "ax") -> None:
    """Refuse anything but a matplotlib Axes."""
    if ax is not None and not isinstance(ax, Axes):
        raise SpecError(f"{name} has to be a matplotlib Axes; found {type(ax).__name__}.")
