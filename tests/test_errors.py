"""Users' mistakes in ``fit``: what is raised, the words in it, and that nothing has changed."""

import re

import numpy as np
import pytest
from mistakes import ONE_HOT, RNG, C, X, Y, assert_speaks, classifier

import backprop as bp
from backprop.callbacks import Callback
from backprop.core.errors import NotBuiltError, ShapeError, rearranged
from backprop.initializers import Constant
from backprop.layers import Conv1D, Dense, Flatten, ReLU, Reshape, Sigmoid, Softmax, UpSampling1D
from backprop.layers.chain import Chain
from backprop.optimizers import SGD


def compiled(loss, *layers):
    model = bp.Sequential(layers or [Dense(3)], seed=1)
    model.compile(SGD(0.1, momentum=0.9), loss)
    return model


def with_nan(row):
    changed = X.copy()
    changed[row, 1] = np.nan
    return changed


# --------------------------------------------------------------- mistakes in fit, and no traces

FIT = {
    "1-D inputs": ({"x": X[:, 0]}, ShapeError, ["x", "(12,)", "x.reshape(-1, 1)"]),
    "scalar": ({"x": 3.0}, ShapeError, ["x", "shape is ()"]),
    "no features": ({"x": np.empty((12, 0))}, ShapeError, ["x", "(12, 0)"]),
    "strings": ({"x": [["a", "b"]] * 12}, TypeError, ["x", "must hold numbers", "encode"]),
    "objects": ({"x": [[1, object()]] * 12}, TypeError, ["x must hold numbers", "row 0, column 1"]),
    "gap": ({"x": [[1, None]] * 12}, ValueError, ["x holds None", "row 0, column 1", "replace"]),
    "complex": ({"x": X + 1j}, TypeError, ["x", "must hold numbers", "complex128"]),
    "nothing": ({"x": None}, TypeError, ["x", "must hold numbers"]),
    "ragged": ({"x": [[1, 2], [3]]}, ShapeError, ["x", "same length"]),
    "nan": ({"x": with_nan(7)}, ValueError, ["x", "nan", "row 7", "remove"]),
    "infinite": ({"x": np.full((12, 4), np.inf)}, ValueError, ["x", "infinite", "row 0"]),
    "empty": ({"x": X[:0], "y": C[:0]}, ShapeError, ["x", "no samples", "(0, 4)"]),
    "empty list": ({"x": [], "y": []}, ShapeError, ["x holds no samples: its shape is (0,)."]),
    "empty rows": ({"x": np.ones((12, 3, 0))}, ShapeError, ["without numbers", "(12, 3, 0)"]),
    "no targets": ({"y": None}, ValueError, ["y is missing"]),
    "lengths": ({"y": C[:5]}, ShapeError, ["x has 12 samples", "y", "(5,)", "one target"]),
    "scalar target": ({"y": 1}, ShapeError, ["x has 12 samples", "y", "()"]),
    "one-hot": ({"y": ONE_HOT}, ShapeError, ["(12, 3)", "categorical_crossentropy"]),
    "class names": ({"y": ["cat"] * 12}, TypeError, ["class indices", "np.unique"]),
    "class too large": ({"y": C + 1}, ValueError, ["0 to 2", "3 outputs", "from 0"]),
    "class negative": ({"y": C - 1}, ValueError, ["0 to 2", "-1"]),
    "class not whole": ({"y": C + 0.5}, ValueError, ["whole numbers"]),
    "ragged y": ({"y": [[1]] * 11 + [[1, 2]]}, ShapeError, ["y", "same length"]),
    "batch_size 0": ({"batch_size": 0}, ValueError, ["batch_size", "1 or more", "it is 0"]),
    "batch_size True": ({"batch_size": True}, ValueError, ["batch_size", "True"]),
    "batch_size 2.5": ({"batch_size": 2.5}, ValueError, ["batch_size", "integer", "2.5"]),
    "batch_size text": ({"batch_size": "32"}, ValueError, ["batch_size", "'32'"]),
    "epochs -1": ({"epochs": -1}, ValueError, ["epochs", "0 or more", "-1"]),
    "epochs 1.5": ({"epochs": 1.5}, ValueError, ["epochs", "integer", "1.5"]),
    "initial_epoch": ({"initial_epoch": -2}, ValueError, ["initial_epoch", "0 or more", "-2"]),
    "verbose": ({"verbose": 7}, ValueError, ["verbose", "0, 1, 2 or 'auto'", "7"]),
    "verbose text": ({"verbose": "loud"}, ValueError, ["verbose", "'loud'"]),
    "callback type": ({"callbacks": [print]}, TypeError, ["callbacks", "Callback", "print"]),
    "callback class": ({"callbacks": [Callback]}, TypeError, ["callbacks", "parentheses"]),
    "one callback": ({"callbacks": Callback()}, TypeError, ["callbacks must be a list"]),
    "split": ({"validation_split": 1.0}, ValueError, ["validation_split", "0 and 1", "1.0"]),
    "split text": ({"validation_split": "0.2"}, TypeError, ["validation_split", "'0.2'"]),
    "split too small": ({"validation_split": 1e-17}, ValueError, ["validation_split", "no sample"]),
    "both weights": (
        {"class_weight": {0: 1.0}, "sample_weight": np.ones(12)},
        ValueError,
        ["sample_weight or class_weight"],
    ),
    "weights' length": ({"sample_weight": [1, 2]}, ShapeError, ["sample_weight", "(12,)", "(2,)"]),
    "weights 2-D": ({"sample_weight": np.ones((12, 3))}, ShapeError, ["sample_weight", "(12, 3)"]),
    "weights negative": ({"sample_weight": -np.ones(12)}, ValueError, ["sample_weight"]),
    "weights nan": ({"sample_weight": [np.nan] * 12}, ValueError, ["sample_weight", "finite"]),
    "weights text": ({"sample_weight": ["a"] * 12}, TypeError, ["sample_weight", "numbers"]),
    "weights ragged": ({"sample_weight": [[1], [1, 2]]}, ShapeError, ["sample_weight"]),
    "class weights": ({"class_weight": {3: 1.0}}, ValueError, ["class_weight", "3", "0 to 2"]),
    "class weight list": ({"class_weight": [1, 2, 3]}, TypeError, ["class_weight", "dict"]),
    "validation one": ({"validation_data": (X,)}, ValueError, ["validation_data", "(x, y)"]),
    "validation four": ({"validation_data": (X, C, C, C)}, ValueError, ["validation_data"]),
    "validation array": ({"validation_data": X}, ValueError, ["validation_data", "ndarray"]),
    "validation features": (
        {"validation_data": (X[:, :3], C)},
        ShapeError,
        ["4 features", "validation x", "(12, 3)", "4 columns"],
    ),
    "validation lengths": (
        {"validation_data": (X, C[:5])},
        ShapeError,
        ["validation x has 12 samples", "validation y", "(5,)"],
    ),
    "validation empty": ({"validation_data": (X[:0], C[:0])}, ShapeError, ["validation x"]),
    "validation nan": ({"validation_data": (with_nan(2), C)}, ValueError, ["validation x", "2"]),
    "validation classes": ({"validation_data": (X, C + 1)}, ValueError, ["0 to 2"]),
    "validation weights": (
        {"validation_data": (X, C, ["a"] * 12)},
        TypeError,
        ["validation sample_weight"],
    ),
}  # fmt: skip


