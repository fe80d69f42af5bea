"""The finite differences that backward passes are compared with."""

import numpy as np
from derivatives import derivative, derivative_of_samples, relative_error


def test_of_all_samples_at_once_it_is_that_of_each(rng):
    X, delta, weights = rng.standard_normal((3, 4, 3, 2))
    before = X.copy()

    def f(X):
        return np.sin(X)[:, :, :1] * weights[0] * X[:, ::-1]

    found = derivative_of_samples(f, X, delta)
    assert relative_error(found, derivative(lambda: float(np.sum(delta * f(X))), X)) <= 1e-9
    of_sines = derivative_of_samples(np.sin, X, delta)
    assert relative_error(of_sines, delta * np.cos(X)) <= 1e-10
    np.testing.assert_array_equal(X, before)


def test_samples_that_depend_on_each_other_have_another_derivative(rng):
    X, delta = rng.standard_normal((2, 4, 3))

    def f(X):
        return np.sin(X) * X.mean(axis=0)

    of_sum = derivative(lambda: float(np.sum(delta * f(X))), X)
    assert relative_error(derivative_of_samples(f, X, delta), of_sum) > 1e-2
