"""Attributes that are assigned later: they work, or the assignment says why not."""

import copy
import dis
import pickle
import re
from types import FunctionType

import numpy as np
import pytest
from mistakes import PACKAGE

import backprop as bp
from backprop import constraints, initializers, losses, metrics, regularizers
from backprop.callbacks import (
    BackupAndRestore,
    CSVLogger,
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
)
from backprop.core.errors import NotBuiltError
from backprop.core.stores import stores_in
from backprop.initializers import Constant, HeNormal, VarianceScaling
from backprop.layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    SELU,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    Layer,
    LayerNormalization,
    LeakyReLU,
    MultiHeadAttention,
    ReLU,
    Residual,
    SimpleRNN,
    Softmax,
    TransformerBlock,
)
from backprop.optimizers import LBFGS, SGD, Adagrad, Adam, RMSprop

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype("float32")
Y = RNG.integers(0, 3, 60)


def model_with(optimizer="sgd", *middle):
    model = bp.Sequential([Dense(5), ReLU(), *middle, Dense(3), Softmax()], seed=0)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def trained(optimizer="sgd", *middle, epochs=1):
    model = model_with(optimizer, *middle)
    model.fit(X, Y, epochs=epochs, verbose=0)
    return model


def pickled(made):
    return pickle.loads(pickle.dumps(made))


def built(layer):
    layer.build((4,))
    return layer


