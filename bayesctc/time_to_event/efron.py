"""Partial likelihood of Cox regression with Efron's ties (Efron, JASA 1977;72:557)."""

from functools import cached_property

import numpy as np
from statsmodels.duration.hazard_regression import PHReg


class EfronRegression(PHReg):
    """The regression of statsmodels, which goes from event to event, with all risk sets summed at once.

    Parameters
    ----------
    time, event : array (n_patients,)
    x : array (n_patients, n_terms)
    entry : array (n_patients,), optional
    """

    def __init__(self, time, event, x, entry=None):
        super().__init__(time, x, status=event, ties="efron", entry=entry)

    @cached_property
    def _sets(self):
        """Terms; the last and the first event time at which each is at risk, in order of time; who has an event, at
        which of them, and the share of those with an event at the time who count as gone."""
        (x,), (dying,) = self.surv.exog_s, self.surv.ufailt_ix
        last, first = np.full(len(x), -1), np.zeros(len(x), dtype=int)
        for i, (enter, leave) in enumerate(zip(self.surv.risk_enter[0], self.surv.risk_exit[0], strict=True)):
            last[enter], first[leave] = i, i  # in statsmodels' order, from the last event backwards
        who, at = np.concatenate(dying), np.repeat(np.arange(len(dying)), [len(each) for each in dying])
        gone = np.concatenate([np.arange(len(each)) / len(each) for each in dying])
        return x, last, first, who, at, gone

    def _at_events(self, params):
        """Relative hazards of patients; their sum over those at risk, less those gone, at each event, and of terms."""
        x, last, first, who, at, gone = self._sets
        predictor = x @ params
        predictor -= predictor.max()
        risk = np.exp(predictor)
        weighted = np.column_stack([risk, risk[:, None] * x])
        entered, left, dead = (np.zeros((at[-1] + 1, weighted.shape[1])) for _ in range(3))
        np.add.at(entered, last[last >= 0], weighted[last >= 0])
        np.add.at(left[:-1], first[first > 0] - 1, weighted[first > 0])
        np.add.at(dead, at, weighted[who])
        there = np.cumsum((entered - left)[::-1], axis=0)[::-1]
        sums = there[at] - gone[:, None] * dead[at]
        return predictor, risk, sums[:, 0], sums[:, 1:]

    def efron_loglike(self, params):
        """Log partial likelihood."""
        predictor, _, total, _ = self._at_events(params)
        return predictor[self._sets[3]].sum() - np.log(total).sum()

    def efron_gradient(self, params):
        """Its gradient, array (n_terms,)."""
        x, _, _, who, *_ = self._sets
        _, _, total, of_terms = self._at_events(params)
        return x[who].sum(axis=0) - (of_terms / total[:, None]).sum(axis=0)

    def efron_hessian(self, params):
        """Its Hessian, array (n_terms, n_terms)."""
        x, last, first, who, at, gone = self._sets
        _, risk, total, of_terms = self._at_events(params)
        hazard = np.concatenate([[0.0], np.cumsum(np.bincount(at, 1.0 / total))])
        weight = np.where(last >= 0, hazard[last + 1] - hazard[first], 0.0)
        weight[who] -= np.bincount(at, gone / total)[at]
        mean = of_terms / total[:, None]
        return mean.T @ mean - (x * (risk * weight)[:, None]).T @ x