def fit(model, options):
    return model.fit(**({"x": X, "y": C, "verbose": 0, "batch_size": 5} | options))


@pytest.mark.parametrize("state", ["unbuilt", "trained"])
@pytest.mark.parametrize(("options", "error", "words"), FIT.values(), ids=FIT)
def test_mistake_in_fit_is_found_before_anything_changes(options, error, words, state):
    model, other = classifier(), classifier()
    if state == "trained":
        for one in (model, other):
            fit(one, {"epochs": 2})
    history = model.history
    before = model.parameters.values.copy() if model.input_shape else None

    with pytest.raises(error) as caught:
        fit(model, options)
    assert_speaks(caught, words)

    assert model.history is history
    if state == "unbuilt":
        assert model.input_shape is None
        assert all(layer.input_shape is None for layer in model.layers)
        with pytest.raises(NotBuiltError):
            model.parameters  # noqa: B018
        assert model.optimizer.iterations == 0
    else:
        np.testing.assert_array_equal(model.parameters.values, before)
        assert model.optimizer.iterations == other.optimizer.iterations
    # the next training has the same bits as if the call that failed had never been
    assert fit(model, {"epochs": 2}).history == fit(other, {"epochs": 2}).history
    for mine, its in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)


REGRESSION = {
    "more columns": ({"y": Y[:, :2]}, ShapeError, ["(N, 3)", "(12, 2)", "number of units"]),
    "one column": ({"y": Y[:, 0]}, ShapeError, ["(N, 3)", "(12,)"]),
    "third axis": ({"y": Y[:, :, None]}, ShapeError, ["(N, 3)", "(12, 3, 1)"]),
    "nan": ({"y": Y * np.nan}, ValueError, ["targets", "nan"]),
    "text": ({"y": [["a"] * 3] * 12}, TypeError, ["targets", "numbers"]),
}  # fmt: skip


