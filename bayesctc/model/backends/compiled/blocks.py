"""A packed cohort as the compiled likelihood reads it: patients in blocks of neighbours in memory."""

from weakref import WeakKeyDictionary

import numpy as np

from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.packed import Packed
from bayesctc.model.sizes import ENTRY, EVENT, LOG_ENTRY, LOG_TIME, N_FIXED, TIME

_LAID: WeakKeyDictionary = WeakKeyDictionary()  # patients are laid out once, whoever asks for their likelihood


class Blocks:
    """Patients in blocks; `Blocks.of` gives those of a packed cohort.

    Attributes
    ----------
    lanes : array of int (n_patients,)
        The lane of each patient, counted through the blocks. Where the likelihood goes through samples one by one,
        patients with as many samples are neighbours: a block costs as much as its patient with most.
    values : array (n_blocks, n_columns, BLOCK)
        One lane per patient; lanes that are left over are zeros.
    """

    def __init__(self, packed: Packed):
        n, order = packed.n_patients, packed.order
        self.n_blocks = max(-(-n // BLOCK), 1)
        self.lanes = np.arange(n)
        if order is not None:
            self.lanes[np.argsort(order, kind="stable")] = np.arange(n)
        fixed = N_FIXED, len(packed.all_terms), len(packed.samples)
        self.values = np.zeros((self.n_blocks, sum(fixed), BLOCK))
        first = 0
        for rows in (_survival_rows(packed), packed.all_terms, packed.samples):
            for k, row in enumerate(rows, start=first):
                self.values[self.lanes // BLOCK, k, self.lanes % BLOCK] = row
            first += len(rows)

    @classmethod
    def of(cls, packed: Packed) -> "Blocks":
        """The blocks of a packed cohort."""
        if packed not in _LAID:
            _LAID[packed] = cls(packed)
        return _LAID[packed]

    def spread(self, what) -> np.ndarray:
        """One number per patient (or one for all) on the lanes: array (n_blocks, BLOCK)."""
        lanes = np.zeros((self.n_blocks, BLOCK))
        lanes.reshape(-1)[self.lanes] = what
        return lanes

    def gather(self, values) -> np.ndarray:
        """Back from the lanes: array (n_patients, ...) of (n_blocks, ..., BLOCK)."""
        return np.moveaxis(values, -1, 1).reshape(-1, *values.shape[1:-1])[self.lanes]


def _survival_rows(packed):
    """Event, time, log time, 0, entry and log entry in the fit's unit: array (6, n_patients)."""
    rows = np.zeros((N_FIXED, packed.n_patients))
    rows[EVENT] = packed.event
    rows[TIME], rows[ENTRY] = packed.sizes.own_time(packed.time), packed.sizes.own_time(packed.entry)
    for column, log_column in ((TIME, LOG_TIME), (ENTRY, LOG_ENTRY)):
        np.log(rows[column], out=rows[log_column], where=rows[column] > 0)
    return rows