def sequence_model(layer):
    model = bp.Sequential([layer, Flatten(), Dense(1)], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    return model


DROPPING = {
    "MultiHeadAttention": lambda **rate: MultiHeadAttention(2, 3, **rate),
    "TransformerBlock": lambda **rate: TransformerBlock(2, 5, **rate),
    "SimpleRNN": lambda **rate: SimpleRNN(3, **rate),
    "LSTM": lambda **rate: LSTM(3, **rate),
    "GRU": lambda **rate: GRU(3, **rate),
}


@pytest.mark.parametrize("name", DROPPING)
def test_a_dropout_that_is_set_before_the_model_is_built(name):
    """It trains as if the layer had been made with it, and not as without."""
    steps = np.random.default_rng(1).normal(size=(12, 5, 4))
    losses_of = []
    for given, later in ((0.4, None), (0.0, 0.4), (0.4, 0.0), (0.0, None)):
        layer = DROPPING[name](dropout=given)
        model = sequence_model(layer)
        if later is not None:
            layer.dropout = later
        history = model.fit(steps, steps[:, 0, 0], epochs=2, batch_size=4, verbose=0)
        losses_of.append(history.history["loss"])
    assert losses_of[0] == losses_of[1] != losses_of[2] == losses_of[3]


# ----------------------------------------------------------------------- numbers out of their range


RANGES = {
    "dropout": (lambda: Dropout(0.2), "rate", 5, "rate"),
    "built dropout": (lambda: built(Dropout(0.2)), "rate", -0.1, "rate"),
    "noise": (lambda: GaussianNoise(0.1), "stddev", -1, "stddev"),
    "normalisation": (lambda: built(BatchNormalization()), "momentum", 2, "momentum"),
    "epsilon": (BatchNormalization, "epsilon", 0, "epsilon"),
    "slope": (LeakyReLU, "negative_slope", np.nan, "negative_slope"),
    "alpha": (ELU, "alpha", -1, "alpha"),
    "units": (lambda: Dense(3), "units", 0, "units"),
    "regularizer": (lambda: Dense(3), "kernel_regularizer", "l3", "l3"),
    "momentum": (SGD, "momentum", 5, "momentum"),
    "clipnorm": (SGD, "clipnorm", -1, "clipnorm"),
    "two ways to clip": (lambda: SGD(clipvalue=1.0), "clipnorm", 1.0, "together"),
    "decay": (Adam, "weight_decay", -1, "weight_decay"),
    "beta": (Adam, "beta_1", 1.5, "beta_1"),
    "average": (Adam, "ema_momentum", 3, "ema_momentum"),
    "iterations": (LBFGS, "history_size", 0, "history_size"),
    "delta": (losses.Huber, "delta", -1, "delta"),
    "smoothing": (losses.BinaryCrossentropy, "label_smoothing", 3, "label_smoothing"),
    "beta of F": (metrics.FBetaScore, "beta", -3, "beta"),
    "average of F": (metrics.F1Score, "average", "best", "average"),
    "guesses": (metrics.TopKCategoricalAccuracy, "k", 0, "k"),
    "l2": (lambda: regularizers.L2(0.1), "l2", -1, "l2"),
    "flag": (lambda: built(Dropout(0.2)), "trainable", "False", "trainable"),
    "fans": (VarianceScaling, "mode", "fan", "mode"),
    "constant": (Constant, "value", "a", "value"),
    "patience": (EarlyStopping, "patience", -1, "patience"),
    "direction": (lambda: ModelCheckpoint("a"), "mode", "best", "mode"),
    "lowest rate": (ReduceLROnPlateau, "min_lr", np.nan, "min_lr"),
    "file": (lambda: CSVLogger("a"), "filename", 5, "filename"),
    "steps": (SGD, "iterations", "a", "iterations"),
    "steps of one in training": (lambda: trained().optimizer, "iterations", -1, "iterations"),
    "frozen": (lambda: trained().parameters["dense_1.W"], "trainable", "False", "trainable"),
    "decays": (lambda: trained().parameters["dense_1.W"], "decays", 0.5, "decays"),
    "learnt": (lambda: trained().parameters["dense_1.W"], "learned", None, "learned"),
    "its name": (lambda: trained().parameters["dense_1.W"], "name", 5, "name"),
    "name of a layer": (lambda: Dense(3, name="a"), "name", 5, "name"),
    "wish": (lambda: Dense(3), "needs_input_gradient", "no", "needs_input_gradient"),
    "name of a metric": (metrics.F1Score, "name", None, "name"),
    "taken name": (metrics.F1Score, "name", "loss", "other numbers"),
    "name of a validation": (metrics.F1Score, "name", "val_a", "another name"),
    "weights": (metrics.F1Score, "weighted", "False", "weighted"),
    "ending": (trained, "stop_training", "False", "stop_training"),
    "by the layers": (trained, "run_eagerly", "False", "run_eagerly"),
    "beginning": (trained, "resume_at", 5, r"resume_at must be \(epoch, step\)"),
    "step to begin with": (trained, "resume_at", (0, -1), "resume_at"),
    "best": (lambda: EarlyStopping("loss"), "best", "a", "best"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "name", "value", "words"), RANGES.values(), ids=RANGES)
def test_a_number_out_of_its_range_is_refused_and_nothing_changes(make, name, value, words):
    made = make()
    before = getattr(made, name)
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        setattr(made, name, value)
    assert caught.traceback[-1].path.is_relative_to(PACKAGE)
    assert getattr(made, name) is before


def test_what_is_assigned_is_what_the_constructor_would_have_made_of_it():
    layer = Dense(3)
    layer.kernel_regularizer = "l2"
    layer.kernel_initializer = "zeros"
    layer.units = np.int64(5)
    assert isinstance(layer.kernel_regularizer, regularizers.L2)
    assert type(layer.units) is int
    model = bp.Sequential([layer], seed=0)
    assert not model.predict(X).any()
    assert model.layers[0].W.shape == (4, 5)
    optimizer = SGD()
    optimizer.momentum = np.float32(0.5)
    assert type(optimizer.momentum) is float


# ---------------------------------------------------------------------------- what would be ignored


IGNORED = {
    "text of a derivative": (lambda: LeakyReLU(0.1), "slope", 0.9, "set negative_slope"),
    "text of ReLU's": (ReLU, "slope", 0.9, "slope of ReLU cannot be assigned: set negative_slope"),
    "what a layer is": (lambda: Dense(3), "takes_mask", True, "assigned: the package sets it"),
    "search of others": (Adam, "max_iterations", 3, "others have it, such as LBFGS"),
    "threshold of a loss": (losses.BinaryCrossentropy, "decision_threshold", 0.3, "cannot be"),
    "threshold of a hinge": (losses.Hinge, "decision_threshold", 0.3, "cannot be assigned"),
    "list of layers": (lambda: trained().layers, "trainable", False, r"in …: each\.trainable = …"),
    "list of metrics": (lambda: trained().metrics, "threshold", 0.3, r"each\.threshold = …"),
    "units": (lambda: built(Dense(3)), "units", 4, "is built"),
    "regularizer": (lambda: built(Dense(3)), "kernel_regularizer", "l2", "make a new layer"),
    "constraint": (lambda: built(Dense(3)), "bias_constraint", "non_neg", "is built"),
    "seed": (lambda: built(Dropout(0.2)), "seed", 3, "is built"),
    "gamma": (lambda: built(BatchNormalization()), "scale", False, "is built"),
    "part of a formula": (SELU, "alpha", 2.0, "SELU has no alpha"),
    "no rate": (LBFGS, "learning_rate", 0.1, "learning_rate of LBFGS cannot be assigned: the line"),
    "no clipping": (LBFGS, "clipnorm", 1.0, "LBFGS has no clipnorm"),
    "lr": (SGD, "lr", 0.1, "'lr' of SGD: set learning_rate"),
    "beta1": (Adam, "beta1", 0.1, "'beta1' of Adam: set beta_1"),
    "typing error": (SGD, "learning_rte", 0.1, "set learning_rate"),
    "schedule": (SGD, "schedule", 0.1, "schedule of SGD cannot be assigned: set learning_rate"),
    "logits": (losses.BinaryCrossentropy, "from_logits", True, "compile goes by it"),
    "lr of a model": (model_with, "lr", 0.1, "nobody reads 'lr' of Sequential"),
    "stop": (model_with, "stop_traning", True, "set stop_training"),
    "frozen": (lambda: Dense(3), "trainabel", False, "'trainabel' of Dense: set trainable"),
    "frozen in a model": (lambda: trained().layers[0], "Trainable", False, "set trainable"),
    "rates": (lambda: built(Dropout(0.2)), "rates", 0.5, "set rate"),
    "activation": (lambda: Dense(3), "activation", "relu", r"Dense\(…\), ReLU\(\)"),
    "consequence": (lambda: Dense(3), "observes", True, "observes of Dense cannot be assigned"),
    "patience": (lambda: EarlyStopping("loss"), "patiens", 3, "set patience"),
    "best only": (lambda: ModelCheckpoint("a"), "save_best", True, "set save_best_only"),
    "file": (lambda: CSVLogger("a"), "file_name", "b", "set filename"),
    "delta": (losses.Huber, "detla", 2.0, "of Huber: set delta"),
    "threshold": (metrics.Precision, "treshold", 0.3, "set thresholds"),
    "penalty of weights": (lambda: regularizers.L2(0.1), "L2", 0.2, "set l2"),
    "start": (VarianceScaling, "scales", 2.0, "set scale"),
    "bound": (lambda: constraints.MaxNorm(2.0), "max_values", 1.0, "set max_value"),
    "name": (model_with, "batch_size", 3, "may begin with _"),
    "loss": (model_with, "loss", "mse", r"of Sequential cannot be assigned: call model\.compile"),
    "optimizer": (model_with, "optimizer", "adam", r"call model\.compile\(optimizer=…, loss="),
    "metrics": (model_with, "metrics", ["mse"], r"compile\(optimizer=…, loss=…, metrics="),
    "layers": (model_with, "layers", [], r"model\.add"),
    "compiled": (model_with, "compiled", False, r"call model\.compile"),
    "vectors": (lambda: trained(SGD(momentum=0.5)).optimizer, "state", {}, "write into"),
    "seed of a model": (model_with, "seed", 3, r"model\.reset\(seed="),
    "dtype": (model_with, "dtype", "float64", "make a new model with dtype="),
    "dtype of a layer": (lambda: trained().layers[0], "dtype", "float64", "model with dtype="),
    "dtype of none yet": (lambda: Dense(3), "dtype", "float64", "model with dtype="),
    "dtype of a block": (lambda: Residual([Dense(4)]), "dtype", "float64", "model with dtype="),
    "shape": (lambda: built(Dense(3)), "input_shape", (7,), "call build, or make a new layer"),
    "shape of none yet": (lambda: Dropout(0.2), "input_shape", (7,), "call build"),
    "shape of a model": (model_with, "input_shape", (7,), r"call model\.build"),
    "beginning": (lambda: trained(Adagrad()).optimizer, "initial_accumulator_value", 0.5, "reset"),
    "penalty": (lambda: trained().parameters["dense_1.W"], "regularizer", None, "lost in copies"),
    "smoothing": (losses.Huber, "label_smoothing", 0.1, "Huber has no label_smoothing"),
    "smoothing of indices": (losses.KLDivergence, "label_smoothing", 0.1, "has no label_smoothing"),
    "part of a start": (HeNormal, "scale", 1.0, "HeNormal has no scale"),
    "frequency": (lambda: ModelCheckpoint("a"), "save_freq", 5, "make another ModelCheckpoint"),
    "frequency of backups": (
        lambda: BackupAndRestore("a"), "save_freq", 5, "make another BackupAndRestore"
    ),
    "condition": (lambda: trained().parameters["dense_1.W"], "constraint", None, "lost in copies"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "name", "value", "words"), IGNORED.values(), ids=IGNORED)
def test_an_assignment_that_nobody_would_read_is_an_error(make, name, value, words):
    made = make()
    with pytest.raises(AttributeError, match=words) as caught:
        setattr(made, name, value)
    assert caught.traceback[-1].path.is_relative_to(PACKAGE)


def test_a_metric_may_be_told_which_way_it_is_better():
    metric, stopping = metrics.Mean("mean"), EarlyStopping("mean")
    metric.better = "larger"
    model = model_with()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[metric])
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[stopping])
    assert stopping.rises


