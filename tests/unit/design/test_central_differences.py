"""Central differences against closed forms: exact for polynomials of degree 2."""

import numpy as np
import pytest

from bayesctc.design.differences import hessian, jacobian

pytestmark = pytest.mark.unit
A = np.array([[2.0, 0.5, 0.0], [0.5, 3.0, -1.0], [0.0, -1.0, 1.0]])


@pytest.mark.parametrize("step", [0.25, np.array([0.25, 0.5, 2.0])])
def test_of_a_quadratic_form(step):
    x = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(hessian(lambda at: A @ at, x, step), A, atol=1e-14)
    found = jacobian(lambda at: np.array([at @ A @ at, at[0]]), x, step)
    np.testing.assert_allclose(found, np.column_stack([2.0 * A @ x, [1.0, 0.0, 0.0]]), atol=1e-14)


def test_a_gradient_with_rounding_gives_a_symmetric_matrix():
    wrong = A + np.triu(np.full((3, 3), 1e-9), 1)
    found = hessian(lambda at: wrong @ at, np.zeros(3), 1.0)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(found, A, atol=1e-9)
