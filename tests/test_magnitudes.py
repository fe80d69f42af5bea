"""The bound of what a recorded step writes into g."""

import numpy as np
import pytest

from backprop.engine.magnitudes import FEW, Magnitudes
from backprop.engine.tape import Call

N = 1 + int(np.sqrt(FEW))


def product(X, D, g):
    return Call("dot", (X.T, D), g.reshape(N, N), {}, {})


@pytest.mark.parametrize("late", ["another array", "X", "D", "part of D"])
def test_factors_that_the_step_writes_over_bound_nothing(late):
    rng = np.random.default_rng(0)
    X, D, other = (rng.standard_normal((4, N)) for _ in range(3))
    g = np.empty(N * N)
    target = {"another array": other, "X": X, "D": D, "part of D": D[1:3]}[late]
    calls = [product(X, D, g), Call("copy", (0.0,), target, {}, {})]
    magnitudes = Magnitudes(calls, g)
    for call in calls:
        call.bind()()
    largest = float(np.max(g * g))
    assert largest <= magnitudes.square()
    by_factors = late == "another array"
    assert bool(magnitudes._double) == by_factors
    if not by_factors:
        assert magnitudes.square() == pytest.approx(g @ g)


def test_what_is_written_later_is_told_from_its_factors():
    X, D = np.full((4, N), 2.0), np.full((4, N), 3.0)
    g = np.zeros(N * N)
    start, stop = g.__array_interface__["data"][0], g.__array_interface__["data"][0] + g.nbytes
    magnitudes = Magnitudes([product(X, D, g)], g, [(start, stop)])
    assert magnitudes.complete
    assert magnitudes.square() == float(np.vdot(X, X)) * float(np.vdot(D, D))