def test_another_mode_holds_from_now_on():
    stopping = EarlyStopping("accuracy", mode="min")
    assert stopping.improves(1.0, 2.0)
    stopping.mode = "max"
    assert stopping.improves(2.0, 1.0)
    assert stopping.best == -np.inf


def test_a_checkpoint_told_in_training_to_keep_the_best_knows_which_way_that_is(tmp_path):
    class Turn(bp.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            checkpoint.save_best_only = True

        def on_epoch_end(self, epoch, logs=None):
            logs["accuracy"] = [0.2, 0.5, 0.4, 0.1, 0.6][epoch]

    checkpoint = ModelCheckpoint(tmp_path / "{epoch}.npz", monitor="accuracy")
    model = model_with()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=5, verbose=0, callbacks=[Turn(), checkpoint])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.npz", "2.npz", "5.npz"]


def test_vectors_that_are_assigned_are_written_where_the_layers_see_them():
    model = trained()
    theta, W = model.parameters.values, model.layers[0].W
    model.parameters.values = np.arange(theta.size)
    model.parameters.gradients = theta * 2
    assert model.parameters.values is theta
    assert W[0, 1] == 1
    assert model.layers[0].dW[0, 1] == 2
    model.parameters.values += 1
    assert W[0, 1] == 2
    for wrong in (theta[:-1], 1.0, ["a"] * theta.size, theta.astype(float) + 1e300):
        with pytest.raises((ValueError, TypeError), match="θ"):
            model.parameters.values = wrong
    assert W[0, 1] == 2