@pytest.mark.parametrize(("options", "error", "words"), REGRESSION.values(), ids=REGRESSION)
def test_targets_are_never_broadcast(options, error, words):
    model = compiled("mse")
    with pytest.raises(error) as caught:
        fit(model, options)
    assert_speaks(caught, ["MeanSquaredError", *words])
    assert model.input_shape is None


@pytest.mark.parametrize("y", [Y[:, :2], Y, Y[:, :1].T])
def test_one_output_takes_one_target_a_sample(y):
    model = compiled("mse", Dense(1))
    with pytest.raises(ShapeError):
        fit(model, {"y": y})
    assert model.input_shape is None


@pytest.mark.parametrize(
    ("model", "y", "words"),
    [
        (compiled("categorical_crossentropy", Dense(3), Softmax()), C, ["sparse_categorical"]),
        (compiled("binary_crossentropy", Dense(3), Sigmoid()), C, ["(N, 3)", "(12,)"]),
        (compiled("sparse_categorical_crossentropy", Dense(1), Sigmoid()), C * 0, ["one output"]),
        (compiled("bce", Dense(1)), C * 0, ["probabilities", "'dense_1'", "Sigmoid()", "logits"]),
        (compiled("categorical_crossentropy"), ONE_HOT, ["probabilities", "Softmax()"]),
        (compiled("sparse_categorical_crossentropy"), C, ["probabilities", "from_logits=True"]),
    ],
)
def test_loss_that_does_not_suit_the_model_or_the_targets(model, y, words):
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ValueError) as caught:  # noqa: PT011, the words are checked
            call(X, y)
        assert_speaks(caught, words)
    assert model.input_shape is None


IMAGES = RNG.random((12, 8, 8))


@pytest.mark.parametrize(
    ("loss", "ending", "y"),
    [
        ("sparse_categorical_crossentropy", [Dense(3), Softmax()], C),
        ("sparse_categorical_crossentropy", [Dense(3), Softmax()], C[:, np.newaxis]),
        ("categorical_crossentropy", [Dense(3), Softmax()], ONE_HOT),
        ("binary_crossentropy", [Dense(1), Sigmoid()], C > 1),
        ("binary_crossentropy", [Dense(1), Sigmoid()], (C > 1)[:, np.newaxis]),
        ("mse", [Dense(1)], Y[:, 0]),
        ("mse", [Dense(3)], Y),
    ],
)
@pytest.mark.parametrize("x", [IMAGES, IMAGES[..., np.newaxis]], ids=["(8, 8)", "(8, 8, 1)"])
def test_images_in_a_dense_layer_are_explained_by_the_shape_of_the_outputs(loss, ending, y, x):
    def made(*first):
        end = [
            Dense(layer.units) if isinstance(layer, Dense) else type(layer)() for layer in ending
        ]
        model = bp.Sequential([*first, *end], seed=0)
        model.compile("sgd", loss)
        return model

    model = made()
    outputs = str(("N", *x.shape[1:-1], ending[0].units)).replace("'", "")
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ShapeError) as caught:
            call(x, y)
        assert_speaks(caught, ["Dense", "last axis", outputs, "Flatten()", "begins with Dense"])
    assert model.input_shape is None
    assert np.isfinite(made(Flatten()).fit(x, y, verbose=0).history["loss"]).all()


