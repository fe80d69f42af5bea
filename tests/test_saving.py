"""Model files: what is saved comes back with the same bits, and nothing else is believed."""

import enum
import inspect
import json
import os
import pickle
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from constructors import SAVED, public_classes, required
from layer_cases import PACKAGE
from programs import run
from rows import each, thirds
from scripts import classes, classifier

import backprop as bp
from backprop import CorruptFileError
from backprop.callbacks import BackupAndRestore
from backprop.core.errors import NotBuiltError, ShapeError
from backprop.initializers import Constant, HeNormal, RandomNormal
from backprop.layers import (
    BatchNormalization,
    Chain,
    Dense,
    Dropout,
    Input,
    Layer,
    ReLU,
    Residual,
    Softmax,
    Tanh,
)
from backprop.losses import CategoricalCrossentropy, Huber
from backprop.metrics import Accuracy
from backprop.optimizers import LBFGS, SGD, Adam
from backprop.regularizers import L1L2
from backprop.storage import files
from backprop.storage import models as saving

# ------------------------------------------------------------------------- the whole round trip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def same(one, other):
    np.testing.assert_array_equal(one.parameters.values, other.parameters.values)
    assert [p.name for p in one.parameters] == [p.name for p in other.parameters]


def test_training_goes_on_with_the_same_bits(path):
    X, y = classes()
    whole, first = classifier(), classifier()
    history = whole.fit(X, y, 8, epochs=5, verbose=0, validation_split=0.2).history
    first.fit(X, y, 8, epochs=2, verbose=0, validation_split=0.2)
    first.save(path)
    loaded = bp.load_model(path)
    np.testing.assert_array_equal(loaded.predict(X), first.predict(X))
    assert loaded.evaluate(X, y) == first.evaluate(X, y)
    more = loaded.fit(X, y, 8, epochs=5, initial_epoch=2, verbose=0, validation_split=0.2).history
    same(loaded, whole)
    assert more == {key: values[2:] for key, values in history.items()}


def test_training_goes_on_in_another_process(path):
    X, y = classes()
    whole, first = classifier(), classifier()
    whole.fit(X, y, 8, epochs=4, verbose=0)
    first.fit(X, y, 8, epochs=2, verbose=0)
    first.save(path)
    program = (
        "import sys, backprop as bp\nfrom scripts import classes\n"
        "model = bp.load_model(sys.argv[1])\n"
        "model.fit(*classes(), 8, epochs=2, verbose=0)\nmodel.save(sys.argv[1])"
    )
    run("-c", program, path, check=True)
    same(bp.load_model(path), whole)


def test_saving_changes_nothing_in_the_model(path):
    X, y = classes()
    one, other = classifier(), classifier()
    for model in (one, other):
        model.fit(X, y, epochs=1, verbose=0)
    one.save(path)
    for model in (one, other):
        model.fit(X, y, epochs=1, verbose=0)
    same(one, other)


def test_layers_names_seed_dtype_and_shape_come_back(path):
    layers = [Input(7), Dense(5, use_bias=False, name="first"), ReLU(), Dense(2)]
    model = bp.Sequential(layers, seed=3, dtype="float64")
    model.save(path)
    loaded = bp.load_model(path)
    assert [layer.name for layer in loaded.layers] == ["first", "relu_1", "dense_1"]
    assert loaded.layers[0].use_bias is False
    assert (loaded.seed, loaded.dtype, loaded.input_shape) == (3, np.float64, (7,))
    assert not loaded.compiled
    same(loaded, model)
    for either in (model, loaded):  # what is added later starts from the same weights too
        either.add(Dropout(0.5))
        either.add(Dense(3))
    same(loaded, model)
    assert loaded.layers[-1].name == "dense_2"
    X = np.ones((4, 7))
    np.testing.assert_array_equal(loaded.forward(X, True), model.forward(X, True))


def test_a_model_that_is_not_built_yet(path):
    X, y = classes()
    model = classifier(seed=None)  # its entropy comes back
    model.save(path)
    loaded = bp.load_model(path)
    assert loaded.input_shape is None
    assert loaded.seed == model.seed
    for either in (model, loaded):
        either.fit(X, y, epochs=1, verbose=0)
    same(loaded, model)


