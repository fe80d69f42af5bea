"""Inputs in memory maps: small ones are checked as arrays are, large ones as they are drawn."""

import numpy as np
import pytest

import backprop as bp
from backprop.data import inputs
from backprop.layers import Dense, Normalization, ReLU, Softmax, Tanh

N = 60
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 4)).astype("float32")
Y = RNG.integers(0, 3, N)


def classifier(*first, dtype="float32"):
    model = bp.Sequential([*first, Dense(5), ReLU(), Dense(3), Softmax()], seed=0, dtype=dtype)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.fixture
def mapped(tmp_path):
    """Makes a memory map of X with a number that is wrong in row 41."""

    def make(bad, dtype="float32"):
        values = X.astype(dtype)
        values[41, 2] = bad
        np.save(tmp_path / "x.npy", values)
        return np.load(tmp_path / "x.npy", mmap_mode="r")

    return make


@pytest.fixture(params=[True, False], ids=["shuffled", "in order"])
def large(request, monkeypatch):
    """Has all memory maps be large; whether their rows are shuffled."""
    monkeypatch.setattr(inputs, "LARGE_BYTES", 0)
    monkeypatch.setattr("backprop.data.batches.CONVERT_BELOW", 0)
    return request.param


def slices(x):
    return [(x[k : k + 20], Y[k : k + 20]) for k in range(0, N, 20)]


class BySlices:
    """A data set that gives slices of a memory map."""

    def __init__(self, x):
        self.batches = slices(x)

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, k):
        return self.batches[k]


PARTS = {
    "fit": lambda x: classifier(Tanh()).fit(slices(x), verbose=0),
    "data set": lambda x: classifier(Tanh()).fit(BySlices(x), shuffle=False, verbose=0),
    "evaluate": lambda x: classifier().evaluate(slices(x)),
    "validation": lambda x: classifier().fit(X, Y, validation_data=slices(x), verbose=0),
    "train_on_batch": lambda x: classifier(Tanh()).train_on_batch(x[40:50], Y[40:50]),
    "test_on_batch": lambda x: classifier().test_on_batch(x[40:50], Y[40:50]),
    "explain": lambda x: classifier().explain(x[40:43], Y[40:43]),
}


@pytest.mark.parametrize("bytes_", [1 << 26, 0], ids=["small", "large"])
@pytest.mark.parametrize("verb", PARTS)
@pytest.mark.parametrize(("bad", "dtype"), [(np.nan, "float32"), (1e39, "float64")])
def test_parts_of_a_memory_map_are_checked(mapped, monkeypatch, verb, bad, dtype, bytes_):
    monkeypatch.setattr(inputs, "LARGE_BYTES", bytes_)
    with pytest.raises(ValueError, match=r"(?i)x holds (nan|1e\+39).* in row 1, column 2"):
        PARTS[verb](mapped(bad, dtype))


WHOLE = {
    "check_gradients": lambda x: classifier(dtype="float64").check_gradients(x, Y),
    "activations": lambda x: classifier().activations(x),
    "layer_outputs": lambda x: bp.inspection.layer_outputs(classifier(), x),
    "learning_rate_range": lambda x: bp.learning_rate_range(classifier(), x, Y),
}


@pytest.mark.parametrize("verb", WHOLE)
def test_a_memory_map_is_checked_by_what_needs_all_of_it(mapped, large, verb):
    with pytest.raises(ValueError, match=r"(?i)x holds nan .* in row 41, column 2"):
        WHOLE[verb](mapped(np.nan))


def test_a_small_memory_map_is_checked_before_the_first_step(mapped):
    model = classifier()
    with pytest.raises(ValueError, match=r"x holds nan .* in row 41, column 2"):
        model.fit(mapped(np.nan), Y, batch_size=8, verbose=0)
    assert model.input_shape is None


# ------------------------------------------------------------------------------ large memory maps


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("bad", "dtype"), [(np.nan, "float64"), (1e39, "float64")])
@pytest.mark.parametrize(("name", "fit"), [
    ("x", lambda m, x, s: m.fit(x, Y, shuffle=s, validation_split=0.1, verbose=0)),
    ("x", lambda m, x, s: m.fit(x, Y, shuffle=s, validation_split=0.5, verbose=0)),
    ("x", lambda m, x, s: m.evaluate(x, Y)),
    ("validation x", lambda m, x, s: m.fit(X, Y, shuffle=s, validation_data=(x, Y), verbose=0)),
])  # fmt: skip
def test_large_memory_maps_name_the_row_among_all(
    mapped, monkeypatch, large, fit, name, bad, dtype, at_once
):
    if at_once:
        monkeypatch.setattr("backprop.data.batches.CONVERT_BELOW", 1 << 26)
    with pytest.raises(ValueError, match=rf"^{name} holds (nan|1e\+39).* in row 41, column 2"):
        fit(classifier(), mapped(bad, dtype), large)


@pytest.mark.parametrize(("bad", "dtype"), [(np.nan, "float32"), (1e39, "float64")])
def test_what_a_normalization_sees_of_a_large_memory_map_is_checked(mapped, large, bad, dtype):
    with pytest.raises(ValueError, match=r"^x holds (nan|1e\+39).* in row 41, column 2"):
        classifier(Normalization()).fit(mapped(bad, dtype), Y, shuffle=large, verbose=0)


def test_a_checked_memory_map_is_an_array_of_the_same_memory(mapped):
    """Nobody looks at it again, and nothing is copied."""
    x = mapped(0.0)
    found = inputs.check_inputs(x, (4,), classifier().layers, drawn=True)
    assert type(found) is np.ndarray
    assert np.shares_memory(found, x)
