"""The compiled likelihood as a PyTensor operation, with its gradient."""

from functools import cache

import numba
import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key

from bayesctc.errors import SpecError
from bayesctc.model.backends.compiled.block import BLOCK
from bayesctc.model.backends.compiled.blocks import Blocks
from bayesctc.model.backends.compiled.composition import compile_kernel, compile_linked
from bayesctc.model.backends.compiled.nodes import Quadrature
from bayesctc.model.backends.compiled.on_disk import made_from
from bayesctc.model.families import FAMILIES
from bayesctc.model.hazards import HAZARDS
from bayesctc.model.packed import Packed
from bayesctc.model.sizes import Sizes


def log_likelihood(theta, packed: Packed, sizes: Sizes, n_classes: int, weights, centre=None):
    """log L_i of each patient, in the fit's units, in the PyMC model that is being built.

    Parameters
    ----------
    theta : tensor (n_classes, n_class_parameters)
    packed : Packed
        Becomes the model's data ``patients`` and ``lanes``.
    sizes : Sizes
    n_classes : int
    weights : tensor (n_patients,)
        Ones, with the length of the data.
    centre : array (n_classes, n_class_parameters), optional
        theta at which quadrature nodes are centred; at 0 unless given.

    Raises
    ------
    SpecError
        The family or the hazard has no compiled piece.
    """
    if not sizes.compiled:
        raise SpecError(
            f"the PyMC model needs compiled pieces; found family={sizes.family!r} and hazard={sizes.hazard!r}, one of "
            "which has none; allowed: fit_bayes with nutpie, which also samples likelihoods computed by NumPy"
        )
    blocks = Blocks.of(packed, sizes.association)
    nodes = Quadrature(blocks, sizes, n_classes)
    if centre is not None:
        nodes.centre(centre)
    data, lanes = pm.Data("patients", blocks.values), pm.Data("lanes", blocks.lanes)
    follow_up = pm.Data("stretches", blocks.stretches), blocks.runs
    whole = [np.array(numbers, dtype=np.int64) for numbers in (blocks.sizes, blocks.outcomes[0])]
    of_outcome = blocks.tabled, nodes.rule, nodes.centres
    operation = JointLogLikelihood(sizes.family, sizes.hazard, packed.in_stretches, sizes.association is not None)
    return operation(theta, data, *follow_up, *whole, sizes.own_knots, *of_outcome, lanes, weights)[0]


class JointLogLikelihood(Op):
    """log L_i of each patient and the gradient of their weighted sum.

    Inputs are theta (n_classes, n_class_parameters), the packed patients (n_blocks, n_columns, BLOCK), their follow-up
    in stretches (n_blocks, n_rows, BLOCK) and its runs (no rows where it is in one piece), the kernel's sizes and those
    of the outcome, the hazard's knots, the counts that are looked up, the rule and centres of the quadrature, the
    patients' lanes, and patient weights (n_patients,). Outputs are log L (n_patients,) and the gradient
    by theta of the sum of weight x log L. The gradient of the first output is the second one of another call with the
    incoming derivatives as weights; where these are ones, PyTensor merges both calls into one.
    """

    __props__ = ("family", "hazard", "in_stretches", "of_curve")

    def __init__(self, family: str, hazard: str, in_stretches: bool = False, of_curve: bool = False):
        self.family, self.hazard, self.in_stretches, self.of_curve = family, hazard, in_stretches, of_curve

    @property
    def pieces(self) -> tuple[str, str, bool, bool]:
        """The pieces of the kernel."""
        return self.family, self.hazard, self.in_stretches, self.of_curve

    def make_node(self, *inputs):
        tensors = [pt.as_tensor(x) for x in inputs]
        return Apply(self, tensors, [pt.vector(dtype="float64"), tensors[0].type()])

    def infer_shape(self, node, shapes):
        return [shapes[-1], shapes[0]]

    def perform(self, node, inputs, outputs):
        # around the kernel, which is kept, nothing is compiled; it takes arrays that can be written to
        own = [np.array(x, order="C") for x in inputs]
        outputs[0][0], outputs[1][0] = _compile(*self.pieces).py_func(*own)

    def pullback(self, inputs, outputs, cotangents):
        gradient = self(*inputs[:-1], cotangents[0])[1]
        return [gradient, *(pt.zeros_like(x).astype("float64") for x in inputs[1:])]


@cache
def _compile(family, hazard, in_stretches, of_curve):
    pieces = FAMILIES[family], HAZARDS[hazard]
    kernel = compile_linked(*pieces) if of_curve else compile_kernel(pieces[:1], pieces[1], in_stretches)

    # fastmath would let a cold and a warm cache give different draws
    @numba.njit(error_model="numpy")
    def joint_log_likelihood(
        theta, data, stretches, runs, sizes, outcome, knots, tabled, rule, centres, lanes, weights
    ):
        n_patients, n_blocks, n_classes = weights.shape[0], data.shape[0], theta.shape[0]
        padded = np.zeros((n_blocks, BLOCK))
        for i in range(n_patients):
            padded[lanes[i] // BLOCK, lanes[i] % BLOCK] = weights[i]
        log_likelihood = np.empty((n_blocks, BLOCK))
        joint = np.empty((n_blocks, n_classes, BLOCK))
        at_entry = np.empty((n_blocks, n_classes, BLOCK))
        gradient = np.empty(theta.shape)
        # contiguous and writeable, as everywhere else: numba compiles the kernel anew for any other kind of array
        theta, data, knots = np.ascontiguousarray(theta), np.ascontiguousarray(data), knots.copy()
        stretches, runs = np.ascontiguousarray(stretches), runs.copy()
        tables, rules, centres = (tabled.copy(),), (rule.copy(),), (np.ascontiguousarray(centres),)
        n, o = (sizes[0], sizes[1], sizes[2], sizes[3]), outcome
        outcomes = ((o[0], o[1], o[2], o[3], o[4], o[5]),)
        filled = log_likelihood, joint, at_entry
        patients = data, stretches, runs, padded
        kernel(theta, patients, n, outcomes, knots, tables, rules, centres, filled, gradient)
        return log_likelihood.reshape(-1)[lanes], gradient

    return joint_log_likelihood


@register_funcify_and_cache_key(JointLogLikelihood)
def _funcify(op, node=None, **kwargs):
    function = _compile(*op.pieces)
    name = f"{op.family}-{op.hazard}{'-stretches' * op.in_stretches}{'-linked' * op.of_curve}"
    return function, f"bayesctc-{name}-{made_from(function.py_func)}"
