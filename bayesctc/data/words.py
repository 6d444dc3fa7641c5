"""The words for an outcome, with which the package's texts are written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The words for an outcome.

    Attributes
    ----------
    value, values : str
        One of it and several: "count", "counts".
    full_value, full_values : str
        The same at first mention: "CTC count", "CTC counts".
    noun : str
        One of it where its name has been said: "count", "value".
    heading : str
        Several, at the head of a part: "Counts".
    topic : str
        What a whole text is of: "CTC counts".
    label, heading_label : str
        With its unit, inside and at the head of a text: "cells per 7.5 mL", "Cells per 7.5 mL".
    axis : str
        With its unit, on an axis: "CTCs per 7.5 mL of blood".
    unit : str
        "cells per 7.5 mL"; "" for none.
    scale, short_scale : str
        The scale of the growth curve: "log(1 + count per 7.5 mL)", "log(1 + count)".
    log_value, log_values : str
        One value on that scale and several: "log count", "log counts".
    scale_unit : str
        A unit of it: "log units".
    definition : str
        How `scale` is computed, after "of sample j, ".
    inverse, quantity : str
        What the curve is turned into to read it, and what that is the median of: "exp(curve) − 1", "count per 7.5 mL".
    """

    value: str
    values: str
    full_value: str
    full_values: str
    noun: str
    heading: str
    topic: str
    label: str
    heading_label: str
    axis: str
    unit: str
    scale: str
    short_scale: str
    log_value: str
    log_values: str
    scale_unit: str
    definition: str
    inverse: str
    quantity: str
