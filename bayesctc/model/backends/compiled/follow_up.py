"""Follow-up in pieces with points on each, as `association` reads it of patients whose curve is part of the hazard."""

import numpy as np

from bayesctc.model.association import EFFECTS, Association
from bayesctc.model.backends.compiled.hazard_sums import VARIES
from bayesctc.model.packed import Packed


def pieces_of(packed: Packed, link: Association) -> tuple[np.ndarray, np.ndarray]:
    """What the pieces are, and their rows.

    Returns
    -------
    runs : array of int (2 + n_pieces, 4)
        Nodes and the width of W; whether the random effects are associated, and what W is of them if it is the same
        number at all times, else `VARIES`; and the cause and the run of each piece, whether one of its patients' starts
        after time 0, and whether one's ends with an event.
    rows : array (n_rows, n_patients)
    """
    of, sizes = packed.stretches, packed.sizes
    assert packed.constant is not None  # of every packed cohort with an association
    breaks = [*sizes.own_knots, *sizes.own_time(link.breaks)]
    points = link.points(sizes.own_time(of.start), sizes.own_time(of.stop), breaks)
    stretch, place = np.nonzero(points.stop > points.start)
    constant = packed.constant[of.patient[stretch]]

    def curve(time):
        if link.kind == EFFECTS:  # what the associations multiply is the random effect itself
            return np.ones((*time.shape, link.n_random))
        return link.rows(time * sizes.months, constant)

    start, stop = points.start[stretch, place], points.stop[stretch, place]
    time = np.column_stack([start, points.time[stretch, place]])
    weight = np.column_stack([np.zeros(len(start)), points.weight[stretch, place]])
    unit = link.points(np.zeros(1), np.ones(1), [])  # of every piece from time 0 on, to the last bit
    share, log_share = (np.zeros(time.shape) for _ in range(2))
    share[:, 1:], log_share[:, 1:] = unit.weight[0] / unit.time[0], np.log(unit.time[0])
    of_points = [each[..., None] for each in (weight, time, _log(time), share, log_share)]
    at_points = np.concatenate([*of_points, curve(time)], axis=2)
    ends = of.event[stretch] & (np.append(stretch[1:], -1) != stretch)
    at_stop = [ends, start, _log(start), stop, _log(stop), *of.x[stretch].T, *curve(stop).T]
    values = np.column_stack([*at_stop, at_points.reshape(len(start), at_points.shape[1] * at_points.shape[2])])
    whenever = [each[..., : link.n_random] for each in (curve(time), curve(stop))]
    alike = [w for w in (0, 1) if all((each == w).all() for each in whenever)]
    runs = [(time.shape[1] - 1, link.n_random if link.kind == EFFECTS else link.n_rows, 0, 0)]
    runs.append((link.kind == EFFECTS, alike[0] if alike else VARIES, 0, 0))
    rows = [np.where(packed.within, packed.event, 0.0), np.full(packed.n_patients, link.level)]
    kind = np.column_stack([of.cause[stretch], of.run[stretch]])
    for cause, run in np.unique(kind, axis=0):
        own = np.flatnonzero((kind == (cause, run)).all(axis=1))
        own = own[np.argsort(of.patient[stretch[own]], kind="stable")]
        patient, first, n = np.unique(of.patient[stretch[own]], return_index=True, return_counts=True)
        for k in range(n.max()):
            here = n > k
            at, piece = own[first[here] + k], np.zeros((values.shape[1], packed.n_patients))
            piece[:, patient[here]] = values[at].T
            runs.append((cause, run, start[at].max() > 0.0, ends[at].any()))
            rows.extend(piece)
    return np.array(runs, dtype=np.int64), np.stack(rows)


def _log(time):
    """Logarithms, 0 at time 0."""
    return np.log(time, out=np.zeros(time.shape), where=time > 0.0)