def test_a_model_without_layers(path):
    bp.Sequential(seed=1).save(path)
    assert bp.load_model(path).layers == []


def test_arguments_of_every_kind_come_back(path):
    values = np.arange(6.0).reshape(2, 3)
    model = bp.Sequential(
        [
            Input(2),
            Dense(
                3,
                kernel_initializer=Constant(values),
                bias_initializer=RandomNormal(0.5, 0.25),
                kernel_regularizer=L1L2(0.1, 0.2),
                kernel_constraint=bp.constraints.MaxNorm(3.0, axis=1),
            ),
            Chain([Dense(4, kernel_initializer="he_normal"), Softmax()], name="head"),
        ],
        seed=0,
    )
    model.save(path)
    first, head = bp.load_model(path).layers
    np.testing.assert_array_equal(first.kernel_initializer.value, values)
    assert repr(first.bias_initializer) == "RandomNormal(mean=0.5, stddev=0.25)"
    assert repr(first.kernel_regularizer) == "L1L2(l1=0.1, l2=0.2)"
    assert repr(first.kernel_constraint) == "MaxNorm(max_value=3.0, axis=1)"
    assert first.bias_constraint is None
    assert isinstance(head.layers[0].kernel_initializer, HeNormal)
    assert (head.name, head.layers[0].name) == ("head", "dense_1")
    assert first.parameters[0].regularizer is first.kernel_regularizer


def test_optimizer_loss_and_metrics_come_back(path):
    model = bp.Sequential([Dense(2), Softmax()], seed=0)
    optimizer = SGD(0.3, momentum=0.5, nesterov=True)
    model.compile(optimizer, CategoricalCrossentropy(label_smoothing=0.2), [Accuracy("hits", 0.7)])
    optimizer.learning_rate = 0.2
    model.save(path)
    loaded = bp.load_model(path)
    assert repr(loaded.optimizer) == "SGD(learning_rate=0.2, momentum=0.5, nesterov=True)"
    assert repr(loaded.loss.loss) == repr(model.loss.loss)
    assert [repr(metric) for metric in loaded.metrics] == [repr(metric) for metric in model.metrics]
    assert loaded.metrics[0].threshold == 0.7


def largest_error(y_true, y_pred):
    return np.abs(y_pred - y_true[:, np.newaxis]).max()


def test_metrics_come_back_with_their_names_and_weights(path):
    def compiled():
        model = bp.Sequential([Dense(2), Softmax()], seed=0)
        model.compile(
            "sgd",
            "sparse_categorical_crossentropy",
            metrics=["accuracy", Accuracy(), largest_error],
            weighted_metrics=["accuracy", "acc"],
        )
        return model

    X, y, w = np.ones((4, 3)), np.array([0, 1, 0, 0]), np.array([1.0, 5.0, 1.0, 1.0])
    model = compiled()
    model.fit(X, y, verbose=0, sample_weight=w)
    model.save(path)
    loaded = bp.load_model(path, {"largest_error": largest_error})
    names = ["accuracy", "accuracy_1", "largest_error", "weighted_accuracy", "acc"]
    assert [metric.name for metric in loaded.metrics] == names
    assert [metric.weighted for metric in loaded.metrics] == [False] * 3 + [True] * 2
    mine, its = (m.evaluate(X, y, sample_weight=w, return_dict=True) for m in (model, loaded))
    assert mine == its


def test_frozen_layers_and_parameters_stay_frozen(path):
    inner = Chain([Dense(3), Dense(3)], name="inner")
    model = bp.Sequential([Input(4), Dense(5), BatchNormalization(), inner, Dense(2)], seed=0)
    model.layers[0].trainable = False
    inner.layers[1].trainable = False
    model.parameters["dense_2.b"].trainable = False
    model.save(path)
    loaded = bp.load_model(path)
    assert not loaded.layers[0].trainable
    assert [layer.trainable for layer in loaded.layers[2].layers] == [True, False]
    flags = {p.name: p.trainable for p in model.parameters}
    assert {p.name: p.trainable for p in loaded.parameters} == flags
    assert sorted(name for name, flag in flags.items() if not flag) == [
        "batch_normalization_1.moving_mean",
        "batch_normalization_1.moving_variance",
        "dense_1.W",
        "dense_1.b",
        "dense_2.b",
        "inner.dense_2.W",
        "inner.dense_2.b",
    ]


