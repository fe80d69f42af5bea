"""A frame remembers its columns: other ones, or another order, are refused."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import backprop as bp
from backprop.layers import Dense

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


def test_validation_data_in_another_order_of_columns_are_refused():
    frame = pd.DataFrame(np.random.default_rng(0).random((40, 3)), columns=list("abc"))
    y = np.arange(40.0)
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="validation x has the columns of another order"):
        model.fit(frame, y, validation_data=(frame[["b", "a", "c"]], y), verbose=0)
    model.fit(frame, y, validation_data=(frame, y), verbose=0)