STEPS = RNG.random((12, 5, 2))


@pytest.mark.parametrize(
    ("loss", "units", "sequences", "y", "words"),
    [
        ("sparse_categorical_crossentropy", 3, False,
         np.arange(60).reshape(12, 5) % 3, "for the 5 steps .* return_sequences=True"),
        ("sparse_categorical_crossentropy", 3, False,
         np.arange(60).reshape(12, 5, 1) % 3, "for the 5 steps .* return_sequences=True"),
        ("sparse_categorical_crossentropy", 3, False,
         np.eye(3)[np.arange(60).reshape(12, 5) % 3], "for the 5 steps .* return_sequences=True"),
        ("sparse_categorical_crossentropy", 3, True,
         np.zeros((12, 4, 1), int), r"outputs \(N, 5, 3\) need \(N, 5\)\.$"),
        ("sparse_categorical_crossentropy", 3, False,
         np.eye(5, dtype=int)[np.arange(12) % 5], "one-hot targets need an output"),
        ("categorical_crossentropy", 3, False,
         np.eye(3)[np.arange(60).reshape(12, 5) % 3], "for the 5 steps .* return_sequences=True"),
        ("mse", 1, False, np.ones((12, 5, 1)), "for the 5 steps .* return_sequences=True"),
        ("sparse_categorical_crossentropy", 3, True, C,
         "Behind a recurrent layer leave out its return_sequences=True"),
        ("sparse_categorical_crossentropy", 3, True, C[:, np.newaxis],
         "Behind a recurrent layer leave out its return_sequences=True"),
        ("mse", 1, True, Y[:, 0], "leave out its return_sequences=True"),
        ("sparse_categorical_crossentropy", 3, True,
         np.zeros((12, 4), int), r"outputs \(N, 5, 3\) need \(N, 5\)\.$"),
        ("mse", 1, True, np.zeros((12, 4)), r"\(N, 5, 1\), .* \(12, 4\): pass one target"),
    ],
)  # fmt: skip
def test_targets_of_steps_and_of_sequences_are_told_apart(loss, units, sequences, y, words):
    ending = [Dense(units), *([Softmax()] if units > 1 else [])]
    model = bp.Sequential([bp.layers.LSTM(4, return_sequences=sequences), *ending], seed=0)
    model.compile("sgd", loss)
    with pytest.raises(ShapeError, match=words):
        model.fit(STEPS, y, verbose=0)


def test_other_targets_of_sequences_get_no_advice_about_flattening():
    model = compiled("mse")
    with pytest.raises(ShapeError) as caught:
        model.fit(RNG.normal(size=(12, 8, 4)), RNG.normal(size=(12, 7, 3)), verbose=0)
    assert "Flatten" not in str(caught.value)


@pytest.mark.parametrize("call", ["evaluate", "train_on_batch"])
@pytest.mark.parametrize("mistake", ["1-D inputs", "nan", "lengths", "empty", "weights' length"])
def test_evaluate_and_train_on_batch_check_the_same(call, mistake):
    options, error, words = FIT[mistake]
    model = classifier()
    with pytest.raises(error) as caught:
        getattr(model, call)(**({"x": X, "y": C} | options))
    assert_speaks(caught, words)
    assert model.input_shape is None


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Dense(10**30), ["Dense 'dense_1'", "weights of shape (4, 1000"]),
        (Dense(2**62), ["Dense 'dense_1'", "weights of shape (4, 46116"]),
        (
            Chain([Reshape((4, 1)), UpSampling1D(10**30)]),
            ["UpSampling1D", "samples of shape (4000"],
        ),
        (Chain([Reshape((4, 1)), Conv1D(2, 3, padding="same", dilation_rate=10**30)]), ["(4000"]),
    ],
    ids=str,
)
def test_sizes_that_no_computer_holds_are_refused_in_one_sentence(layer, words):
    model = bp.Sequential([layer, Flatten(), Dense(1)])
    with pytest.raises(ShapeError) as caught:
        model.predict(np.zeros((2, 4)))
    assert_speaks(caught, [*words, "no computer can hold", "smaller"])