def test_copies_are_saved_when_their_model_is_built_and_not_before(path):
    trained = bp.Sequential([Input(4), Dense(5), Residual([Dense(5)])], seed=0)
    for make in (
        lambda: trained.layers[0].copy(),
        lambda: Chain([ReLU(), trained.layers[0].copy()]),
        lambda: bp.Sequential([Input(5), trained.layers[1].copy()]).layers[0].copy(),
    ):
        part = make()
        model = bp.Sequential([part, Dense(2, name="last")], seed=1)
        with pytest.raises(NotBuiltError, match=r"is a copy with weights.*model\.build") as caught:
            model.save(path)
        assert not path.exists()
        assert "Dense" in str(caught.value) or "Residual" in str(caught.value)
        model.build((None, 5 if isinstance(part, Residual) else 4))
        model.save(path)
        loaded = bp.load_model(path)
        np.testing.assert_array_equal(loaded.parameters.values, model.parameters.values)
        path.unlink()
    other = bp.Sequential([bp.Sequential([Input(4), ReLU()]).layers[0].copy(), Dense(2)])
    other.save(path)  # nothing is lost


def test_numpy_alone_can_read_the_weights(path):
    model = classifier()
    model.build((None, 4))
    model.save(path)
    with np.load(path) as found:
        np.testing.assert_array_equal(found["weights/dense_1.W"], model.layers[0].W)


# ---------------------------------------------------------------- every class of the package


def variants(kind):
    """Calls of a class: with its defaults, and with each argument changed if it may be."""
    yield required(kind)
    for name, p in inspect.signature(kind).parameters.items():
        changed = {
            bool: lambda old: not old,
            int: lambda old: old + 1,
            float: lambda old: old * 0.5 + 0.1,
        }.get(type(p.default))
        if changed is not None:
            yield {**required(kind), name: changed(p.default)}
    if "name" in inspect.signature(kind).parameters:
        yield {**required(kind), "name": "mine"}


def round_trip(made):
    known = {}
    found = saving.describe(made, "it", known)
    assert known == {}
    assert json.loads(json.dumps(found, default=str))  # nothing but what a file can hold
    return saving.remake(found, {}, "file"), found


@each("kind", public_classes(*SAVED).values(), ids=public_classes(*SAVED))
def test_every_class_is_made_again_with_the_arguments_that_it_had(kind):
    made = 0
    for arguments in variants(kind):
        try:
            one = kind(**arguments)
        except (TypeError, ValueError):
            assert arguments != required(kind)  # a value that this class does not take
            continue
        other, found = round_trip(one)
        made += 1
        assert type(other) is kind
        assert saving.describe(other, "it", {}) == found
        for name, value in arguments.items():
            if name not in ("layer", "layers", "branches", "loss"):
                kept = getattr(one, name)
                assert getattr(other, name) == kept
                if isinstance(kept, tuple) and not isinstance(value, tuple):
                    # one number stands for each axis, or for the ends of a range
                    assert {abs(number) for number in np.ravel(kept)} <= {0, value}
                else:
                    assert kept == value
    assert made


@each("case", PACKAGE, ids=str)
def test_every_layer_computes_the_same_from_a_file(case, path):
    model = bp.Sequential([case.make()], seed=1)
    X, _ = case.batch(5, 3)
    model.build((None, *case.shape))
    noise = np.random.default_rng(2)
    model.parameters.values += noise.random(model.parameters.values.size, "float32")
    Y = model.forward(X)
    model.save(path)
    loaded = bp.load_model(path)
    same(loaded, model)
    np.testing.assert_array_equal(loaded.forward(X), Y)
    np.testing.assert_array_equal(loaded.forward(X, True), model.forward(X, True))


