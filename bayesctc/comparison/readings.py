"""Three ways of reading a patient's counts: at baseline, from baseline to cycle 2, and as a trajectory class."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesctc.data import Cohort
from bayesctc.data.columns import DEFAULT_VOLUME_ML
from bayesctc.data.outcome import CUTOFF
from bayesctc.errors import SpecError
from bayesctc.predict.trajectories import POSITIVE_COUNT
from bayesctc.shown import Shown

CYCLE_2 = (0.0, 2.0)  # months
NO_BASELINE, NO_CYCLE_2 = "no sample at baseline", "no sample in the window of cycle 2"


@dataclass(frozen=True, eq=False, repr=False)
class Reading(Shown):
    """One reading of the counts: a level for each patient who can be classified by it.

    Attributes
    ----------
    name : str
        "bctc", "b2ctc" or "tctc".
    levels : Series of categorical
        Indexed by patient; the reference level is the first category.
    rule : str
        How the levels are defined.
    excluded : DataFrame
        patient_id, reason: the patients without a reading.

    Examples
    --------
    >>> reading = bc.b2ctc(cohort)
    >>> reading.reference, list(reading.levels.cat.categories)
    ('pos-neg', ['pos-neg', 'neg-pos', 'pos-pos', 'neg-neg'])
    """

    name: str
    levels: pd.Series
    rule: str
    excluded: pd.DataFrame

    def _shown(self) -> Iterator[str | pd.DataFrame]:
        yield f"{self.name}: {self.rule}; {len(self.levels)} patients read, {len(self.excluded)} not"
        yield self.table.round(1)

    @property
    def reference(self) -> str:
        """The level with which the others are compared."""
        return str(self.levels.cat.categories[0])

    @property
    def table(self) -> pd.DataFrame:
        """n and percent of those read, by level, empty levels included."""
        n = self.levels.value_counts().reindex(self.levels.cat.categories)
        table = pd.DataFrame({"n": n.astype(int), "percent": 100.0 * n / max(len(self.levels), 1)})
        return table.rename_axis("level")


def bctc(cohort: Cohort, cutoff: float = POSITIVE_COUNT) -> Reading:
    """Baseline status: "pos" with `cutoff` or more cells per 7.5 mL at baseline, otherwise "neg" (the reference).

    Baseline is the last sample at or before day 0, within the cohort's baseline window.

    Parameters
    ----------
    cohort : Cohort
    cutoff : float
        Cells per 7.5 mL.

    Raises
    ------
    SpecError
        The cut-off is not a number above 0.

    Examples
    --------
    >>> bc.bctc(bc.load_trial()).levels.value_counts().to_dict()
    {'pos': 340, 'neg': 275}
    """
    positive = _baseline(_positive(cohort, cutoff))
    status = pd.Series(np.where(positive, "pos", "neg"), index=positive.index)
    rule = f"{cutoff:g} or more {cohort.outcome.words.label} in the last sample at or before day 0"
    return _reading("bctc", status, ["neg", "pos"], rule, cohort, {NO_BASELINE: positive.index})


def b2ctc(cohort: Cohort, cutoff: float = POSITIVE_COUNT, window: tuple[float, float] = CYCLE_2) -> Reading:
    """Baseline to cycle 2: "pos-neg" (the reference, as published), "neg-pos", "pos-pos" or "neg-neg".

    Parameters
    ----------
    cohort : Cohort
    cutoff : float
        Cells per 7.5 mL.
    window : tuple of float
        Cycle 2 is the first sample after the first of these months and up to the second. With 28-day cycles it is due
        at 0.9 months; (0, inf) takes the first sample after baseline at any time.

    Raises
    ------
    SpecError
        The cut-off is not a number above 0, or the window is not two increasing months from 0.

    Examples
    --------
    >>> reading = bc.b2ctc(bc.load_trial())
    >>> reading.levels.value_counts().to_dict()
    {'neg-neg': 228, 'pos-neg': 167, 'pos-pos': 117, 'neg-pos': 1}
    >>> len(reading.excluded)  # no baseline, or nothing in the window
    270
    """
    try:
        after, until = (float(month) for month in window)
    except (TypeError, ValueError) as error:
        raise SpecError(f"window has to be two months such as (0, 2); found {window!r}.") from error
    if not 0.0 <= after < until:
        raise SpecError(f"window has to be two increasing months from 0; found {window!r}.")
    samples = _positive(cohort, cutoff)
    inside = samples[(samples["time"] > after) & (samples["time"] <= until)]
    first, second = _baseline(samples), inside.groupby("patient_id")["positive"].first()
    both = first.index.intersection(second.index)
    sign = np.array(["neg", "pos"], dtype=object)
    status = pd.Series(sign[first.loc[both].astype(int)] + "-" + sign[second.loc[both].astype(int)], index=both)
    span = "the first sample after baseline" if np.isinf(until) else f"the first in ({after:g}, {until:g}] months"
    rule = f"{cutoff:g} or more {cohort.outcome.words.label} at baseline, and at cycle 2: {span}"
    levels = ["pos-neg", "neg-pos", "pos-pos", "neg-neg"]
    return _reading("b2ctc", status, levels, rule, cohort, {NO_BASELINE: first.index, NO_CYCLE_2: second.index})


def tctc(probabilities: pd.DataFrame) -> Reading:
    """The trajectory class of highest probability; the lowest class is the reference.

    Parameters
    ----------
    probabilities : DataFrame (n_patients, n_classes)
        P(g | y), from the counts alone, for any comparison with survival.

    Raises
    ------
    SpecError
        Not a table of probabilities that sum to 1 for every patient.

    Examples
    --------
    >>> reading = bc.tctc(fit.class_probabilities_counts)
    >>> reading.reference, reading.levels.value_counts().index.tolist()
    ('class 1', ['class 1', 'class 2'])
    """
    if not isinstance(probabilities, pd.DataFrame):
        raise SpecError(f"tctc needs a DataFrame of class probabilities; found {type(probabilities).__name__}.")
    wrong = ~np.isclose(probabilities.to_numpy().sum(axis=1), 1.0)
    if wrong.any():
        raise SpecError(f"tctc: the probabilities of patient {probabilities.index[wrong][0]!r} do not sum to 1.")
    codes = probabilities.to_numpy().argmax(axis=1)
    names = [str(c) for c in probabilities.columns]
    levels = pd.Categorical([names[k] for k in codes], categories=names, ordered=True)
    nobody = pd.DataFrame({"patient_id": [], "reason": []}, dtype="str")
    rule = "the trajectory class of highest probability"
    return Reading("tctc", pd.Series(levels, index=probabilities.index), rule, nobody)


def _positive(cohort, cutoff):
    """Samples by patient and time, with whether the count is at or above the cut-off."""
    if isinstance(cutoff, bool) or not isinstance(cutoff, int | float | np.number) or not 0 < cutoff < np.inf:
        raise SpecError(f"cutoff has to be a number of cells per {DEFAULT_VOLUME_ML} mL above 0; found {cutoff!r}.")
    if not isinstance(cohort, Cohort):
        raise SpecError(f"a reading needs a Cohort; found {type(cohort).__name__}.")
    outcome, samples = cohort.outcome, cohort.samples
    outcome.need(CUTOFF, "a reading by cut-off")
    per = outcome.at_reference(samples[outcome.column], outcome.exposure(samples))
    return samples.assign(positive=per >= cutoff)


def _baseline(samples):
    """Whether the last sample at or before day 0 is positive, by patient."""
    return samples[samples["time"] <= 0.0].groupby("patient_id")["positive"].last()


def _reading(name, status, levels, rule, cohort, have):
    """A reading in the cohort's order; excluded patients get the reason of the first index of `have` without them."""
    ids = cohort.patients.index
    status = status.reindex(ids[ids.isin(status.index)])
    reasons = {
        patient: next(reason for reason, index in have.items() if patient not in index)
        for patient in ids[~ids.isin(status.index)]
    }
    excluded = pd.DataFrame({"patient_id": list(reasons), "reason": list(reasons.values())}, dtype="str")
    values = pd.Series(pd.Categorical(status, categories=levels, ordered=True), index=status.index)
    return Reading(name, values, rule, excluded)