def test_a_parameter_that_is_assigned_by_its_name_is_written_where_the_layer_sees_it():
    model = trained()
    W = model.layers[0].W
    model.parameters["dense_1.W"] = np.ones((4, 5))
    assert model.layers[0].W is W
    assert (W == 1).all()
    with pytest.raises(ValueError, match=r"dense_1.W has the shape \(4, 5\)"):
        model.parameters["dense_1.W"] = np.ones((5, 4))
    with pytest.raises(KeyError, match="no parameter is called 'W'"):
        model.parameters["W"] = np.ones((4, 5))


@pytest.mark.parametrize(("layer", "name"), [
    (lambda: Dense(3, use_bias=False), "b"),
    (lambda: BatchNormalization(scale=False), "gamma"),
    (lambda: LayerNormalization(center=False), "dbeta"),
])  # fmt: skip
def test_a_parameter_that_a_built_layer_was_made_without_is_no_place_to_write(layer, name):
    words = f"has no {name.removeprefix('d')} to write into: it was made without it"
    with pytest.raises(AttributeError, match=words):
        setattr(built(layer()), name, np.ones(4))
    with pytest.raises(NotBuiltError, match="before it is built"):
        setattr(layer(), name, np.ones(4))


@pytest.mark.parametrize("copied", [lambda model: model, copy.deepcopy, pickled])
def test_a_state_vector_that_is_assigned_is_the_one_that_steps_go_on_with(copied):
    mine, its = (copied(trained(Adam(use_ema=True), epochs=15)) for _ in range(2))
    for name in ("momentum", "average"):
        vector = its.optimizer.state[name]
        vector[...] = vector / 2
        mine.optimizer.state[name] = (mine.optimizer.state[name] / 2).astype("float64")
        mine.optimizer.state[name] *= 1
    first, second = (model.fit(X, Y, epochs=15, verbose=0).history for model in (mine, its))
    assert first == second
    for name, vector in its.optimizer.state.items():
        np.testing.assert_array_equal(mine.optimizer.state[name], vector)
    for wrong in (0.0, vector[1:], vector.astype(float) + 1e300):
        with pytest.raises(ValueError, match="the state vector 'momentum'"):
            mine.optimizer.state["momentum"] = wrong


def test_a_state_that_came_in_memory_for_reading_alone_can_be_written():
    optimizer = trained(SGD(momentum=0.5)).optimizer
    optimizer.state["velocity"].flags.writeable = False
    other = pickled(optimizer)
    assert other.state["velocity"].flags.writeable


def test_classes_of_ones_own_take_any_attribute():
    class Mine(Dropout):
        def __init__(self):
            super().__init__(0.2)
            self.rate = np.full(4, 0.5)
            self.anything = 1

    class Own(Layer):
        def forward(self, X, training=False):
            return X

    class Steps(SGD):
        pass

    class Net(bp.Sequential):
        def __init__(self):
            super().__init__([Dense(3)], seed=0)
            self.note = "mine"

    layer, own, steps, net = Mine(), Own(), Steps(), Net()
    layer.rate = own.units = own.dtype = own.input_shape = steps.lr = net.lr = 7
    steps.momentum = -3
    assert (layer.rate, own.units, steps.lr, steps.momentum, net.note) == (7, 7, 7, -3, "mine")
    Dense(3)._note = SGD()._note = bp.Sequential()._note = "of mine"
    assert type(own).__setattr__ is type(net).__setattr__ is object.__setattr__  # as quick as ever


def test_what_users_attach_to_objects_goes_with_their_copies():
    for made in (Dense(3), EarlyStopping("loss"), losses.Huber(), metrics.F1Score(), ReLU()):
        made._owner = "me"
        for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
            assert other._owner == "me"
            assert vars(other).keys() == vars(made).keys()


def test_methods_may_be_replaced_as_before():
    model, optimizer = model_with(), SGD()
    model.forward = model.forward
    optimizer.update = optimizer.update


# --------------------------------------------------------------------------------------- what works