@pytest.mark.parametrize("use_ema", [False, True])
@pytest.mark.parametrize("kind", thirds(public_classes("optimizers").values()))
def test_every_optimizer_goes_on_with_the_same_bits(kind, use_ema, path):
    common = {"weight_decay": 0.01, "use_ema": use_ema}
    if kind is LBFGS:
        common = {}

    def trained(epochs):
        layers = [Dense(8), Tanh(), Dense(3), Softmax()]
        model = bp.Sequential(layers, seed=2)
        model.compile(kind(**common), "sparse_categorical_crossentropy")
        model.fit(*classes(), epochs=epochs, verbose=0)
        return model

    trained(3).save(path)
    loaded = bp.load_model(path)
    loaded.fit(*classes(), epochs=2, verbose=0)
    whole = trained(3)
    whole.fit(*classes(), epochs=2, verbose=0)
    same(loaded, whole)
    assert loaded.optimizer.iterations == whole.optimizer.iterations
    assert repr(loaded.optimizer) == repr(whole.optimizer)
    for name, vector in whole.optimizer.state.items():
        np.testing.assert_array_equal(loaded.optimizer.state[name], vector)


@pytest.mark.parametrize("kind", public_classes("losses").values())
def test_every_loss_is_the_same_from_a_file(kind, path):
    model = bp.Sequential([Input(4), Dense(3), Softmax()], seed=0)
    model.compile("sgd", kind())
    model.save(path)
    loaded = bp.load_model(path)
    assert repr(loaded._given_loss) == repr(model._given_loss)
    assert type(loaded.loss) is type(model.loss)


@pytest.mark.parametrize("kind", public_classes("schedules").values())
def test_every_schedule_is_the_same_from_a_file(kind, path):
    schedule = kind(**required(kind))
    model = bp.Sequential([Input(4), Dense(3)], seed=0)
    model.compile(SGD(schedule), "mse")
    for _ in range(3):
        model.train_on_batch(np.ones((2, 4)), np.ones((2, 3)))
    model.save(path)
    loaded = bp.load_model(path)
    assert type(loaded.optimizer.schedule) is kind
    rates = [schedule(step) for step in range(20)]
    assert [loaded.optimizer.schedule(step) for step in range(20)] == rates
    assert loaded.optimizer.learning_rate == schedule(3)


def test_arguments_that_are_handed_on_come_back(path):
    model = bp.Sequential([Input(4), Dense(3)], seed=0)
    model.compile(SGD(0.2, weight_decay=0.1, clipnorm=2.0, use_ema=True, ema_momentum=0.5), "mse")
    model.save(path)
    loaded = bp.load_model(path)
    assert repr(loaded.optimizer) == repr(model.optimizer)
    assert loaded.optimizer.clipnorm == 2.0


# ----------------------------------------------------------------------- classes of one's own


class Scale(Layer):
    """Y = k X."""

    def __init__(self, k, **others):
        super().__init__(**others)
        self.k = k

    def forward(self, X, training=False):
        return self.k * X

    def backward(self, delta):
        return self.k * delta


class Forgetful(Scale):
    """Does not keep its argument."""

    def __init__(self, factor):
        super().__init__(factor)


class Fixed(Dense):
    """Decides itself on an argument of the base class, which it hands on nevertheless."""

    def __init__(self, **others):
        super().__init__(units=3, **others)


class FixedLoss(Huber):
    """Likewise."""

    def __init__(self, **others):
        super().__init__(delta=2.0, **others)


class Nameless(Layer):
    """Takes no name."""

    def __init__(self):
        super().__init__()

    def forward(self, X, training=False):
        return X


class Network(bp.Sequential):
    """A model class of one's own."""


def halve(step):
    return 0.5**step


def test_own_layer_needs_its_class_to_be_loaded(path):
    model = bp.Sequential([Input(2), Dense(2), Scale(3.0, name="triple")], seed=0)
    model.save(path)
    with pytest.raises(ValueError, match=r"holds 'Scale', which is not backprop's: pass custom_ob"):
        bp.load_model(path)
    with pytest.raises(TypeError, match=r"custom_objects\['Scale'\] must be the class, but it is"):
        bp.load_model(path, custom_objects={"Scale": Scale(3.0)})
    loaded = bp.load_model(path, custom_objects={"Scale": Scale})
    assert (loaded.layers[1].k, loaded.layers[1].name) == (3.0, "triple")
    X = np.ones((3, 2))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize(
    "k",
    [
        {"a": (1, [2.5]), 3: None, "class": "x", (1, 2): {"dict": {}}},
        np.dtype("float32"),
        ("x", True, np.float64(0.1)),
        [],
    ],
)
def test_arguments_of_own_layers_may_be_any_plain_values(path, k):
    bp.Sequential([Scale(k)]).save(path)
    found = bp.load_model(path, {"Scale": Scale}).layers[0].k
    assert found == k
    assert type(found) is type(k)