def test_weights_that_cannot_be_made_leave_the_model_unbuilt_and_usable():
    given = Constant(np.arange(20.0).reshape(4, 5))
    model = compiled("mse", Dense(5, kernel_initializer=given), Dense(3))
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the words are checked
        model.fit(X[:, :2], Y, verbose=0)
    assert_speaks(caught, ["Constant(value)", "(4, 5)", "(2, 5)"])
    assert model.input_shape is None
    assert model.history is None
    model.fit(X, Y, epochs=0, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], np.arange(20.0).reshape(4, 5))


@pytest.mark.parametrize(
    ("shape", "wanted", "code"),
    [
        ((9, 3, 5), (5, 3), "x.transpose(0, 2, 1)"),  # reshape would mix steps and channels
        ((9, 6, 8, 1), (8, 6, 1), "x.transpose(0, 2, 1, 3)"),
        ((9, 1, 8, 6), (8, 6, 1), "x.transpose(0, 2, 3, 1)"),
        ((9, 2, 4, 4), (4, 4, 2), "x.transpose(0, 2, 3, 1)"),  # rows stay before columns
        ((9, 15), (5, 3), "x.reshape(-1, 5, 3)"),
        ((9, 8, 8, 3), (64, 3), "x.reshape(-1, 64, 3)"),
        ((9, 8, 8), (64,), "x.reshape(-1, 64)"),
        ((9, 1, 4), (4,), "x.reshape(-1, 4)"),
        ((9, 3, 5), (5, 3, 1), ""),
        ((9, 4, 6), (2, 12), ""),
        ((9, 4), (5,), ""),
    ],
)
def test_code_that_brings_samples_into_a_shape_leaves_their_axes_whole(shape, wanted, code):
    assert rearranged("x", shape, wanted) == code
    if code:
        assert eval(code, {"x": np.zeros(shape)}).shape == (9, *wanted)


def test_axes_in_another_order_are_exchanged_and_not_mixed():
    sequences = bp.Sequential([bp.Input((5, 3)), bp.layers.LSTM(1, return_sequences=True)])
    with pytest.raises(ShapeError, match=r"pass x\.transpose\(0, 2, 1\)\.$"):
        sequences.predict(np.zeros((4, 3, 5)))
    flat = bp.Sequential([bp.Input(64), bp.layers.Dense(1)])
    with pytest.raises(ShapeError, match=r"pass x\.reshape\(-1, 64\)\.$"):
        flat.predict(np.zeros((4, 8, 8)))
    images = bp.Sequential([bp.layers.Conv2D(3, 1)])
    images.compile("sgd", "mse")
    with pytest.raises(ShapeError, match=r" np\.asarray\(y\)\.transpose\(0, 2, 3, 1\)\.$"):
        images.fit(np.zeros((4, 6, 5, 1)), np.zeros((4, 3, 6, 5)), verbose=0)


ADVISED = {
    "focal": (bp.losses.CategoricalFocalCrossentropy, C, "np.eye(3)[y]"),
    "smoothed": (lambda: bp.losses.CategoricalCrossentropy(label_smoothing=0.1), C, "np.eye(3)[y]"),
    "in a column": (bp.losses.CategoricalCrossentropy, C[:, None], "np.eye(3)[np.ravel(y)]"),
    "floats": (bp.losses.CategoricalCrossentropy, C * 1.0, "np.eye(3)[np.asarray(y, int)]"),
    "divergence": (bp.losses.KLDivergence, C, "np.eye(3)[y]"),
    "hinge": (bp.losses.CategoricalHinge, C, "np.eye(3)[y]"),
    "overlap": (bp.losses.Dice, C, "np.eye(3)[y]"),
    "generalized": (bp.losses.CategoricalGeneralizedCrossEntropy, ONE_HOT, "np.argmax(y, axis=-1)"),
    "ignoring": (
        lambda: bp.losses.SparseCategoricalCrossentropy(ignore_class=7),
        ONE_HOT,
        "np.argmax(y, axis=-1)",
    ),
}


