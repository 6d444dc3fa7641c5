"""Follow-up in pieces with points on each, as `association` reads it of patients whose curve is part of the hazard."""

import numpy as np

from bayesctc.model.association import EFFECTS, Association
from bayesctc.model.packed import Packed


def pieces_of(packed: Packed, link: Association) -> tuple[np.ndarray, np.ndarray]:
    """What the pieces are, and their rows.

    Returns
    -------
    runs : array of int (2 + n_pieces, 2)
        Nodes and the width of W, whether the random effects are associated, and the cause and the run of each piece.
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
    at_points = np.concatenate([weight[..., None], time[..., None], _log(time)[..., None], curve(time)], axis=2)
    ends = of.event[stretch] & (np.append(stretch[1:], -1) != stretch)
    at_stop = [ends, start, _log(start), stop, _log(stop), *of.x[stretch].T, *curve(stop).T]
    values = np.column_stack([*at_stop, at_points.reshape(len(start), at_points.shape[1] * at_points.shape[2])])
    runs = [(time.shape[1] - 1, link.n_random if link.kind == EFFECTS else link.n_rows), (link.kind == EFFECTS, 0)]
    rows = [np.where(packed.within, packed.event, 0.0), np.full(packed.n_patients, link.level)]
    kind = np.column_stack([of.cause[stretch], of.run[stretch]])
    for cause, run in np.unique(kind, axis=0):
        own = np.flatnonzero((kind == (cause, run)).all(axis=1))
        own = own[np.argsort(of.patient[stretch[own]], kind="stable")]
        patient, first, n = np.unique(of.patient[stretch[own]], return_index=True, return_counts=True)
        for k in range(n.max()):
            here = n > k
            piece = np.zeros((values.shape[1], packed.n_patients))
            piece[:, patient[here]] = values[own[first[here] + k]].T
            runs.append((cause, run))
            rows.extend(piece)
    return np.array(runs, dtype=np.int64), np.stack(rows)


def _log(time):
    """Logarithms, 0 at time 0."""
    return np.log(time, out=np.zeros(time.shape), where=time > 0.0)