def test_objects_inside_of_dicts(path):
    bp.Sequential([Scale({"in": [HeNormal(), Scale(Dense(3, name="d"))]})]).save(path)
    he, scale = bp.load_model(path, {"Scale": Scale}).layers[0].k["in"]
    assert isinstance(he, HeNormal)
    assert repr(scale.k) == "<Dense 'd'>"


def test_the_name_of_a_built_layer_stays(path):
    """Two of one name made a file that could not be read."""
    model = bp.Sequential([Dense(2), Dense(2)])
    model.layers[0].name = "first"
    model.build((None, 2))
    with pytest.raises(AttributeError, match="Dense 'dense_2' is built, so that its name stays"):
        model.layers[1].name = "first"
    model.layers[1].name = "dense_2"
    model.save(path)
    assert [layer.name for layer in bp.load_model(path).layers] == ["first", "dense_2"]


def test_layer_whose_class_takes_no_name_keeps_it(path):
    model = bp.Sequential([Nameless(), Nameless()])
    model.layers[1].name = "mine"
    model.save(path)
    loaded = bp.load_model(path, {"Nameless": Nameless})
    assert [layer.name for layer in loaded.layers] == ["nameless_1", "mine"]


def test_own_functions_and_model_classes_too(path):
    model = Network([Input(2), Dense(2)], seed=0)
    model.compile(SGD(halve), "mse")
    model.save(path)
    with pytest.raises(ValueError, match="'Network', which is not backprop's"):
        bp.load_model(path, {"halve": halve})
    with pytest.raises(ValueError, match=r"'halve', .* custom_objects=\{'halve': halve\}"):
        bp.load_model(path, {"Network": Network})
    loaded = bp.load_model(path, {"halve": halve, "Network": Network})
    assert type(loaded) is Network
    assert loaded.optimizer.schedule is halve


def test_what_cannot_be_written_down_is_found_when_it_is_saved(path):
    def model(layer=None, rate=0.1, loss="mse"):
        made = bp.Sequential([Input(2), layer or Dense(2)], seed=0)
        made.compile(SGD(rate), loss)
        return made

    model().save(path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match=r"Forgetful 'forgetful_1' cannot be saved: .* self.factor"):
        model(Forgetful(2.0)).save(path)
    with pytest.raises(TypeError, match="learning_rate of the optimizer cannot be saved"):
        model(rate=lambda step: 0.1).save(path)
    member = enum.Enum("Mode", "A B").A
    others = np.random.default_rng(0), map(len, []), member
    for argument in (np.tanh, len, Dense, [].append, partial(max, 1), *others):
        words = "k of Scale 'scale_1' cannot be saved: it holds .* a function with a name"
        with pytest.raises(TypeError, match=words):
            model(Scale(argument)).save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["model.npz"]


def test_what_a_constructor_fixes_and_was_changed_since_comes_back(path):
    wider, other = Fixed(use_bias=False), FixedLoss()
    wider.units, other.delta = 5, 3.0
    model = bp.Sequential([Input(2), wider], seed=0)
    model.compile("sgd", other)
    model.save(path)
    again = bp.load_model(path, {"Fixed": Fixed, "FixedLoss": FixedLoss})
    assert (again.layers[0].units, again.loss.delta) == (5, 3.0)
    np.testing.assert_array_equal(again.predict(np.ones((3, 2))), model.predict(np.ones((3, 2))))


def test_two_things_of_one_name_are_refused(path):
    class Other(Scale):
        pass

    Other.__name__ = "Scale"
    model = bp.Sequential([Input(2), Scale(2.0), Other(3.0)], seed=0)
    with pytest.raises(TypeError, match="have the same name, so that a file cannot tell one from"):
        model.save(path)
    bp.Sequential([Input(2), Scale(2.0), Scale(3.0)], seed=0).save(path)
    assert [layer.k for layer in bp.load_model(path, {"Scale": Scale}).layers] == [2.0, 3.0]


