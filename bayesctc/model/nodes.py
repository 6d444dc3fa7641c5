"""The number of quadrature nodes: the smallest for which doubling does not change any patient's log likelihood.

Integrals over random effects use Gauss-Hermite nodes; integrals over time, if a patient's curve is part of the hazard,
use Gauss-Legendre nodes on each stretch of follow-up (`association`).
"""

import numpy as np

from bayesctc.model.analysis import Analysis

NODE_ERROR = 0.001  # log-likelihood units of a patient
FOLLOWING = 3  # evaluations of a sample to let nodes follow: two Newton steps or three
MOST_NODES = {1: 64, 2: 16}  # of each random effect, by their number
MOST_TIME_NODES = 48  # of a stretch of time


def quadrature_error(
    analysis: Analysis, thetas, centre=None, effects_alone: bool = False, up_to: float = np.inf
) -> np.ndarray:
    """Largest change of a patient's log likelihood when the nodes of the quadrature are doubled; 0 without one.

    Parameters
    ----------
    analysis : Analysis
    thetas : array (n, n_classes, n_class_parameters)
    centre : array (n_classes, n_class_parameters), optional
        theta at which the undoubled nodes are centred, as while a posterior is sampled; else at each theta.
    effects_alone : bool
        Whether the number of nodes in time is left unchanged.
    up_to : float
        The first theta whose change is larger than this is the last that is evaluated.

    Returns
    -------
    array (n,), or fewer
    """
    n, times = analysis.design.n_nodes, analysis.design.time_nodes
    few, many = analysis.evaluator(), analysis.with_nodes(2 * n, times if effects_alone else 2 * times).evaluator()
    if not few.adaptive:
        return np.zeros(len(thetas))
    if centre is not None:
        few.centre(centre)
    found = []
    for theta in thetas:
        found.append(np.abs(few.patients(theta, centre is None) - many.patients(theta)).max())
        if found[-1] > up_to:
            break
    return np.array(found)


def enough_nodes(analysis: Analysis, thetas, centre=None, worth: float = np.inf) -> tuple[Analysis, float]:
    """The analysis with the fewest nodes for which doubling changes no log likelihood by 0.001, and the largest change.

    At a single theta the limit is half of that, so that it also holds nearby. A number given in the specification is
    kept. If it takes more than `worth` points of the random effects, the search ends there and the change is infinite.
    """
    most, given = MOST_NODES.get(analysis.spec.n_random, 1), analysis.spec.n_nodes is not None
    allowed = NODE_ERROR if len(thetas) > 1 else 0.5 * NODE_ERROR
    analysis, thetas = enough_time_nodes(analysis, thetas, 0.2 * allowed), list(thetas)
    while True:
        n = analysis.design.n_nodes
        if n**analysis.spec.n_random > worth:
            return analysis, np.inf
        last = given or n >= most
        found = quadrature_error(analysis, thetas, centre, effects_alone=True, up_to=np.inf if last else allowed)
        if last or found.max() <= allowed:
            return analysis, float(found.max())
        thetas.insert(0, thetas.pop(int(found.argmax())))  # the one that needs more nodes is asked first
        analysis = analysis.with_nodes(min(n + max(n // 4, 2), most))


def enough_time_nodes(analysis: Analysis, thetas, allowed: float) -> Analysis:
    """The analysis with the fewest nodes in time for which doubling changes no log likelihood by more than allowed."""
    while analysis.design.time_nodes:
        n, times = analysis.design.n_nodes, analysis.design.time_nodes
        few, many = analysis.evaluator(), analysis.with_nodes(n, 2 * times).evaluator()
        if times >= MOST_TIME_NODES or all(
            np.abs(few.patients(theta) - many.patients(theta)).max() <= allowed for theta in thetas
        ):
            break
        analysis = analysis.with_nodes(n, min(times + max(times // 4, 2), MOST_TIME_NODES))
    return analysis


def nodes_for_chains(analysis: Analysis, thetas, centre, may_follow: bool) -> tuple[Analysis, bool]:
    """The analysis with the nodes that chains need, and whether they follow, whichever costs less.

    More nodes are needed if they stay at `centre`, because the integrands move away from them. Nodes that follow cost
    about `FOLLOWING` evaluations of every sample for placement. From a single theta it is not known how far chains will
    move, so nodes follow.
    """
    if not may_follow:
        return enough_nodes(analysis, thetas, centre)[0], False
    moving, _ = enough_nodes(analysis, thetas)
    worth = moving.design.n_nodes**analysis.spec.n_random + FOLLOWING
    still, error = enough_nodes(analysis, thetas, centre, worth)
    follow = error > NODE_ERROR or (len(thetas) == 1 and error > 0.0)
    return moving if follow else still, follow
