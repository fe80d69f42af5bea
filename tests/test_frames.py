"""A frame remembers its columns: other ones, or another order, are refused."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import backprop as bp
from backprop.layers import Dense, Softmax

KINDS = [lambda f: f, pl.from_pandas, pa.Table.from_pandas]


@pytest.fixture
def frame(rng):
    return pd.DataFrame(rng.standard_normal((20, 3)), columns=["a", "b", "c"])


@pytest.fixture
def model():
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["fit", "train_on_batch"])
def test_reordered_columns_are_refused_by_every_verb(kind, verb, frame, model):
    y = np.zeros(20)
    getattr(model, verb)(kind(frame), y)
    assert model.feature_names == ("a", "b", "c")
    other = kind(frame[["b", "a", "c"]])
    before = model.get_weights()
    for call in (
        lambda: model.predict(other),
        lambda: model.evaluate(other, y),
        lambda: model.fit(other, y),
        lambda: model.train_on_batch(other, y),
    ):
        with pytest.raises(ValueError, match=r"x has the columns of another order.*'a', 'b', 'c'"):
            call()
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    np.testing.assert_allclose(
        model.predict(kind(frame)), model.predict(frame.to_numpy()), rtol=1e-5, atol=1e-6
    )


def test_columns_that_are_missing_or_new_are_named(frame, model):
    model.fit(frame, np.zeros(20), verbose=0)
    with pytest.raises(ValueError, match="x has no column 'b'"):
        model.predict(frame.rename(columns={"b": "d"}))
    with pytest.raises(ValueError, match="x has a new column 'd'"):
        model.predict(frame.assign(d=1.0))
    assert model.predict(frame[::-1].assign(d=1.0)[list(model.feature_names)]).shape == (20, 1)


def test_arrays_have_no_columns_and_a_new_beginning_forgets_them(frame, model):
    model.fit(frame.to_numpy(), np.zeros(20), verbose=0)
    assert model.feature_names is None
    model.predict(frame[["c", "b", "a"]])
    model.fit(frame, np.zeros(20), verbose=0)
    model.fit(frame.to_numpy(), np.zeros(20), verbose=0)
    assert model.feature_names == ("a", "b", "c")
    model.reset()
    assert model.feature_names is None


def test_every_verb_looks_at_the_columns(rng):
    X, y = rng.normal(size=(12, 3)), rng.integers(0, 3, 12)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    other = frame[["c", "b", "a"]]

    def model():
        made = bp.Sequential([Dense(3), Softmax()], seed=0)
        made.compile("sgd", "sparse_categorical_crossentropy")
        return made

    trained = model()
    bp.fit_many([trained, model()], frame, y, verbose=0)
    assert trained.feature_names == ("a", "b", "c")
    for verb in (trained.explain, trained.check_gradients, trained.evaluate, trained.fit):
        with pytest.raises(ValueError, match="columns of another order"):
            verb(other, y)
    for verb in (trained.activations, trained.predict):
        with pytest.raises(ValueError, match="columns of another order"):
            verb(other)
    held_out = {"validation_data": (other, y), "verbose": 0}
    for call in (lambda: model().fit(frame, y, **held_out),
                 lambda: bp.fit_many([model(), model()], frame, y, **held_out)):  # fmt: skip
        with pytest.raises(ValueError, match=r"x of validation_data has other columns"):
            call()
    model().fit(frame, y, validation_data=(frame[:5], y[:5]), verbose=0)
    model().fit(frame, y, validation_data=(other.to_numpy(), y), verbose=0)