def test_class_of_other_arguments_than_it_had(path):
    class Other(Layer):
        def __init__(self, depth):
            super().__init__()

    bp.Sequential([Input(2), Scale(3.0)], seed=0).save(path)
    with pytest.raises(ValueError, match=r"holds Scale\(k=3.0\), which cannot be made again"):
        bp.load_model(path, {"Scale": Other})


@pytest.mark.parametrize("custom", [[Scale], Scale, "Scale"])
def test_custom_objects_must_be_a_dict(path, custom):
    bp.Sequential([Dense(2)]).save(path)
    with pytest.raises(TypeError, match="custom_objects must be a dict such as"):
        bp.load_model(path, custom)


# -------------------------------------------------------------------------------- the weights


def test_weights_come_back_into_a_model_of_the_same_layers(path):
    one, other = classifier(seed=1), classifier(seed=2)
    for model in (one, other):
        model.build((None, 4))
    one.save_weights(path)
    other.load_weights(path)
    same(other, one)
    assert np.shares_memory(other.layers[0].W, other.parameters.values)


def test_weights_come_from_a_whole_model_too(path):
    one, other = classifier(seed=1), classifier(seed=2)
    one.fit(*classes(), epochs=1, verbose=0)
    one.save(path)
    other.build((None, 4))
    other.load_weights(path)
    same(other, one)
    assert other.optimizer.iterations == 0


def test_weights_of_another_dtype_are_converted(path):
    one = bp.Sequential([Input(3), Dense(2)], seed=0, dtype="float64")
    other = bp.Sequential([Input(3), Dense(2)], seed=1)
    one.save_weights(path)
    other.load_weights(path)
    np.testing.assert_array_equal(other.layers[0].W, one.layers[0].W.astype("float32"))


def test_weights_that_do_not_fit_are_named_and_change_nothing(path):
    bp.Sequential([Input(3), Dense(4), Dense(2, name="out")], seed=0).save_weights(path)
    other = bp.Sequential([Input(3), Dense(5), Dense(2, name="end")], seed=1)
    before = other.parameters.values.copy()
    with pytest.raises(ShapeError) as error:
        other.load_weights(path)
    message = str(error.value)
    assert message.startswith(f"{str(path)!r} does not fit the model: it has no 'end.W'; it has no")
    assert "the model has no 'out.W'; the model has no 'out.b'; and 2 more." in message
    np.testing.assert_array_equal(other.parameters.values, before)
    same_names = bp.Sequential([Input(3), Dense(4), Dense(1, name="out")], seed=1)
    with pytest.raises(ShapeError, match=r"its 'out.W' has the shape \(4, 2\), but .* \(4, 1\);"):
        same_names.load_weights(path)


def test_weights_of_a_model_that_is_not_built(path):
    model = classifier()
    with pytest.raises(NotBuiltError):
        model.save_weights(path)
    assert not path.exists()
    classifier().save(path)
    with pytest.raises(NotBuiltError):
        model.load_weights(path)
    model.build((None, 4))
    with pytest.raises(ShapeError, match=r"it has no 'dense_1.W'"):
        model.load_weights(path)


# --------------------------------------------------------------------------------- old files

OLD = Path(__file__).parent / "data"


def test_files_of_the_first_form_can_be_read():
    loaded = bp.load_model(OLD / "saved_form_1.npz")
    with np.load(OLD / "saved_form_1.npz") as kept:
        for p in loaded.parameters:
            np.testing.assert_array_equal(p.value, kept[f"weights/{p.name}"])
        average = kept["optimizer/vectors/average"]
        np.testing.assert_array_equal(loaded.optimizer.state["average"], average)
    assert repr(loaded.optimizer).startswith("Adam(learning_rate=0.01")
    assert (loaded.seed, loaded.optimizer.iterations) == (3, 6)
    assert [metric.name for metric in loaded.metrics] == ["accuracy"]
    with np.load(OLD / "saved_form_1_weights.npz") as kept:
        loaded.load_weights(OLD / "saved_form_1_weights.npz")
        for p in loaded.parameters:
            np.testing.assert_array_equal(p.value, kept[f"weights/{p.name}"])