def test_freezing_a_whole_model():
    for model in (model_with(), trained()):
        model.trainable = False
        model.fit(X, Y, verbose=0)
        frozen = model.get_weights()
        model.fit(X, Y, epochs=12, verbose=0)
        for mine, before in zip(model.get_weights(), frozen, strict=True):
            np.testing.assert_array_equal(mine, before)
        assert not model.trainable
        model.trainable = True
        model.fit(X, Y, verbose=0)
        assert any((a != b).any() for a, b in zip(model.get_weights(), frozen, strict=True))


LATER = {
    "momentum": (lambda: SGD(0.1), {"momentum": 0.9}, lambda: SGD(0.1, momentum=0.9)),
    "nesterov": (
        lambda: SGD(0.1, momentum=0.9),
        {"nesterov": True},
        lambda: SGD(0.1, momentum=0.9, nesterov=True),
    ),
    "no momentum": (lambda: SGD(0.1, momentum=0.9), {"momentum": 0.0}, lambda: SGD(0.1)),
    "clipnorm": (lambda: SGD(0.1), {"clipnorm": 0.01}, lambda: SGD(0.1, clipnorm=0.01)),
    "no clipping": (lambda: SGD(0.1, clipvalue=0.01), {"clipvalue": None}, lambda: SGD(0.1)),
    "weight_decay": (Adam, {"weight_decay": 0.1}, lambda: Adam(weight_decay=0.1)),
    "amsgrad": (Adam, {"amsgrad": True}, lambda: Adam(amsgrad=True)),
    "no amsgrad": (lambda: Adam(amsgrad=True), {"amsgrad": False}, Adam),
    "use_ema": (SGD, {"use_ema": True}, lambda: SGD(use_ema=True)),
    "centered": (RMSprop, {"centered": True}, lambda: RMSprop(centered=True)),
    "both": (
        RMSprop,
        {"centered": True, "momentum": 0.5},
        lambda: RMSprop(centered=True, momentum=0.5),
    ),
    "epsilon": (Adagrad, {"epsilon": 1e-3}, lambda: Adagrad(epsilon=1e-3)),
    "initial_accumulator_value": (
        Adagrad,
        {"initial_accumulator_value": 0.5},
        lambda: Adagrad(initial_accumulator_value=0.5),
    ),
}


@pytest.mark.parametrize(("make", "changes", "expected"), LATER.values(), ids=LATER)
def test_an_optimizer_changed_before_training_is_one_made_that_way(make, changes, expected):
    optimizer = make()
    for name, value in changes.items():
        setattr(optimizer, name, value)
    mine, its = trained(optimizer, epochs=15), trained(expected(), epochs=15)
    assert mine.history.history == its.history.history
    for a, b in zip(mine.get_weights(), its.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("make", "changes", "expected"),
    [row for name, row in LATER.items() if name != "initial_accumulator_value"],
)
def test_an_optimizer_changed_in_training_goes_on_as_one_made_that_way(make, changes, expected):
    """The state that it has stays; what is missing begins as in a new one."""
    mine, its = trained(make(), epochs=3), trained(make(), epochs=3)
    state, steps = its.optimizer.state, its.optimizer.iterations
    for name, value in changes.items():
        setattr(mine.optimizer, name, value)
    its.compile(expected(), "sparse_categorical_crossentropy")
    its.optimizer.begin(its.parameters)
    its.optimizer.iterations = steps
    for name, vector in its.optimizer.state.items():
        if name in state:
            vector[...] = state[name]
    first, second = (model.fit(X, Y, epochs=15, verbose=0).history for model in (mine, its))
    assert first == second
    assert mine.optimizer.state.keys() == its.optimizer.state.keys()


def test_changed_optimizers_are_copied_pickled_and_saved(tmp_path):
    model = trained(SGD(0.1))
    model.optimizer.momentum, model.optimizer.clipnorm = 0.9, 0.5
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.npz")
    others = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    others.append(bp.load_model(tmp_path / "model.npz"))
    expected = model.fit(X, Y, verbose=0).history
    for other in others:
        assert repr(other.optimizer) == repr(model.optimizer)
        assert other.fit(X, Y, verbose=0).history == expected


@pytest.mark.parametrize(("layer", "name", "value"), [
    (lambda: Dropout(0.5, seed=1), "rate", 0.0),
    (lambda: GaussianNoise(0.5, seed=1), "stddev", 0.0),
    (LeakyReLU, "negative_slope", 0.9),
    (ELU, "alpha", 0.1),
    (lambda: GELU(approximate=True), "approximate", False),
    (BatchNormalization, "momentum", 0.0),
])  # fmt: skip
def test_a_layer_changed_between_fits_does_what_it_then_says(layer, name, value):
    """Also where the steps with the old number have been recorded."""
    losses_of = []
    for eagerly in (False, True):
        model = model_with("sgd", layer())
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=eagerly)
        model.fit(X, Y, epochs=15, verbose=0)
        setattr(model.layers[2], name, value)
        assert vars(model.layers[2])[name] == value
        losses_of.append(model.fit(X, Y, epochs=15, verbose=0).history["loss"])
    assert losses_of[0] == losses_of[1]


