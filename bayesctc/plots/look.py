"""What a caller can change in a picture: colours, opacity of areas, width of lines, the legend."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TypedDict

from matplotlib.colors import is_color_like, to_hex
from matplotlib.legend import Legend
from matplotlib.typing import ColorType

from bayesctc.errors import SpecError


class Style(TypedDict, total=False):
    """Keyword arguments of the plots, under matplotlib's names. A plot takes those that apply to its picture.

    Attributes
    ----------
    color : colour or sequence of colours
        Replaces the palette: one colour for everything, or as many as the palette has, in the order of the legend.
        Colours with a meaning (failed, flagged) do not change.
    alpha : float
        Of bands and areas, from 0 to 1.
    linewidth : float
        Of curves and intervals, in points; thinner lines keep their proportion.
    legend : bool or str
        False for none, or its place in the axes by matplotlib's names ("best", "lower left", ...). Above the title
        unless given. Class names are those of the fit (`with_labels`).
    """

    color: ColorType | Sequence[ColorType]
    alpha: float
    linewidth: float
    legend: bool | str


@dataclass(frozen=True)
class Look:
    """The settings of a picture; see `Style`."""

    colours: tuple[str, ...] = ()
    alpha: float = 1.0
    linewidth: float = 1.0
    legend: bool | str = True


def look_of(
    given: Style,
    *,
    colours: Sequence[str] | None = None,
    alpha: float | None = None,
    linewidth: float | None = None,
    legend: bool | None = None,
) -> Look:
    """The default look of a picture with the caller's changes; None for settings that do not apply.

    Raises
    ------
    TypeError
        The picture has no setting of that name.
    SpecError
        A value is not a colour, opacity, width or place, or there are too few or too many colours.
    """
    own = {"color": colours, "alpha": alpha, "linewidth": linewidth, "legend": legend}
    given = {name: value for name, value in given.items() if value is not None}  # type: ignore[assignment]
    allowed = [name for name, value in own.items() if value is not None]
    for name in given:
        if name not in allowed:
            raise TypeError(f"unexpected keyword {name!r}; allowed for this picture: {', '.join(allowed)}.")
    colours = _colours(given["color"], len(colours or ())) if "color" in given else colours
    return Look(
        tuple(colours or ()),
        _number("alpha", given.get("alpha", alpha), 1.0),
        _number("linewidth", given.get("linewidth", linewidth), float("inf")),
        _place(given.get("legend", True)),
    )


def _place(value: bool | str) -> bool | str:
    """Whether there is a legend, or where."""
    if not isinstance(value, bool) and not (isinstance(value, str) and value in Legend.codes):
        places = ", ".join(map(repr, Legend.codes))
        raise SpecError(f"legend has to be True, False or one of {places}; found {value!r}.")
    return value


def _number(name: str, value: float | None, most: float) -> float:
    """A number from 0 to `most`; 1 if the setting does not apply."""
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= most:
        raise SpecError(f"{name} has to be a number from 0{f' to {most:g}' if most < 1e9 else ''}; found {value!r}.")
    return float(value)


def _colours(given: ColorType | Sequence[ColorType], n: int) -> tuple[str, ...]:
    """One colour n times, or n colours."""
    if is_color_like(given):
        return (to_hex(given, keep_alpha=True),) * n  # type: ignore[arg-type]
    if (
        isinstance(given, str)
        or not isinstance(given, Sequence)
        or not all(map(is_color_like, given))
        or len(given) != n
    ):
        raise SpecError(f"color has to be one colour or {n} of them; found {given!r}.")
    return tuple(to_hex(each, keep_alpha=True) for each in given)  # type: ignore[arg-type]
