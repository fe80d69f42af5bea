"""Memory that passes in inference leave to others: used again, but never while it is held."""

import threading
import weakref

import numpy as np
import pytest
from layer_cases import PACKAGE
from rows import each

import backprop as bp
from backprop.core import spare
from backprop.core.buffers import LINE, new_array
from backprop.core.spare import WORTH_KEEPING, SpareMemory, same_memory, spare_memories
from backprop.engine import forward
from backprop.layers import (
    Conv1D,
    Conv2D,
    Dense,
    Flatten,
    GlobalMaxPooling1D,
    Input,
    MaxPooling2D,
    ReLU,
)
from backprop.layers.block import forward_through

N = WORTH_KEEPING // 4


def where(array):
    return array.__array_interface__["data"][0]


def test_memory_is_used_again_once_no_array_lies_in_it():
    with SpareMemory():
        first = new_array((N,), "float32")
        place = where(first)
        assert place % LINE == 0
        other = new_array((N,), "float32")
        assert not np.shares_memory(first, other)
        del first
        assert where(new_array((4, N // 4), "float32")) == place
        assert where(new_array((N // 2,), "float64")) == place  # whatever it holds


@pytest.mark.parametrize(
    "hold", [lambda A: A[1:], lambda A: A[::2].reshape(-1, 2), lambda A: memoryview(A), iter]
)
def test_memory_that_something_looks_into_is_not_used_again(hold):
    with SpareMemory():
        array = new_array((N,), "float32")
        place, held = where(array), hold(array)
        del array
        others = [new_array((N,), "float32") for _ in range(3)]
        assert place not in map(where, others)
        del held
        assert where(new_array((N,), "float32")) == place


def test_small_arrays_and_those_of_other_threads_have_memory_of_their_own():
    found = []
    memory = SpareMemory()
    with memory:
        new_array((N // 4,), "float32")
        assert not memory._blocks
        new_array((N,), "float32")
        (blocks,) = memory._blocks.values()
        thread = threading.Thread(target=lambda: found.append(new_array((N,), "float32")))
        thread.start()
        thread.join()
        assert not np.shares_memory(found[0], blocks[0])
    new_array((N,), "float32")
    assert len(blocks) == 1


def test_blocks_are_little_longer_than_asked_for_so_that_most_sizes_fit():
    memory = SpareMemory()
    for size in (WORTH_KEEPING, WORTH_KEEPING + 1, 100_001, 1 << 20, (1 << 22) - 1):
        assert size <= memory.block(size).nbytes <= 1.13 * size
    place = where(memory.block(1_000_000))
    assert where(memory.block(1_000_100)) == place


class Used(SpareMemory):
    """Memory with the numbers of others in it: nan."""

    def block(self, size):
        block = super().block(size)
        block.fill(255)
        return block


@each("case", PACKAGE, ids=str)
def test_no_layer_counts_on_memory_that_is_clear(case, monkeypatch):
    monkeypatch.setattr(spare, "WORTH_KEEPING", 1)
    layer = case.built()
    X, _ = case.samples()
    expected = layer.forward(X)
    for _ in range(2):
        with Used():
            found = layer.forward(X)
        np.testing.assert_array_equal(found, expected)


def network():
    layers = [Conv2D(4, 3), MaxPooling2D(2), ReLU(), Conv2D(6, 3), ReLU(), Flatten(), Dense(3)]
    model = bp.Sequential([Input((12, 12, 3)), *layers], seed=0)
    model.compile("sgd", "mse")
    return model


IMAGES = np.random.default_rng(0).standard_normal((3000, 12, 12, 3)).astype("float32")


@pytest.mark.parametrize("threads", [1, 2])
def test_parts_of_batches_use_the_same_memory_and_give_the_same_bits(threads, monkeypatch):
    monkeypatch.setattr(forward, "several", lambda: threads)
    made = []

    class Watched(SpareMemory):
        def __init__(self):
            super().__init__()
            made.append(weakref.ref(self))

    sizes = []

    def through(layers, X):
        sizes.append(len(X))
        return forward_through(layers, X)

    monkeypatch.setattr(forward, "SpareMemory", Watched)
    monkeypatch.setattr(forward, "forward_through", through)
    model = network()
    found = model.predict(IMAGES)
    assert 1 <= len(made) <= threads  # for three batches
    assert 128 <= min(sizes) <= max(sizes) < 256
    assert sum(sizes) == len(IMAGES)
    model.evaluate(IMAGES, found, verbose=0)
    assert len(made) <= 2 * threads
    assert all(memory() is None for memory in made)  # nothing is kept
    monkeypatch.setattr(forward, "in_parts", lambda X, largest: False)
    np.testing.assert_allclose(model.predict(IMAGES), found, rtol=1e-5, atol=1e-5)
    monkeypatch.undo()
    monkeypatch.setattr(spare, "WORTH_KEEPING", 1 << 62)
    assert network().predict(IMAGES).tobytes() == found.tobytes()


def test_an_error_in_a_pass_leaves_the_thread_as_it_was(monkeypatch):
    model = network()

    def broken(X, training=False):
        raise ZeroDivisionError

    model.build((None, 12, 12, 3))
    monkeypatch.setattr(model.layers[2], "forward", broken)
    with pytest.raises(ZeroDivisionError):
        model.predict(IMAGES)
    assert spare_memories((12, 12, 3)) == []
    assert new_array((N,), "float32").base is not None
    assert spare._thread.memory is None


def test_memories_are_shared_within_a_block_alone():
    with same_memory():
        spare_memories((3,)).append(SpareMemory())
        assert len(spare_memories((3,))) == 1
        with same_memory():
            assert spare_memories((12, 12, 3)) == []
        assert len(spare_memories((3,))) == 1
    assert spare_memories((12, 12, 3)) == []


def test_memory_that_fits_sequences_of_another_length_is_given_back(monkeypatch):
    """Else batches of many lengths would take as much memory as all of them together."""
    monkeypatch.setattr(forward, "several", lambda: 1)
    made, alive = [], []

    class Watched(SpareMemory):
        def __init__(self):
            super().__init__()
            made.append(weakref.ref(self))

    monkeypatch.setattr(forward, "SpareMemory", Watched)
    model = bp.Sequential([Conv1D(8, 3), ReLU(), GlobalMaxPooling1D()], seed=0)
    batches = [np.random.default_rng(T).random((256, T, 8)) for T in (300, 300, 200, 300, 400)]

    def sequences():
        for batch in batches:
            yield batch
            alive.append([memory() is not None for memory in made])

    found = model.predict(sequences())
    assert alive[1] == [True]
    assert alive[-1] == [False, False, False, True]
    np.testing.assert_array_equal(found, np.concatenate([model.predict(b) for b in batches]))