@pytest.mark.parametrize(("made", "name", "advice"), [
    (lambda: Dense(3), "kernel", "set W"),
    (lambda: Dense(3), "bias", "set b"),
    (BatchNormalization, "bias", "set beta"),
    (LayerNormalization, "bias", "set beta"),
    (lambda: Conv2D(3, 2), "kernel", "set W"),
    (lambda: LSTM(3), "recurrent_kernel", "set U"),
    (lambda: Dropout(0.1), "p", "set rate"),
    (lambda: Dense(3), "weights", "call set_weights of the model"),
    (lambda: Dropout(0.1), "prob", "set rate"),
    (lambda: losses.Quantile(0.5), "quantile", "set q"),
    (lambda: losses.Quantile(0.5), "tau", "set q"),
    (lambda: CSVLogger("log.csv"), "sep", "set separator"),
    (lambda: regularizers.L2(0.1), "alpha", "names of your own"),
    (lambda: constraints.MaxNorm(1.0), "limit", "names of your own"),
    (lambda: initializers.RandomNormal(), "sigma", "names of your own"),
    (lambda: LeakyReLU(0.1), "alpha", "set negative_slope"),
    (lambda: built(BatchNormalization()), "running_mean", "set moving_mean"),
    (BatchNormalization, "running_var", "set moving_variance"),
    (lambda: GaussianNoise(0.1), "std", "set stddev"),
    (lambda: ReduceLROnPlateau("loss"), "min_learning_rate", "set min_lr"),
    (lambda: Dense(3), "weight", "set W"),
    (BatchNormalization, "weight", "set gamma"),
    (BatchNormalization, "eps", "set epsilon"),
    (lambda: Dense(3), "requires_grad", "set trainable"),
    (lambda: Dense(3), "frozen", "set trainable"),
    (lambda: Dense(3), "training", "only the passes of fit"),
    (Softmax, "dim", "set axis"),
    (lambda: Dropout(0.1), "inplace", "memory is used again"),
    (lambda: LSTM(3), "stateful", "every sequence begins with a state of 0"),
    (losses.BinaryCrossentropy, "pos_weight", "fit takes class_weight={1: …}"),
    (losses.SparseCategoricalCrossentropy, "ignore_index", "set ignore_class"),
    (losses.SparseCategoricalCrossentropy, "weight", "fit takes class_weight"),
    (losses.Dice, "weight", "fit takes class_weight"),
    (losses.Huber, "beta", "set delta"),
    (losses.MeanSquaredError, "class_weight", "it is an argument of fit"),
    (initializers.RandomNormal, "seed", "all of a model has one"),
    (lambda: ModelCheckpoint("m.npz"), "period", "set save_freq"),
    (lambda: ReduceLROnPlateau("loss"), "epsilon", "set min_delta"),
    (lambda: model_with("sgd"), "name", "names of your own"),
    (lambda: model_with("sgd"), "note", "names of your own"),
    (lambda: model_with("sgd"), "results", "names of your own"),
    (lambda: model_with("sgd"), "stop_trainings", "set stop_training"),
    (SGD, "rate", "names of your own"),
    (SGD, "scales", "names of your own"),
    (Adam, "clip_norm", "set clipnorm"),
    (Adam, "momentum", "set beta_1"),
    (SGD, "beta_1", "set momentum"),
    (lambda: Dense(3), "learning_rate", "optimizers have it, one for all layers"),
    (lambda: model_with("sgd").layers[0], "weight_decay", "optimizers have it; that of one"),
    (losses.Huber, "learning_rate", "optimizers have it"),
    (lambda: ModelCheckpoint("m.npz"), "filename", "set filepath"),
    (model_with, "class_weight", "it is an argument of fit"),
    (lambda: model_with("sgd").loss, "ignore_klass", "set ignore_class"),
    # these names are read by the classes' own code, but of other objects
    (lambda: Dense(3), "regularizer", "set kernel_regularizer"),
    (lambda: DepthwiseConv2D(3), "constraint", "set depthwise_constraint"),
    (lambda: Embedding(5, 3), "regularizer", "set embeddings_regularizer"),
    (lambda: ModelCheckpoint("m.npz"), "save_weights", "set save_weights_only"),
    (lambda: TensorBoard("logs"), "learning_rate", "optimizers have it"),
    (losses.Huber, "dtype", "all of a model has one"),
])  # fmt: skip
def test_other_libraries_names_of_attributes_are_refused(made, name, advice):
    advice = re.escape(advice).replace("set", "(set|it is)", 1)  # where it can't be set either
    with pytest.raises(AttributeError, match=f"nobody reads '{name}' of .*: {advice}"):
        setattr(made(), name, 0.5)


