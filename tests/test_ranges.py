"""Overflow in the model's dtype, and columns that a dtype keeps next to nothing of."""

import io
import warnings

import numpy as np
import pytest
import scipy.sparse
from mistakes import assert_speaks

import backprop as bp
from backprop.estimators import (
    MLPClassifier,
    MLPRegressor,
    SequentialClassifier,
    SequentialRegressor,
)
from backprop.layers import Dense, Sigmoid

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 3))
Y = RNG.normal(size=(N, 2))
LONG = np.longdouble


def model_of(dtype="float32", outputs=2):
    model = bp.Sequential([Dense(outputs)], seed=0, dtype=dtype)
    model.compile("sgd", "mse")
    return model


def one_large(values, row, column, value=1e300):
    changed = values.copy()
    changed[row, column] = value
    return changed


# ------------------------------------------------------------------------------------- overflow


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array, np.ndarray.tolist])
@pytest.mark.parametrize("sign", [1, -1])
def test_inputs_that_overflow_are_named(form, sign):
    x = form(one_large(X, 7, 2, sign * 1e300))
    words = ["x holds", "1e+300 in row 7, column 2", "overflow in float32", 'dtype="float64"']
    model = model_of()
    for call in (
        lambda: model.fit(x, Y, verbose=0),
        lambda: model.evaluate(x, Y),
        lambda: model.predict(x),
        lambda: model.train_on_batch(x, Y),
        lambda: model.fit(lambda: iter([(x, Y)]), verbose=0),
        lambda: model.predict(lambda: iter([x])),
    ):
        with pytest.raises(ValueError) as caught:  # noqa: PT011, the words are checked
            call()
        assert_speaks(caught, words)
    assert model.input_shape is None


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.coo_array, np.ndarray.tolist])
def test_inputs_of_a_model_that_is_called_do_not_overflow(form):
    model = model_of()
    model.build((None, 3))
    for call in (model, model.forward):
        with pytest.raises(ValueError, match=r"^X holds 1e\+300 in row 7, column 2, an overflow"):
            call(form(one_large(X, 7, 2)))
    np.testing.assert_allclose(model(form(X)), model.predict(X), rtol=1e-5)


@pytest.mark.parametrize("batch_size", [None, 7])
def test_overflow_is_found_in_any_batch_of_a_prediction(batch_size):
    model = model_of()
    model.build((None, 3))
    with pytest.raises(ValueError, match="in row 50, column 0, an overflow"):
        model.predict(one_large(X, 50, 0), batch_size)


def test_targets_and_weights_that_overflow_are_named():
    model = model_of()
    with pytest.raises(ValueError, match=r"targets hold .* in row 3, column 1, an overflow in"):
        model.fit(X, one_large(Y, 3, 1), verbose=0)
    with pytest.raises(ValueError, match=r"sample_weight .* in row 5, an overflow in float32"):
        model.fit(X, Y, sample_weight=np.where(np.arange(N) == 5, 1e300, 1), verbose=0)
    with pytest.raises(ValueError, match=r"validation x holds .* an overflow"):
        model.fit(X, Y, validation_data=(one_large(X, 0, 0), Y), verbose=0)
    assert model.input_shape is None


@pytest.mark.parametrize("verb", ["fit", "train_on_batch", "fit_many"])
def test_class_weights_that_overflow_are_named(verb):
    model = bp.Sequential([Dense(1), Sigmoid()], seed=0)
    model.compile("sgd", "binary_crossentropy")
    classes, weight = np.arange(N) % 2, {0: 1.0, 1: 1e300}
    calls = {
        "fit": lambda: model.fit(X, classes, class_weight=weight, verbose=0),
        "train_on_batch": lambda: model.train_on_batch(X, classes, class_weight=weight),
        "fit_many": lambda: bp.fit_many([model], X, classes, class_weight=weight, verbose=0),
    }
    with pytest.raises(ValueError, match=r"class_weight\[1\] is 1e\+300, an overflow in float32"):
        calls[verb]()


