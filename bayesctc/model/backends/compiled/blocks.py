"""A packed cohort as the compiled likelihood reads it: patients in blocks that are adjacent in memory.

If the likelihood processes samples one by one, and its family has tables, a patient's samples are in two groups: first
small counts, which are looked up, then the others.
"""

from weakref import WeakKeyDictionary

import numpy as np

from bayesctc.model.association import Association
from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.follow_up import pieces_of
from bayesctc.model.backends.compiled.stretches import END_ROWS
from bayesctc.model.backends.visits import NO_EXPOSURE
from bayesctc.model.families import FAMILIES
from bayesctc.model.packed import Packed
from bayesctc.model.sizes import ENTRY, EVENT, LOG_ENTRY, LOG_TIME, N_FIXED, TIME
from bayesctc.model.stretches import SURVIVED

NOWHERE = -9  # a run of an end that another stands for
TABLED = 24  # counts below it are looked up: there are few different ones, and most samples hold one of them

_LAID: WeakKeyDictionary = WeakKeyDictionary()  # patients are laid out once, whoever asks for their likelihood


class Blocks:
    """Patients in blocks; `Blocks.of` gives those of a packed cohort.

    Attributes
    ----------
    lanes : array of int (n_patients,)
        The lane of each patient, counted through the blocks. If the likelihood processes samples one by one, patients
        with equal numbers of samples are adjacent, because a block costs as much as its patient with most samples.
    values : array (n_blocks, n_columns, BLOCK)
        One lane per patient; unused lanes have zeros, and no samples.
    tabled : array (n_counts, 2)
        Counts that are looked up, and -log count! of each.
    stretches, runs : arrays (n_blocks, n_rows, BLOCK), (n_ends, 2)
        Ends of stretches, as `stretches.make_causes` reads them, or pieces with points in time, as `association` does;
        no rows where follow-up is in one piece.
    sizes, outcomes : tuple
        Of `kernel.make_likelihood`.
    """

    def __init__(self, packed: Packed, link: Association | None = None):
        n, order, samples = packed.n_patients, packed.order, packed.samples
        self.tabled, slots, nobody = np.zeros((0, 2)), 0, 0.0
        if order is not None:
            samples, nobody, self.tabled, slots = _apart(samples, packed.sizes)
            order = samples[1] * (1.0 + slots) + samples[0]
        own = packed.sizes
        self.sizes = own.n_membership, own.n_survival, own.n_hazard, own.n_causes
        first_row = N_FIXED + len(packed.all_terms)
        self.outcomes = tuple(
            (part.n_basis, part.n_random, part.own.stop - part.own.start, slots, part.where.start, first_row)
            for part in own.outcomes
        )
        self.n_blocks = max(-(-n // BLOCK), 1)
        self.lanes = np.arange(n)
        if order is not None:
            self.lanes[np.argsort(order, kind="stable")] = np.arange(n)
        fixed = N_FIXED, len(packed.all_terms), len(samples)
        self.values = np.zeros((self.n_blocks, sum(fixed), BLOCK))
        self.values[:, sum(fixed[:2]) :] = np.reshape(nobody, (-1, 1))
        first, place = 0, np.divmod(self.lanes, BLOCK)
        for rows in (_survival_rows(packed), packed.all_terms, samples):
            for k, row in enumerate(rows, start=first):
                self.values[place[0], k, place[1]] = row
            first += len(rows)
        self.runs: np.ndarray
        self.runs, ends = _ends(packed) if link is None else pieces_of(packed, link)
        self.stretches = np.zeros((self.n_blocks, len(ends), BLOCK))
        for k, row in enumerate(ends):
            self.stretches[place[0], k, place[1]] = row

    @classmethod
    def of(cls, packed: Packed, link: Association | None = None) -> "Blocks":
        """The blocks of a packed cohort; `link` is the association of the curve and the hazard."""
        laid = _LAID.setdefault(packed, {})
        if link not in laid:
            laid[link] = cls(packed, link)
        return laid[link]

    def spread(self, what) -> np.ndarray:
        """One number per patient (or one for all) on the lanes: array (n_blocks, BLOCK)."""
        lanes = np.zeros((self.n_blocks, BLOCK))
        lanes.reshape(-1)[self.lanes] = what
        return lanes

    def gather(self, values) -> np.ndarray:
        """Back from the lanes: array (n_patients, ...) of (n_blocks, ..., BLOCK)."""
        return np.moveaxis(values, -1, 1).reshape(-1, *values.shape[1:-1])[self.lanes]


def _apart(samples, own):
    """Rows of `by_visit` with samples in two runs, each with its number.

    With them come those of nobody, the tabled counts, and the slots for samples of them. A sample of a tabled count has
    the number of the count in the place of -log count!; a slot without one has the number after the last.
    """
    piece = FAMILIES[own.family].compiled
    assert piece is not None  # a family without one has no blocks
    width, n_patients = piece.n_values + own.n_basis, samples.shape[1]
    visits = samples[1:].reshape(-1, width, n_patients).transpose(2, 0, 1)
    there = np.arange(visits.shape[1]) < samples[0][:, None]
    if piece.tabled is None:
        return np.vstack([np.zeros((1, n_patients)), samples]), 0.0, np.zeros((0, 2)), 0
    counts, first = np.unique(visits[there][:, 0], return_index=True)
    tabled = np.column_stack([counts, visits[there][first, 2]])[counts < TABLED]
    looked = there & np.isin(visits[..., 0], tabled[:, 0])
    numbered = visits.copy()
    numbered[..., 2] = np.searchsorted(tabled[:, 0], visits[..., 0])
    chosen = looked, there & ~looked
    rows, nobody = [np.stack([run.sum(axis=1) for run in chosen]).astype(float)], [np.zeros(2)]
    for values, run, last in zip((numbered, visits), chosen, (len(tabled), 0.0), strict=True):
        absent = np.zeros(width)
        absent[1], absent[2] = NO_EXPOSURE, last
        slots = int(run.sum(axis=1).max(initial=0))
        filled = np.broadcast_to(absent, (n_patients, slots, width)).copy()
        filled[np.nonzero(run)[0], (np.cumsum(run, axis=1) - 1)[run]] = values[run]
        rows.append(filled.reshape(n_patients, -1).T)
        nobody.append(np.tile(absent, slots))
    return np.vstack(rows), np.concatenate(nobody), tabled, int(rows[0][0].max(initial=0))


def _ends(packed):
    """Cause and run of each end, array of int (n_ends, 2), and the rows of `stretches`, array (n_rows, n_patients)."""
    if not packed.in_stretches:
        return np.zeros((0, 2), dtype=np.int64), np.zeros((0, packed.n_patients))
    whole = packed.stretches.ends()
    later = np.flatnonzero(whole.start > 0.0)
    of = np.concatenate([np.arange(len(whole.patient)), later])  # stretches, by their stop and then by their start
    sign = np.repeat([1.0, -1.0], [len(whole.patient), len(later)])
    time = packed.sizes.own_time(np.concatenate([whole.stop, whole.start[later]]))
    event = whole.event[of] & (sign > 0.0)
    log_time = np.log(time, out=np.zeros(len(time)), where=time > 0.0)
    runs, rows = [], [np.where(packed.within, packed.event, 0.0)]
    kind = np.column_stack([whole.cause[of], whole.run[of]])
    signs = np.stack([np.where(kind[:, 1] <= SURVIVED, sign, 0.0), np.where(kind[:, 1] > SURVIVED, sign, 0.0)])
    # where what was survived ends the first run begins: one end for both, among those of the run
    last = {(whole.patient[k], whole.cause[k]): k for k in np.flatnonzero(whole.run == SURVIVED)}
    within = np.isin(whole.cause, whole.cause[whole.run == 1])  # a cause with events between two visits
    kind[[k for k in last.values() if within[k]], 1] = 1
    for start in len(whole.patient) + np.flatnonzero(whole.run[later] == 1):
        first_of_run = of[start]
        stop = last.get((whole.patient[first_of_run], whole.cause[first_of_run]))
        if stop is None or event[stop] or time[stop] != time[start]:
            continue
        if (whole.x[stop] == whole.x[first_of_run]).all():
            signs[1, stop], kind[start, 1] = -1.0, NOWHERE
    for cause, run in np.unique(kind[kind[:, 1] != NOWHERE], axis=0):
        own = np.flatnonzero((kind == (cause, run)).all(axis=1))
        patient = whole.patient[of[own]]
        own = own[np.argsort(patient, kind="stable")]
        patient, first, n = np.unique(whole.patient[of[own]], return_index=True, return_counts=True)
        for k in range(n.max()):
            here = n > k
            each, end = own[first[here] + k], np.zeros((END_ROWS + whole.x.shape[1], packed.n_patients))
            values = event[each], time[each], log_time[each], *signs[:, each], *whole.x[of[each]].T
            end[:, patient[here]] = values
            runs.append((cause, run))
            rows.extend(end)
    return np.array(runs, dtype=np.int64).reshape(-1, 2), np.stack(rows)


def _survival_rows(packed):
    """Event, time, log time, 0, entry and log entry in the fit's unit: array (6, n_patients)."""
    rows = np.zeros((N_FIXED, packed.n_patients))
    rows[EVENT] = packed.event
    rows[TIME], rows[ENTRY] = packed.sizes.own_time(packed.time), packed.sizes.own_time(packed.entry)
    for column, log_column in ((TIME, LOG_TIME), (ENTRY, LOG_ENTRY)):
        np.log(rows[column], out=rows[log_column], where=rows[column] > 0)
    return rows