@pytest.mark.parametrize(("made", "name", "other"), [
    (lambda: Dense(3), "rate", "AlphaDropout"),
    (lambda: LSTM(3), "reset_after", "GRU"),
    (Softmax, "kernel_regularizer", "Conv1D"),
    (losses.CategoricalCrossentropy, "ignore_class", "SparseCategoricalCrossentropy"),
    (losses.MeanSquaredError, "delta", "Huber"),
    (lambda: model_with("sgd").loss, "gamma", "BinaryFocalCrossentropy"),
    (metrics.Accuracy, "ignore_class", "IoU"),
    (Adagrad, "momentum", "Muon"),
    (Adagrad, "beta_1", "Adam"),
    (metrics.AUC, "average", "F1Score"),
    (lambda: EarlyStopping("loss"), "save_best_only", "ModelCheckpoint"),
    (lambda: ModelCheckpoint("m.npz"), "restore_best_weights", "EarlyStopping"),
])  # fmt: skip
def test_names_that_only_others_of_its_kind_read_are_refused(made, name, other):
    words = f"nobody reads '{name}' of .*: others have it, such as {other}"
    with pytest.raises(AttributeError, match=words):
        setattr(made(), name, 0.5)


@pytest.mark.parametrize("made", [
    *(lambda: Dense(3), losses.Huber, metrics.AUC, lambda: EarlyStopping("loss"), SGD, model_with),
])  # fmt: skip
def test_a_name_that_nobody_reads_begins_with_an_underline(made):
    part = made()
    with pytest.raises(AttributeError, match=r"'act' of .*: names of your own may begin with _"):
        part.act = 1
    part._act = "as it was in May"
    assert part._act == "as it was in May"


@pytest.mark.parametrize(("made", "name"), [
    (SGD, "lrate"),
    (SGD, "decay"),
    (model_with, "jit_compile"),
])  # fmt: skip
def test_nothing_is_advised_that_cannot_be_set(made, name):
    with pytest.raises(AttributeError, match="names of your own may begin with _"):
        setattr(made(), name, 0.5)


@pytest.mark.parametrize(("made", "name"), [
    (BatchNormalization, "mean"),
    (model_with, "fit"),
    (SGD, "update"),
    (losses.Huber, "values"),
    (metrics.F1Score, "result"),
    (lambda: EarlyStopping("loss"), "on_epoch_end"),
])  # fmt: skip
def test_a_method_is_no_place_for_a_number(made, name):
    with pytest.raises(AttributeError, match=f"{name} of .* is a method, and cannot be 0.5"):
        setattr(made(), name, 0.5)


def test_another_folder_of_backups_holds_from_now_on(tmp_path):
    backup = BackupAndRestore(tmp_path / "a", delete_checkpoint=False)
    backup.backup_dir = tmp_path / "b"
    model_with().fit(X, Y, verbose=0, callbacks=[backup])
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b" / "latest.npz").exists()


@pytest.mark.parametrize("kind", [LSTM, BatchNormalization, losses.Dice, metrics.AUC, Adam])
def test_names_that_methods_assign_to_are_those_that_the_disassembler_finds(kind):
    for base in kind.__mro__:
        methods = [each for each in vars(base).values() if isinstance(each, FunctionType)]
        steps = [step for method in methods for step in dis.get_instructions(method)]
        assert stores_in(base) == {s.argval for s in steps if s.opname == "STORE_ATTR"}


def test_a_state_vector_that_is_not_there_yet_cannot_be_assigned():
    model = bp.Sequential([bp.Input(2), Dense(1)], seed=0)
    model.compile(bp.optimizers.SGD(0.1, momentum=0.5), "mse")
    with pytest.raises(KeyError, match=r"call optimizer\.begin\(model\.parameters\) first"):
        model.optimizer.state["velocity"] = np.ones(3)
    optimizer = pickle.loads(pickle.dumps(model.optimizer))
    assert not optimizer.state
    model.optimizer.begin(model.parameters)
    model.optimizer.state["velocity"] = np.ones(3)
    before = model.parameters.values.copy()
    model.parameters.gradients[...] = 0
    model.optimizer.step(model.parameters)
    np.testing.assert_allclose(model.parameters.values, before + 0.5, rtol=1e-6)