@pytest.mark.parametrize(("dtype", "size"), [("float32", 1e38), ("float64", 1e308)])
def test_weights_whose_sum_overflows_are_refused_everywhere(dtype, size):
    """Their mean would be infinite, and a weighted mean 0, infinite or nan without a word."""
    model, y, w = model_of(dtype, 1), Y[:, 0], np.full(N, size)
    x, classes = X.astype(dtype), np.arange(N) % 2
    binary = bp.Sequential([Dense(1), Sigmoid()], seed=0, dtype=dtype)
    binary.compile("sgd", "binary_crossentropy")
    by_class, quiet = {0: size, 1: size}, {"verbose": 0}

    def network(n_features, n_outputs):
        return bp.Sequential([Dense(n_outputs)], seed=0, dtype=dtype)

    calls = [
        lambda: model.fit(x, y, sample_weight=w, **quiet),
        lambda: model.fit(x, y, validation_data=(x, y, w), **quiet),
        lambda: model.fit([(x, y, w)], **quiet),
        lambda: model.evaluate(x, y, sample_weight=w),
        lambda: model.train_on_batch(x, y, sample_weight=w),
        lambda: bp.fit_many([model], x, y, sample_weight=w, **quiet),
        lambda: binary.fit(x, classes, class_weight=by_class, **quiet),
        lambda: model.loss.forward(y[:, None].astype(dtype), y[:, None], w),
        lambda: MLPClassifier().fit(x, classes, sample_weight=w),
        lambda: MLPClassifier(class_weight=by_class).fit(x, classes),
        lambda: MLPRegressor(solver="lbfgs").fit(x, y, sample_weight=w),
        lambda: MLPClassifier().partial_fit(x, classes, w, classes=[0, 1]),
        lambda: SequentialClassifier(network).fit(x, classes, sample_weight=w),
        lambda: SequentialRegressor(network).fit(x, y, w),
    ]
    for metric in ("BinaryAccuracy", "Precision", "AUC", "R2Score", "LogCoshError", "F1Score"):
        made = getattr(bp.metrics, metric)()
        large = np.full(N, 1e308)  # metrics add up in float64
        calls.append(lambda made=made, w=large: made.update(y[:, None], classes[:, None], w))
    words = rf"(sample|class)_weight must have a finite sum, .* overflows ({dtype}|float64)"
    for call in calls:
        with pytest.raises(ValueError, match=words):
            call()
    assert model.input_shape is None


def test_the_number_that_overflows_is_written_without_a_bare_point():
    with pytest.raises(ValueError, match=r"holds 5e\+99 in row 7"):
        model_of("float32").predict(one_large(X, 7, 2, 5.000001e99))


