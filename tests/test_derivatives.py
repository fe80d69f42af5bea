"""The finite differences that backward passes are compared with."""

import numpy as np
from derivatives import derivative, derivative_of_samples, relative_error


def test_of_all_samples_at_once_it_is_that_of_each(rng):
    X, weights = rng.standard_normal((2, 4, 3, 2))
    before = X.copy()

    def each():
        return np.sum(weights * np.sin(X), axis=(1, 2))

    found = derivative_of_samples(each, X)
    assert relative_error(found, weights * np.cos(X)) <= 1e-10
    assert relative_error(found, derivative(lambda: float(np.sum(each())), X)) <= 1e-10
    np.testing.assert_array_equal(X, before)


def test_samples_that_depend_on_each_other_have_another_derivative(rng):
    X = rng.standard_normal((4, 3))

    def each():
        return np.sum(np.sin(X) * X.mean(axis=0), axis=1)

    own = np.cos(X) * X.mean(axis=0) + np.sin(X) / 4
    of_sum = np.cos(X) * X.mean(axis=0) + np.sin(X).mean(axis=0)
    found = derivative_of_samples(each, X)
    assert relative_error(found, own) > 1e-2
    assert relative_error(found, of_sum) > 1e-2