def test_state_vectors_are_written_by_update_and_by_names_that_there_are():
    model = bp.Sequential([bp.Input(2), Dense(1)], seed=0)
    model.compile(bp.optimizers.SGD(0.1, momentum=0.5), "mse")
    with pytest.raises(KeyError, match=r"optimizer\.begin"):
        model.optimizer.state.update(velocity=np.ones(3))
    model.optimizer.begin(model.parameters)
    model.parameters.gradients[...] = 0
    model.optimizer.step(model.parameters)
    model.optimizer.state.update({"velocity": np.ones(3)})
    before = model.parameters.values.copy()
    model.optimizer.step(model.parameters)
    np.testing.assert_allclose(model.parameters.values, before + 0.5, rtol=1e-6)
    for state in (model.optimizer.state, copy.deepcopy(model.optimizer).state):
        with pytest.raises(KeyError, match="no state vector 'exp_avg': there are 'velocity'"):
            state["exp_avg"] = np.ones(3)
    with pytest.raises(TypeError, match=r"call optimizer\.reset\(\)"):
        model.optimizer.state.clear()
    model.optimizer.use_ema = True
    with pytest.raises(KeyError, match=r"settings optimizer\.begin\(model\.parameters\) makes"):
        model.optimizer.state["average"] = np.ones(3)
    model.optimizer.begin(model.parameters)
    model.optimizer.state["average"] = np.ones(3)
    model.optimizer.step(model.parameters)
    expected = 0.99 + 0.01 * model.parameters.values
    np.testing.assert_allclose(model.optimizer.state["average"], expected, rtol=1e-6)


def test_an_optimizer_of_ones_own_may_keep_other_vectors_beside_its_own():
    class Remembering(bp.optimizers.SGD):
        def update(self, theta, g, scratch, *state):
            self.state["before"] = theta.copy()
            super().update(theta, g, scratch, *state)

    model = bp.Sequential([bp.Input(2), Dense(1)], seed=0)
    model.compile(Remembering(0.1), "mse")
    before = model.parameters.values.copy()
    model.train_on_batch(np.ones((2, 2)), np.ones((2, 1)))
    twin = copy.deepcopy(model.optimizer)
    np.testing.assert_array_equal(twin.state["before"], before)
    twin.state["another"] = before


@pytest.mark.parametrize(
    ("made", "name", "words"),
    [
        (bp.layers.LSTM(3), "return_state", "return_sequences=True gives all states h"),
        (bp.layers.BatchNormalization(), "renorm", "take GroupNormalization"),
        (losses.CategoricalCrossentropy(), "axis", "the last axis"),
        (metrics.IoU(2, [1]), "sparse_y_true", "told apart by their shape"),
        (Dense(3), "freeze", "set trainable"),
        (bp.callbacks.EarlyStopping(), "n_iter_no_change", "set patience"),
    ],
    ids=lambda part: part if isinstance(part, str) and " " not in part else "",
)
def test_what_others_call_it_or_have_is_refused_when_it_is_assigned(made, name, words):
    with pytest.raises(AttributeError, match=f"nobody reads '{name}' of .*{words}"):
        setattr(made, name, True)


@pytest.mark.parametrize(("made", "name", "words"), [
    (lambda: ModelCheckpoint("m.npz"), "period", "it is save_freq here. .* make another"),
    (lambda: trained().layers[0], "hidden_size", "it is units here. .* make a new layer"),
    (lambda: trained().layers[0], "regularizer", "it is kernel_regularizer here. .* a new layer"),
    (BatchNormalization, "running_mean", "it is moving_mean here. .*: fit its model, or call"),
    (
        losses.SparseCategoricalCrossentropy, "ignore_index",
        "it is ignore_class here. .*, and compile",
    ),
    (lambda: trained().layers[0], "kernel", "set W"),
])  # fmt: skip
def test_no_advice_leads_to_another_refusal(made, name, words):
    with pytest.raises(AttributeError, match=words):
        setattr(made(), name, 1)


@pytest.mark.parametrize("name", ["size", "kind", "max_tokens"])
def test_a_vocabulary_stays_as_it_was_made(name):
    vocabulary = bp.datasets.Vocabulary(["the cat sat", "the mat"])
    with pytest.raises(AttributeError, match=f"{name} of a Vocabulary cannot be set: make another"):
        setattr(vocabulary, name, 3)
    vocabulary.tokens = ["a", "b"]
    assert vocabulary.encode("b a").tolist() == [3, 2]


def test_hooks_of_functions_are_checked_when_they_are_set():
    said = []
    callback = bp.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: said.append(epoch))
    for wrong in (3, "x", lambda: None):
        with pytest.raises(TypeError, match=r"on_epoch_end must be a function of \(epoch, logs"):
            callback.on_epoch_end = wrong
    callback.on_epoch_end = None
    callback.on_train_end = lambda logs: said.append("end")
    model_with().fit(X, Y, verbose=0, callbacks=[callback])
    assert said == ["end"]


def test_a_model_without_layers_has_nothing_that_could_be_frozen():
    for model in (bp.Sequential(), bp.Sequential([bp.Input(4)])):
        with pytest.raises(AttributeError, match="trainable is that of the layers, and"):
            model.trainable = False
        assert not model.trainable


def test_the_shape_of_an_input_stays():
    shape = bp.Input(4)
    bp.Sequential([shape, Dense(1)])
    with pytest.raises(AttributeError, match="shape of an Input cannot be changed"):
        shape.shape = (5,)
