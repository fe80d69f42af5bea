"""Lost digits of what is not one array in memory: batches, memory maps, sparse matrices."""

import warnings

import numpy as np
import pytest
import scipy.sparse

import backprop as bp
from backprop.layers import Dense

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 3))
Y = RNG.normal(size=N)
LATE = 1.7e9 + np.arange(N)
WIDE = np.column_stack([X, LATE])


def model_of(dtype="float32"):
    model = bp.Sequential([Dense(1)], seed=0, dtype=dtype)
    model.compile(bp.optimizers.SGD(0.0), "mse")
    return model


def batches(x, y, size=20):
    return [(x[k : k + size], y[k : k + size]) for k in range(0, N, size)]


def on_map(folder, name, array):
    np.save(folder / f"{name}.npy", array)
    return np.load(folder / f"{name}.npy", mmap_mode="r")


def said(call):
    """What is said of lost digits and small numbers."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert {each.filename for each in caught} <= {__file__}
    messages = [str(each.message) for each in caught]
    return [each for each in messages if not each.startswith("the loss of the first step")]


def test_a_pass_laid_open_says_it():
    model = model_of()
    model.build((None, 1))
    assert "of it is left" in said(lambda: model.explain(X[:5, :1], LATE[:5]))[0]
    assert said(lambda: model.explain(LATE[:5, np.newaxis], Y[:5]))[0].startswith("X varies by 4 ")
    assert said(lambda: model.explain(X[:5, :1], Y[:5])) == []


VERBS = {
    "fit": lambda x, y, dtype: model_of(dtype).fit(batches(x, y), verbose=0),
    "function": lambda x, y, dtype: model_of(dtype).fit(lambda: batches(x, y), verbose=0),
    "train_on_batch": lambda x, y, dtype: model_of(dtype).train_on_batch(x, y),
    "memory map": lambda x, y, dtype: model_of(dtype).fit(x, y, verbose=0),
    "learning_rate_range": lambda x, y, dtype: bp.learning_rate_range(model_of(dtype), x, y, 1e-30),
}


@pytest.mark.parametrize("verb", VERBS)
def test_each_way_to_train_says_it(verb, tmp_path):
    x, y, late, wide = X, Y, LATE, WIDE
    if verb == "memory map":
        late, wide = on_map(tmp_path, "late", LATE), on_map(tmp_path, "wide", WIDE)
    call = VERBS[verb]
    which = r"the first batch's " if verb in ("fit", "function") else ""
    (message,) = said(lambda: call(x, late, "float32"))
    assert message.startswith(f"{which}y varies by ")
    assert 'subtract the mean first, or make the model with dtype="float64"' in message
    (message,) = said(lambda: call(wide, y, "float32"))
    assert message.startswith(f"column 3 of {which}x varies by ")
    assert said(lambda: call(wide[:, :3], y, "float32")) == []
    assert said(lambda: call(x, late, "float64")) == []


@pytest.mark.parametrize("verb", ["fit", "function", "train_on_batch", "learning_rate_range"])
def test_each_way_to_train_says_that_targets_are_too_small(verb):
    (message,) = said(lambda: VERBS[verb](X, 1e-30 * Y, "float32"))
    assert "targets go up to" in message


@pytest.mark.parametrize("verb", ["fit", "function", "train_on_batch"])
def test_each_way_to_train_says_that_images_are_bytes(verb):
    images = RNG.integers(0, 256, (N, 8)).astype("uint8")
    assert "divide by 255" in said(lambda: VERBS[verb](images, Y, "float32"))[0]


def test_an_evaluation_of_batches_says_it_of_the_first():
    (message,) = said(lambda: model_of().evaluate(batches(X, LATE)))
    assert message.startswith("the first batch's y varies by 19")
    held_out = {"validation_data": batches(X, LATE), "verbose": 0}
    (message,) = said(lambda: model_of().fit(X, Y, **held_out))
    assert message.startswith("the first batch's validation y varies by 19")


def test_inputs_of_a_trained_model_are_looked_at_too():
    """Once by each verb, as it must cost little where batches are small."""
    model = model_of()
    model.fit(WIDE[:, [0, 1, 2, 0]], Y, verbose=0)
    for verb, which in (("evaluate", ""), ("train_on_batch", "")):
        (message,) = said(lambda verb=verb: getattr(model, verb)(WIDE, Y))
        assert message.startswith(f"column 3 of {which}x varies by 59")
        assert said(lambda verb=verb: getattr(model, verb)(WIDE, Y)) == []
    model = model_of()
    for held_out, which in (((WIDE, Y), ""), (batches(WIDE, Y), "the first batch's ")):
        options = {"validation_data": held_out, "verbose": 0}
        (message,) = said(lambda options=options: model.fit(WIDE[:, [0, 1, 2, 0]], Y, **options))
        assert message.startswith(f"column 3 of {which}validation x varies by ")
    (message,) = said(lambda: model.evaluate(batches(WIDE, Y)))
    assert message.startswith("column 3 of the first batch's x varies by 19")
    assert said(lambda: model.predict(WIDE)) == []


def test_train_on_batch_looks_at_the_first_batch_alone():
    model = model_of()
    assert len(said(lambda: model.train_on_batch(X, LATE))) == 1
    assert said(lambda: model.train_on_batch(X, LATE)) == []


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "coo_array"])
def test_full_columns_of_a_sparse_matrix_are_looked_at(kind):
    full = RNG.normal(size=(N, 9)) * (RNG.uniform(size=(N, 9)) < 0.2)
    full[:, 5] = LATE
    x = getattr(scipy.sparse, kind)(full)
    (message,) = said(lambda: model_of().fit(x, Y, verbose=0))
    assert message.startswith("column 5 of x varies by 59")
    (message,) = said(lambda: model_of().fit(batches(x.tocsr(), Y), verbose=0))
    assert message.startswith("column 5 of the first batch's x varies by 19")
    full[3, 5] = 0.0
    x = getattr(scipy.sparse, kind)(full)
    assert said(lambda: model_of().fit(x, Y, verbose=0)) == []


def test_some_rows_of_a_long_memory_map_tell_enough(tmp_path, monkeypatch):
    """Not of its beginning: there a column that grows slowly varies by little."""
    monkeypatch.setattr("backprop.data.inputs.LARGE_BYTES", 0)
    n = 10_000
    rows = np.column_stack([np.arange(n) * 1e5, 1e9 + np.arange(n) % 1000, np.zeros(n)])
    x = on_map(tmp_path, "x", rows)
    (message,) = said(lambda: model_of().fit(x, np.zeros(n), epochs=0, verbose=0))
    assert message.startswith("column 1 of x varies by about ")
    sparse = scipy.sparse.csr_array(rows + 1e-9)
    (message,) = said(lambda: model_of().fit(sparse, np.zeros(n), epochs=0, verbose=0))
    assert message.startswith("column 1 of x varies by about ")


def test_numbers_of_samples_in_a_small_batch_are_fine():
    """Consecutive ones vary by fewer than 100 steps, and float32 keeps them all."""
    numbered = np.column_stack([X, np.arange(N) + 1_000_000])
    assert said(lambda: model_of().fit(batches(numbered, Y, 4), verbose=0)) == []
    assert said(lambda: model_of().train_on_batch(numbered[:4], Y[:4])) == []


def test_two_rows_may_be_alike_by_chance():
    few = RNG.uniform(size=(2, 100_000))
    assert said(lambda: model_of().fit([(few, Y[:2])], verbose=0)) == []
    assert said(lambda: model_of().train_on_batch(few, Y[:2])) == []


@pytest.mark.parametrize("n", [10, 20, 49, 50])
def test_all_rows_that_there_are_need_a_hundred_steps_and_those_of_a_batch_do_not(n):
    """85 steps are enough for a batch of ten rows, of which there are others."""
    y = 2.0**24 + np.linspace(0, 170, n)
    given = RNG.normal(size=(n, 3)), y + RNG.uniform(0, 0.1, n)
    (message,) = said(lambda: model_of().fit(*given, verbose=0))
    assert "85 steps of it are left" in message
    assert len(said(lambda: model_of().train_on_batch(*given))) == (n > 42)