def test_a_model_of_float64_takes_them():
    model = model_of("float64")
    assert np.isfinite(model.predict(one_large(X, 7, 2, 1e200))).all()
    with pytest.raises(ValueError, match=r"an overflow in float64, .*: scale the numbers\.$"):
        model.predict(one_large(X.astype(LONG), 7, 2, LONG("1e1000")))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("dtype", "bad", "words"), [
    ("float64", 1e300, "overflow"), ("float32", np.nan, "nan or infinite"),
])  # fmt: skip
def test_large_memory_maps_are_checked_as_they_are_read(
    tmp_path, monkeypatch, shuffle, at_once, dtype, bad, words
):
    monkeypatch.setattr("backprop.data.inputs.LARGE_BYTES", 0)
    monkeypatch.setattr("backprop.data.batches.CONVERT_BELOW", 1 << 26 if at_once else 0)
    np.save(tmp_path / "X.npy", one_large(X, 33, 1, bad).astype(dtype))
    x = np.load(tmp_path / "X.npy", mmap_mode="r")
    for call in (
        lambda: model_of().fit(x, Y, shuffle=shuffle, verbose=0),
        lambda: model_of().evaluate(x, Y),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            call()
        assert_speaks(caught, ["row 33, column 1"])


def test_a_large_memory_map_is_checked_once(tmp_path, monkeypatch):
    monkeypatch.setattr("backprop.data.inputs.LARGE_BYTES", 0)
    np.save(tmp_path / "X.npy", X.astype("float32"))
    x = np.load(tmp_path / "X.npy", mmap_mode="r")
    asked = []
    module = "backprop.data.batches.check_finite"
    monkeypatch.setattr(module, lambda rows, *rest: asked.append(len(rows)))
    model_of().fit(x, Y, epochs=3, verbose=0)
    assert sum(asked) == N


# ---------------------------------------------------------------------- what a dtype keeps of it


LATE = 1.7e9 + np.arange(N)


def said(x, y, dtype="float32"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model_of(dtype, np.reshape(y, (N, -1)).shape[1]).fit(x, y, epochs=0, verbose=0)
    assert all(each.filename == __file__ for each in caught)
    return [str(each.message) for each in caught]


@pytest.mark.parametrize("y", [
    LATE, LATE[:, np.newaxis], LATE.astype(int), LATE.astype("int32"), LATE.tolist(), -LATE,
])  # fmt: skip
def test_targets_of_which_next_to_nothing_is_left_are_warned_of(y):
    (message,) = said(X, y)
    for words in ("y varies by 59", "1.7e+09", "steps of 128", "subtract", 'dtype="float64"'):
        assert words in message
    assert said(X, y, "float64") == []


def test_an_evaluation_says_it_too():
    """Its loss is that of what is left of the targets, 0 for example."""
    model = constant(LATE.mean())
    with pytest.warns(RuntimeWarning, match="^y varies by 59") as caught:
        model.evaluate(X, LATE)
    assert {each.filename for each in caught} == {__file__}
    with pytest.warns(RuntimeWarning, match="^validation y varies by 59") as caught:
        model.fit(X, Y[:, 0], epochs=0, validation_data=(X, LATE), verbose=0)
    assert {each.filename for each in caught} == {__file__}


def test_a_warning_that_cannot_be_shown_ends_nothing(monkeypatch):
    """Services have no stderr; a program's own may be closed."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stderr", closed)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr("warnings.showwarning", lambda *given, **named: closed.write("…"))
        model_of(outputs=1).fit(X, LATE, epochs=1, verbose=0)
        model_of(outputs=1).fit(np.full((N, 3), 200, "uint8"), np.zeros(N), verbose=0)


class Destroyed:
    """A window's text field in the place of stderr, after the window was closed."""

    def write(self, text):
        raise RuntimeError("invalid command name")


@pytest.mark.parametrize("stderr", [Destroyed(), object()])
def test_a_stderr_of_the_users_own_that_raises_ends_nothing(stderr, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr("warnings.showwarning", lambda *given, **named: stderr.write("…"))
        assert model_of(outputs=1).fit(X, LATE, epochs=1, verbose=0).history
        model_of(outputs=1).evaluate(X, LATE)
        MLPClassifier(max_iter=1).fit(X, np.arange(N) % 2)
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match=r"^y varies by 59"):
            model_of(outputs=1).fit(X, LATE, epochs=1, verbose=0)


def test_columns_of_inputs_are_named():
    (message,) = said(np.column_stack([X, LATE, X, LATE]), Y)
    assert message.startswith("columns 3, 7 of x vary by 59")
    (message,) = said(np.column_stack([X, LATE]), Y)
    assert message.startswith("column 3 of x varies by 59")
    (message,) = said(X, np.column_stack([Y, LATE]))
    assert message.startswith("column 2 of y varies by 59")


def test_float64_has_its_own_steps():
    assert said(X, LONG(1e18) + np.arange(N), "float64")[0].startswith(
        "y varies by 59 around 1e+18"
    )
    (message,) = said(X, 10**18 + np.arange(N), "float64")
    assert "where float64 has steps of 128" in message
    assert "dtype=" not in message
    assert said(X, 1e17 + 16.0 * np.arange(N), "float64") == []


@pytest.mark.parametrize(
    "x",
    [
        np.full((N, 3), 1.7e9),  # constant
        np.full((N, 3), 0.1) + RNG.uniform(-1, 1, (N, 3)) * 1e-17,  # constant but for rounding
        np.zeros((N, 3)),
        np.repeat([[0.0], [1e-30]], N // 2, axis=0),
        np.repeat([[-1e9], [1e9]], N // 2, axis=0),
        (np.arange(N) + 60_000)[:, np.newaxis].astype("uint16"),
        np.column_stack([np.full(N, 1e9), X]),
        1e9 + 1e9 * X,
        1e4 + X,
        10**7 + np.arange(N)[:, np.newaxis],  # exact in float32
        1e7 + np.arange(N)[:, np.newaxis],
        np.float32(1e7) + np.arange(N, dtype="float32")[:, np.newaxis],
        np.where(np.arange(N) == 59, 2.0, 1.0)[:, np.newaxis],  # in the last row alone
    ],
)
def test_nothing_is_said_of_other_columns(x):
    assert said(x, Y) == []


@pytest.mark.parametrize("n_terms", [5, 20, 50, 200, 1000])
@pytest.mark.parametrize("given", ["float32", "float64"])
def test_nothing_is_said_of_sums_that_are_equal_but_for_rounding(n_terms, given):
    """As those of shares are, or the lengths of vectors of length 1."""
    shares = RNG.exponential(size=(300, n_terms)).astype(given)
    shares /= shares.sum(axis=1, keepdims=True)
    vectors = RNG.normal(size=(300, n_terms)).astype(given)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sums = [shares.cumsum(axis=1)[:, -1], np.sqrt((vectors**2).cumsum(axis=1)[:, -1])]
    dtype = given
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x = np.column_stack([*sums, 1e6 * sums[0]])
            model_of(dtype).fit(x, np.zeros((300, 2)), epochs=0, verbose=0)
        dtype = "float32"


def test_the_steps_that_are_left_are_told():
    x = 632.8 + 0.004 * np.linspace(0, 1, N)  # of 2⁻¹⁴ each
    assert "so that 66 steps of it are left" in said(np.column_stack([X, x]), Y)[0]
    x = 1.7e9 + np.arange(N) % 2 * 128 + 1  # 13281250 · 128 + 1, and one step more
    assert "so that 1 step of it is left" in said(np.column_stack([X, x]), Y)[0]
    x = 1.7e9 + np.arange(N) % 2 * 50
    assert "so that nothing of it is left" in said(np.column_stack([X, x]), Y)[0]


@pytest.mark.parametrize("row", [0, 255, 256, 700, 999])
def test_one_row_settles_it_wherever_it_stands(row):
    """Constant in the first rows: only all of them together tell."""
    x = np.ones((1000, 40))
    y = np.zeros((1000, 1))

    def said_of(value):
        changed = x.copy()
        changed[row, 7] = value
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model_of(outputs=1).fit(changed, y, epochs=0, verbose=0)
        return [str(each.message)[:16] for each in caught]

    assert said_of(1 + 1e-6) == ["column 7 of x va"]
    assert said_of(1 + 1e-4) == []
    assert said_of(0.0) == []


def test_tiny_columns_are_to_be_divided():
    (message,) = said(1e-60 * X, Y)
    assert "divide it by a number of its size first" in message
    assert "subtract" not in message


def test_sequences_have_the_columns_of_their_last_axis():
    x = np.zeros((N, 5, 2))
    x[..., 0] = np.arange(5)  # the same in every sample, and not constant
    x[..., 1] = 1e9 + RNG.uniform(size=(N, 5))
    with pytest.warns(RuntimeWarning, match="^column 1 of x varies"):
        model_of().fit(x, np.zeros((N, 5, 2)), epochs=0, verbose=0)


def test_fit_many_says_it_too():
    models = [model_of(outputs=1), model_of(outputs=1)]
    with pytest.warns(RuntimeWarning, match="^y varies by 59") as caught:
        bp.experiments.fit_many(models, X, LATE, epochs=1, verbose=0)
    assert {each.filename for each in caught if "varies" in str(each.message)} == {__file__}


@pytest.mark.parametrize("scale", [1e-20, 1e-30, 1e-36])
@pytest.mark.parametrize("loss", ["mse", "huber", "log_cosh", "msle"])
def test_targets_whose_squares_underflow_are_warned_of(scale, loss):
    y = scale * np.abs(Y)
    model = model_of()
    model.compile("sgd", loss)
    with pytest.warns(RuntimeWarning, match=r"^the targets go up to .* only: in float32") as caught:
        model.fit(X, y, epochs=2, verbose=0)
    assert [each.filename for each in caught] == [__file__]
    with pytest.warns(RuntimeWarning, match=r"^the targets go up to .* divide y") as caught:
        bp.experiments.fit_many([model_of(), model_of()], X, y, epochs=2, verbose=0)
    assert {each.filename for each in caught} == {__file__}
    other = model_of("float64")
    other.compile("sgd", "mse")
    other.fit(X, y, epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("scale", "loss", "dtype"),
    [
        (1e-15, "mse", "float32"),
        (1e-30, "mae", "float32"),
        (1e-100, "mse", "float64"),
        (0.0, "mse", "float32"),
    ],
)
def test_nothing_is_said_of_small_targets_that_a_loss_can_tell_from_0(scale, loss, dtype):
    model = model_of(dtype)
    model.compile("sgd", loss)
    model.fit(X, scale * Y, epochs=1, verbose=0)
    many = scale * Y
    many[-1] = 1.0  # not all targets are small
    model.fit(X, many, epochs=1, verbose=0)


@pytest.mark.filterwarnings("ignore:no sample of x counts")
@pytest.mark.parametrize("scale", [1e-39, 1e-44, 1e-60])
def test_weights_that_all_underflow_are_warned_of(scale):
    """As likelihoods that nobody has scaled: what they weigh no longer counted, without a word."""
    weight, told = (
        scale * np.linspace(0.1, 1, len(X)),
        "^sample_weight goes up to .* only: in float32",
    )
    model = model_of()
    with pytest.warns(RuntimeWarning, match=told) as caught:
        model.fit(X, Y, sample_weight=weight, verbose=0)
    assert caught[0].filename == __file__
    with pytest.warns(RuntimeWarning, match=told):
        model.evaluate(X, Y, sample_weight=weight)
    with pytest.warns(RuntimeWarning, match=told):
        model.fit([(X, Y, weight)], verbose=0)
    model_of("float64").fit(X, Y, sample_weight=weight, verbose=0)
    weight[-1] = 1.0  # beside it the others weigh nothing in any dtype
    model.fit(X, Y, sample_weight=weight, verbose=0)


def constant(value):
    """A model that predicts one number and never learns."""
    model = bp.Sequential([Dense(1, kernel_initializer="zeros")], seed=0)
    model.compile(bp.optimizers.SGD(0.0), "mse", metrics=["r2_score", "mae"])
    model.build((None, 3))
    model.layers[0].b = [value]
    return model


@pytest.mark.filterwarnings("ignore:.*y varies")
def test_metrics_see_the_targets_as_they_were_given():
    """The mean of LATE as a prediction: R² is about 0, and the error that of a uniform one."""
    model = constant(LATE.mean())
    offset = float(model.layers[0].b[0]) - LATE
    spread = ((LATE - LATE.mean()) ** 2).sum()
    expected = [1 - (offset**2).sum() / spread, np.abs(offset).mean()]

    history = model.fit(X, LATE, validation_split=0.5, verbose=0).history
    np.testing.assert_allclose(history["val_mae"][0], np.abs(offset[30:]).mean())
    for options in ({}, {"batch_size": 7}, {"batch_size": 7, "shuffle": False}, {"epochs": 30}):
        history = model.fit(X, LATE, verbose=0, **options).history
        np.testing.assert_allclose([history["r2_score"][-1], history["mae"][-1]], expected)
    np.testing.assert_allclose(model.evaluate(X, LATE)[1:], expected)
    np.testing.assert_allclose(model.evaluate(lambda: iter([(X, LATE)]))[1:], expected)
    np.testing.assert_allclose(model.train_on_batch(X, LATE)[1:], expected)
    batches = [(X[:40], LATE[:40]), (X[40:], LATE[40:])]
    history = model.fit(batches, verbose=0).history
    np.testing.assert_allclose([history["r2_score"][0], history["mae"][0]], expected)
    many = bp.experiments.fit_many([constant(LATE.mean()) for _ in "ab"], X, LATE, verbose=0)
    np.testing.assert_allclose([many[1].history[k][0] for k in ("r2_score", "mae")], expected)


def test_targets_that_need_no_more_digits_are_kept_once():
    from backprop.data.samples import digits_lost

    assert digits_lost(np.arange(5), np.arange(5.0, dtype="float32")) is None
    assert digits_lost(np.ones((5, 1)), np.ones((5, 1), "float32")) is None
    found = digits_lost(LATE, LATE.astype("float32")[:, np.newaxis])
    np.testing.assert_array_equal(found, LATE[:, np.newaxis])
    assert digits_lost(LATE, 2 * LATE.astype("float32")) is None  # a loss of one's own changed them