@pytest.mark.parametrize(("loss", "y", "code"), ADVISED.values(), ids=ADVISED)
def test_targets_of_classes_are_told_how_the_loss_that_was_chosen_takes_them(loss, y, code):
    model = compiled(loss(), Dense(3), Softmax())
    with pytest.raises(ShapeError, match=f"{re.escape(code)}( makes rows)?\\.$"):
        model.fit(X, y, verbose=0)
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frames = [pd.DataFrame, pl.DataFrame] if y.ndim > 1 else [pd.Series, pl.Series]
    for kind in (np.asarray, np.ndarray.tolist, *frames):
        model.fit(X, eval(code, {"np": np, "y": kind(y)}), verbose=0)


@pytest.mark.parametrize("y", [X[:, 0], X[:, :1]], ids=["(N,)", "(N, 1)"])
def test_numbers_are_not_told_to_be_rounded_to_classes(y):
    model = compiled("categorical_crossentropy", Dense(3), Softmax())
    with pytest.raises(ShapeError, match=r"numbers to be predicted as such take loss='mse' and a"):
        model.fit(X, y, verbose=0)
    compiled("mse", Dense(1)).fit(X, y, verbose=0)


@pytest.mark.parametrize("last", [[], [Sigmoid()], [ReLU()]], ids=["none", "sigmoid", "relu"])
@pytest.mark.parametrize("loss", [
    "categorical_crossentropy", "sparse_categorical_crossentropy", "kl_divergence",
    "categorical_focal_crossentropy", "categorical_hinge", "cosine_similarity",
])  # fmt: skip
def test_one_output_is_told_what_does_and_no_other_ending(loss, last):
    model = compiled(loss, Dense(1), *last)
    with pytest.raises(ShapeError, match=r"the model has one output, but it needs two or more: "):
        model.fit(X, C > 0, verbose=0)


@pytest.mark.parametrize("layer", [Conv1D(2, 3), bp.layers.MaxPooling1D(3)], ids=str)
def test_sequences_with_their_channels_first_are_told_to_put_them_last(layer):
    with pytest.raises(ShapeError, match=r"which are smaller.*X\.transpose\(0, 2, 1\)"):
        bp.Sequential([layer]).predict(np.zeros((4, 2, 20)))


@pytest.mark.parametrize(("units", "loss", "k"), [
    (3, "categorical_crossentropy", 10),
    (1, "mse", 4),
    (2, "mse", 3),
])  # fmt: skip
def test_further_axes_are_explained_where_the_units_are_wrong_too(units, loss, k):
    model = bp.Sequential([Dense(units), *([Softmax()] if k == 10 else [])], seed=0)
    model.compile("sgd", loss)
    with pytest.raises(ShapeError, match=r"number of units .* If they are right, layers such as"):
        model.fit(np.ones((6, 8, 8)), np.eye(k)[:6] if k > 5 else np.ones((6, k)), verbose=0)


def test_targets_without_an_axis_of_length_one_are_told_both_ways():
    model = bp.Sequential([bp.layers.LSTM(3, return_sequences=True), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    X, y = np.ones((6, 1, 4)), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    words = r"Flatten\(\) .* leave out its return_sequences=True .* Or bring .*, (np.*)\.$"
    with pytest.raises(ShapeError, match=words) as caught:
        model.fit(X, y, verbose=0)
    code = re.search(words, str(caught.value))[1]
    model.fit(X, eval(code, {"np": np, "y": y}), verbose=0)


def test_metrics_and_pictures_explain_further_axes(tmp_path):
    P, y = np.ones((6, 8, 3)) / 3, np.zeros(6, int)
    words = "layers such as Dense and Conv2D work on the last axis .* put Flatten"
    for name in ("SparseCategoricalAccuracy", "Precision", "MeanAbsoluteError"):
        with pytest.raises(ShapeError, match=words):
            getattr(bp.metrics, name)().update(P, y)
    with pytest.raises(ValueError, match=words):
        bp.plotting.predictions_grid(np.ones((6, 8, 8)), y, P, path=tmp_path / "grid.png")
    with pytest.raises(ShapeError, match=words):
        bp.metrics.confusion_matrix(y, P)
