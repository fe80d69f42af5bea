"""Arrays that begin with a line of the cache: where they lie, and that a model's arrays do."""

import numpy as np
import pytest

import backprop as bp
from backprop.core.buffers import LARGE, LINE, filled_array, new_array
from backprop.layers import Dense, ReLU, Softmax


def offset(array):
    return array.__array_interface__["data"][0] % LINE


@pytest.mark.parametrize("dtype", ["float32", np.float64, np.dtype(np.intp), bool])
@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (7, 5), (300, 40, 3)])
def test_they_are_ordinary_arrays_of_their_own(shape, dtype):
    arrays = [new_array(shape, dtype) for _ in range(20)]
    for k, array in enumerate(arrays):
        array[...] = k % 2
    for k, array in enumerate(arrays):
        assert type(array) is np.ndarray
        assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
        assert offset(array) == 0
        assert array.flags.c_contiguous
        assert array.flags.writeable
        np.testing.assert_array_equal(array, np.full(shape, k % 2))
    np.testing.assert_array_equal(filled_array(shape, 1, dtype), np.ones(shape, dtype))


def test_large_arrays_are_left_to_numpy():
    n = LARGE // 8
    assert filled_array((n,), 0.5, "float64").flags.owndata
    assert not filled_array((n - 1,), 0.5, "float64").flags.owndata
    np.testing.assert_array_equal(filled_array((n,), 0.5, "float64"), np.full(n, 0.5))


def test_arrays_of_objects_are_left_to_numpy():
    array = new_array((2,), object)
    assert array.flags.owndata  # it lets them go in the end
    assert array.tolist() == [None, None]


def test_what_a_training_step_works_on_is_aligned(rng):
    X, y = rng.normal(size=(64, 5)), rng.integers(0, 3, 64)
    model = bp.Sequential([Dense(6), ReLU(), Dense(3), Softmax()], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, y, batch_size=16, epochs=4, verbose=0)
    arrays = [model.parameters.values, model.parameters.gradients, *model.optimizer.state.values()]
    arrays += [model.layers[0].X, *(layer.A for layer in model.layers if hasattr(layer, "A"))]
    assert len(arrays) >= 7
    for array in arrays:
        assert offset(array) == 0
