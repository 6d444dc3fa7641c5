"""Two outcomes in one compiled likelihood: the kernel loops over them, each with rows and parameters of its own."""

import numpy as np
import pytest

import bayesctc as bc
from bayesctc.model.analysis import Analysis
from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.blocks import Blocks
from bayesctc.model.backends.compiled.composition import compile_kernel
from bayesctc.model.backends.compiled.nodes import Quadrature
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS

N_CLASSES = 2
FIRST = {"family": "gaussian", "growth": "linear", "random_effects": "intercept"}
SECOND = {"family": "negative_binomial", "growth": "linear", "random_effects": "none"}


class Two:
    """The same samples twice, described by two families whose parameters have nothing in common."""

    def __init__(self):
        cohort = bc.load_trial().include(min_samples=2)
        cohort = cohort.select(cohort.patients.index[:150])
        specs = [bc.ModelSpec(n_classes=N_CLASSES, endpoint="os", **each) for each in (FIRST, SECOND)]
        self.analyses = [Analysis.settle(cohort, spec) for spec in specs]
        self.sizes = [analysis.design.sizes for analysis in self.analyses]
        self.outcomes = [sizes.outcomes[0].where for sizes in self.sizes]
        rng = np.random.default_rng(0)
        self.thetas = [rng.normal(0.5, 0.5, (N_CLASSES, sizes.n_class_parameters)) for sizes in self.sizes]
        self.thetas[0][:, 0] = self.thetas[1][:, 0] = [0.3, -0.3]  # membership
        self.hazard = self.thetas[1][:, self.sizes[1].blocks["hazard"]]
        own = [theta[:, where] for theta, where in zip(self.thetas, self.outcomes, strict=True)]
        self.theta = np.column_stack([self.thetas[0][:, :1], *own, self.hazard])
        self.kernel = compile_kernel(tuple(FAMILIES[s.family] for s in self.sizes), HAZARDS[self.sizes[0].hazard])

    def run(self, theta):
        """Value, gradient and class-wise joint log densities, in the unit of the fit."""
        first, second = (Blocks.of(analysis.packed) for analysis in self.analyses)
        rows = np.stack([second.spread(row) for row in self.analyses[0].packed.samples], axis=1)
        data = np.concatenate([second.values, rows], axis=1)
        nodes = [Quadrature(second, sizes, N_CLASSES) for sizes in self.sizes]
        after = self.outcomes[0].stop
        parts = (
            (*first.outcomes[0][:5], second.values.shape[1]),
            (*second.outcomes[0][:4], after, second.outcomes[0][5]),
        )
        gradient, joint = np.empty(theta.shape), np.empty((second.n_blocks, N_CLASSES, BLOCK))
        value = self.kernel(
            theta,
            (data, second.stretches, second.runs, second.spread(1.0)),
            second.sizes,
            tuple(map(tuple, parts)),
            self.sizes[0].own_knots,
            (first.tabled, second.tabled),
            tuple(each.rule for each in nodes),
            tuple(each.centres for each in nodes),
            (np.empty((second.n_blocks, BLOCK)), joint, np.empty(joint.shape)),
            gradient,
        )
        return value, gradient, second.gather(joint)


@pytest.fixture(scope="module")
def two():
    return Two()


def test_outcomes_are_independent_given_the_class(two):
    _, _, joint = two.run(two.theta)
    first = two.analyses[0].counts_only().evaluator().own.evaluate(two.thetas[0]).joint
    second = two.analyses[1].evaluator().own.evaluate(two.thetas[1]).joint
    log_pi = two.theta[:, 0] - np.log(np.exp(two.theta[:, 0]).sum())
    np.testing.assert_allclose(joint, first + second - log_pi, rtol=1e-10)


def test_gradient_of_both(two):
    _, gradient, _ = two.run(two.theta)
    for g, m in np.ndindex(two.theta.shape):
        ends = []
        for sign in (1, -1):
            theta = two.theta.copy()
            theta[g, m] += sign * 1e-5
            ends.append(two.run(theta)[0])
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(gradient[g, m], rel=1e-6, abs=1e-5), (g, m)
