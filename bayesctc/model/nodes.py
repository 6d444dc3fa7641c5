"""How many nodes a quadrature takes: the fewest whose doubling moves nobody's log likelihood."""

import numpy as np

from bayesctc.model.analysis import Analysis

NODE_ERROR = 0.001  # log-likelihood units of a patient
FOLLOWING = 6  # evaluations of a sample to let nodes follow: two or three Newton steps of two each
MOST_NODES = {1: 64, 2: 16}  # of each random effect, by their number


def quadrature_error(analysis: Analysis, thetas, centre=None) -> np.ndarray:
    """Largest change of a patient's log likelihood when the nodes of the quadrature are doubled; 0 without one.

    Parameters
    ----------
    analysis : Analysis
    thetas : array (n, n_classes, n_class_parameters)
    centre : array (n_classes, n_class_parameters), optional
        theta at which the nodes stand that are not doubled, as while a posterior is sampled; else at each theta.

    Returns
    -------
    array (n,)
    """
    few, many = (analysis.with_nodes(k * analysis.design.n_nodes).evaluator() for k in (1, 2))
    if not few.adaptive:
        return np.zeros(len(thetas))
    if centre is not None:
        few.centre(centre)
    return np.array([np.abs(few.patients(t, centre is None) - many.patients(t)).max() for t in thetas])


def enough_nodes(analysis: Analysis, thetas, centre=None) -> tuple[Analysis, float]:
    """The analysis with the fewest nodes whose doubling moves nobody's log likelihood by 0.001, and what it moves.

    At one theta alone it is half of that, so that it holds around it too. A number the specification gives is kept.
    """
    most, given = MOST_NODES.get(analysis.spec.n_random, 1), analysis.spec.n_nodes is not None
    allowed = NODE_ERROR if len(thetas) > 1 else 0.5 * NODE_ERROR
    while True:
        n, found = analysis.design.n_nodes, float(quadrature_error(analysis, thetas, centre).max())
        if found <= allowed or given or n >= most:
            return analysis, found
        analysis = analysis.with_nodes(min(n + max(n // 4, 2), most))


def nodes_for_chains(analysis: Analysis, thetas, centre, may_follow: bool) -> tuple[Analysis, bool]:
    """The analysis with the nodes that chains need, and whether they follow: whichever costs less.

    Nodes that stay at `centre` have to be more, as the integrands move away from them; nodes that follow cost about
    `FOLLOWING` evaluations of every sample to be placed. Of one theta alone nobody knows how far chains will go from
    it: nodes follow.
    """
    still, error = enough_nodes(analysis, thetas, centre)
    if not may_follow:
        return still, False
    moving, _ = enough_nodes(analysis, thetas)
    q = analysis.spec.n_random
    costly = still.design.n_nodes**q > moving.design.n_nodes**q + FOLLOWING
    follow = error > NODE_ERROR or costly or (len(thetas) == 1 and error > 0.0)
    return moving if follow else still, follow