def test_a_training_goes_on_from_a_backup_of_the_first_form(tmp_path):
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)

    def trained(*callbacks):
        layers = [Dense(5, kernel_regularizer="l2"), ReLU(), Dropout(0.2), Dense(3), Softmax()]
        model = bp.Sequential(layers, seed=3)
        model.compile(Adam(0.01, use_ema=True), "sparse_categorical_crossentropy", ["accuracy"])
        model.fit(X, y, 8, epochs=3, verbose=0, callbacks=callbacks)
        return model

    shutil.copy(OLD / "saved_form_1_backup.npz", tmp_path / "latest.npz")
    resumed, whole = trained(BackupAndRestore(tmp_path, save_freq=1)), trained()
    # the steps before the backup were made on another machine
    np.testing.assert_allclose(resumed.parameters.values, whole.parameters.values, rtol=1e-4)
    assert resumed.optimizer.iterations == whole.optimizer.iterations
    assert resumed.history.epoch == [1, 2]


@pytest.mark.parametrize("name", ["", "_weights", "_backup"])
def test_damaged_files_of_the_first_form_are_noticed(path, name):
    content = (OLD / f"saved_form_1{name}.npz").read_bytes()
    rng = np.random.default_rng(0)
    kind = {"": "model", "_weights": "weights", "_backup": "backup"}[name]
    path.write_bytes(content)
    whole = repr(files.read(path, kind))
    for place in (*rng.integers(0, len(content), 300), *range(len(content) - 30, len(content))):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with suppress(CorruptFileError):
            assert repr(files.read(path, kind)) == whole


# ---------------------------------------------------------------------------------- bad files


def test_a_file_cannot_name_a_class_outside_the_package(path):
    bp.Sequential([Dense(2)]).save(path)
    tree = files.read(path, "model")
    for name in ("layers.np", "layers.Any", "os.system", "schedules.Sequence", "layers.NoSuch"):
        tree["layers"][0]["class"] = name
        files.write(path, "model", tree)
        with pytest.raises(ValueError, match="which this version of backprop does not have"):
            bp.load_model(path)


def test_pickles_are_never_opened(path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(path.parent / "sprung"),)

    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="is no file that backprop saved"):
        bp.load_model(path)
    np.savez(path, allow_pickle=True, **{"backprop.json": np.array([Trap()], object)})
    with pytest.raises(ValueError, match="is no file that backprop saved"):
        bp.load_model(path)
    assert not (path.parent / "sprung").exists()


def test_what_does_not_fit_together_is_damage_too(path):
    model = classifier()
    model.build((None, 4))
    model.save(path)
    good = files.read(path, "model")
    for change in (
        {"layers": 3},
        {"layers": [{"arguments": {}}]},
        {"layers": [None]},
        {"compiled": {"optimizer": []}},
        {"class": 5},
        {"class": None, "layers": None},
        {"seed": "x"},
        {"dtype": "float8"},
        {"input_shape": (-1,)},
        {"trainable": [True]},
        {"trainable": None},
        {"optimizer": {}},
    ):
        files.write(path, "model", good | change)
        with pytest.raises(CorruptFileError, match="does not fit together") as caught:
            bp.load_model(path)
        assert str(caught.value).startswith(repr(str(path)))


def test_missing_file_and_folder(tmp_path):
    model = classifier()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        bp.load_model(tmp_path / "nowhere.npz")
    with pytest.raises(FileNotFoundError, match="create the folder"):
        model.save(tmp_path / "no" / "model.npz")
    with pytest.raises(IsADirectoryError, match="a folder: name a file"):
        model.save(tmp_path)
    with pytest.raises(IsADirectoryError):
        bp.load_model(tmp_path)


def test_file_of_a_newer_version(path, monkeypatch):
    with monkeypatch.context() as later:
        later.setattr("backprop.storage.files.VERSION", 7)
        classifier().save(path)
    with pytest.raises(ValueError, match=r"by a newer backprop, in version 7 .* up to 2: update"):
        bp.load_model(path)
