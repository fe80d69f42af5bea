"""The names of the package's objects: assigning to one is refused or checked, or has an effect."""

import copy

import numpy as np
import pytest
from constructors import BASES, FIRST_ROWS, public_classes, required
from rows import each

import backprop as bp
from backprop.callbacks import CallbackList, LambdaCallback
from backprop.core.descriptors import finished
from backprop.core.settings import Settings
from backprop.layers import Dense, Dropout, ReLU, Softmax
from backprop.losses import CategoricalCrossentropy

KEPT_OF_A_PASS = {"A", "M", "S", "U", "X", "X_hat", "Y", "Z", "delta"}
"""What a pass leaves in a layer, of which backward takes what it needs."""

BY_HAND = {"model", "params", "scalars"}
"""What the hooks of a callback and the formula of an optimizer look at, when they are called."""

R = np.random.default_rng(0)
X, LABELS = R.normal(size=(20, 4)), R.integers(0, 3, 20)


class Nonsense:
    """A value that no attribute may have which is checked."""


def built_layer(kind):
    case = FIRST_ROWS[kind]
    layer = case.make()
    bp.Sequential([layer]).build((None, *case.shape))
    return layer


def made_by(family, kind):
    if family == "layers":
        return built_layer(kind)
    more = {"path": "curves.png"} if kind.__name__ == "LivePlot" else {}
    return kind(**required(kind), **more)


def trained():
    layers = [Dense(5), ReLU(), Dropout(0.1), Dense(3), Softmax()]
    model = bp.Sequential(layers, seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy", "auc"])
    model.fit(X, LABELS, verbose=0)
    return model


def explained():
    model = bp.Sequential([Dense(1)], seed=0)
    model.compile("sgd", "half_squared_error")
    return model.explain([2.0], [5.0])


def paths():
    return explained().paths("x")


OBJECTS = {
    f"{family}.{name}": (lambda family=family, kind=kind: made_by(family, kind))
    for family in BASES
    for name, kind in ((n.partition(".")[2], k) for n, k in public_classes(family).items())
} | {
    "model": trained,
    "model without layers": bp.Sequential,
    "its parameters": lambda: trained().parameters,
    "one of these": lambda: trained().parameters["dense_1.W"],
    "its optimizer": lambda: trained().optimizer,
    "its loss": lambda: trained().loss,
    "its first metric": lambda: trained().metrics[0],
    "its second metric": lambda: trained().metrics[1],
    "its history": lambda: trained().history,
    **{f"its layer {k}": (lambda k=k: trained().layers[k]) for k in range(5)},
    "a layer that is not built": lambda: Dense(3),
    "a loss on probabilities": CategoricalCrossentropy,
    "input": lambda: bp.Input((3,)),
    "a list of callbacks": lambda: CallbackList([LambdaCallback()], bp.Sequential(), {}),
    "an explanation": explained,
    "one of its layers": lambda: explained()[0],
    "workers": bp.distributed.Workers,
    "words": lambda: bp.datasets.Vocabulary(["a b"]),
}


def names_of(made):
    slots = {name for base in type(made).__mro__ for name in getattr(base, "__slots__", ())}
    names = {*dir(type(made)), *vars(made)} if hasattr(made, "__dict__") else slots
    return sorted(name for name in names if name[0] != "_")


def taken(made, name, value):
    try:
        setattr(made, name, value)
    except (AttributeError, TypeError, ValueError):
        return False
    return True


@each("make", OBJECTS.values(), ids=OBJECTS)
def test_no_name_takes_what_has_no_effect(make):
    free = {name for name in names_of(make()) if taken(make(), name, Nonsense())}
    assert free <= KEPT_OF_A_PASS | BY_HAND
    assert not taken(make(), "name_of_nobody", 1)
    made = make()
    assert not isinstance(made, Settings) or finished(made)  # it has all arguments that are kept


SAID = {
    "parameters": (lambda: built_layer(Dense), "parameters", [], "write into the .value of each"),
    "children": (lambda: FIRST_ROWS[bp.layers.Chain].make(), "children", [], "add"),
    "activation": (lambda: trained().loss, "activation", Softmax(), "call model.compile"),
    "loss": (lambda: trained().loss, "loss", CategoricalCrossentropy(), "call model.compile"),
    "initializer": (OBJECTS["one of these"], "initializer", "zeros", "the arguments of its layer"),
    "shape": (OBJECTS["one of these"], "shape", (3,), "shape of dense_1.W cannot be assigned"),
    "average": (lambda: trained().optimizer, "swapped", True, "the package sets it"),
    "list of callbacks": (OBJECTS["a list of callbacks"], "callbacks", [], "make another one"),
    "numbers": (explained, "loss", 3.0, "the package sets it"),
    "argument that is not kept": (explained, "record", 3.0, "names of your own"),
    "words": (OBJECTS["words"], "tokens", [1], "tokens must be a list of strings"),
    "misspelt": (bp.metrics.AUC, "bettr", "larger", "nobody reads 'bettr' of AUC: set better"),
    "better": (bp.metrics.AUC, "better", "max", "better must be 'larger' or 'smaller', or None"),
    "outputs": (bp.metrics.AUC, "outputs", "logits", "outputs must be 'answers', "),
    "ignored": (bp.metrics.AUC, "ignored", 0.5, "ignored must be an integer"),
    "wait": (bp.callbacks.EarlyStopping, "wait", -1, "wait must be"),
    "epochs": (bp.History, "epoch", ["a"], "every one of epoch must be an integer"),
    "no epochs": (bp.History, "epoch", None, "epoch must be a list of integers"),
    "unknown word": (OBJECTS["words"], "tokens", ["Anna"], "'Anna', which is never found"),
    "word twice": (OBJECTS["words"], "tokens", ["a", "b", "a"], "tokens holds 'a' twice"),
    "way": (bp.callbacks.EarlyStopping, "rises", True, "set mode"),
    "picture": (OBJECTS["callbacks.LivePlot"], "figure", 1, "figure can be set to None"),
    "added": (LambdaCallback, "adds", [1], "every one of adds must be a string"),
    "total": (paths, "total", 0.0, "total of Paths cannot be assigned: it follows from"),
    "curves": (bp.History, "history", [0.5], "history must be a dict of lists"),
    "one curve": (bp.History, "history", {"loss": [0.5], "mae": 0.5}, "must be a dict of lists"),
    "history": (trained, "history", {"loss": [1.0]}, "history must be a History"),
}


@each("make, name, value, words", SAID.values(), ids=SAID)
def test_what_to_do_in_its_place_is_said(make, name, value, words):
    with pytest.raises((AttributeError, TypeError, ValueError), match=words):
        setattr(make(), name, value)


def test_what_a_pass_leaves_may_be_another_array():
    halves = FIRST_ROWS[Dropout].make()
    halves.build((4,))
    halves.M, halves.Y = np.full((2, 4), 0.5, np.float32), np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(halves.backward(np.ones((2, 4), np.float32)), halves.M)
    layer = built_layer(Dense)
    layer.forward(np.ones((2, 4), np.float32), training=True)
    layer.X = np.full((2, 4), 3.0, np.float32)
    layer.backward(np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(layer.dW, np.full((4, 3), 6.0))


def test_what_is_checked_holds_from_then_on():
    history, stop = trained().history, bp.callbacks.EarlyStopping("loss", patience=5)
    history.history, history.epoch = {"loss": [0.5, 0.25]}, [0, 1]
    assert "loss=0.25" in repr(history)
    stop.model, stop.wait, stop.best_epoch, stop.stopped_epoch = bp.Sequential(), 4, 7, 8
    assert stop.state()["counts"]["best_epoch"] == 7
    stop.on_epoch_end(0, {"loss": 1.0})
    stop.wait = 4
    stop.on_epoch_end(1, {"loss": 1.0})
    assert stop.model.stop_training
    with pytest.raises(AttributeError, match=r"looked_up of dense_1\.W stays what it is"):
        trained().parameters["dense_1.W"].looked_up = True


def test_a_loss_of_ones_own_says_where_yes_begins():
    for base in (bp.losses.MeanSquaredError, bp.losses.BinaryCrossentropy):

        class Third(base):
            def __init__(self):
                super().__init__()
                self.decision_threshold = 1 / 3

        ends = [bp.layers.Sigmoid()] * (base is bp.losses.BinaryCrossentropy)
        model = bp.Sequential([Dense(1, use_bias=False, kernel_initializer="ones"), *ends])
        model.compile("sgd", Third(), metrics=["binary_accuracy"])
        low, high = (-1, -0.5) if ends else (0.2, 0.4)  # σ is 0.27 and 0.38
        assert model.evaluate([[low], [high]], [[0], [1]], verbose=0)[1] == 1


@each("read", ["kernel", "input", "trainable_weights"])
def test_python_adds_no_guess_to_what_is_there_instead(read):
    with pytest.raises(AttributeError, match=f"'{read}': there is") as caught:
        getattr(Dense(3), read)
    assert caught.value.obj is None
    with pytest.raises(AttributeError, match="'unit'") as caught:
        Dense(3).unit  # noqa: B018
    assert caught.value.obj is not None


def test_a_list_that_stays_says_how_it_was_to_be_changed():
    layers = trained().layers
    with pytest.raises(TypeError, match=r"cannot be changed by \[…\] = …: "):
        layers[0] = Dense(3)
    with pytest.raises(TypeError, match=r"changed by append: write into the \.value of each"):
        layers[0].parameters.append(layers[0].parameters[0])
    with pytest.raises(TypeError, match=r"cannot be changed by \+=: "):
        layers += [Dense(3)]


def test_classes_of_ones_own_may_have_any_names():
    class Budget(LambdaCallback):
        def __init__(self, left):
            super().__init__(on_epoch_end=self.hook)
            self.left, self.assignable = left, ()

        def hook(self, epoch, logs):
            self.left -= 1
            self.model.stop_training = not self.left

    class Observed:
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            self.__dict__.setdefault("seen", []).append(name)

    class Crop(Observed, bp.layers.Layer):
        def __init__(self, left):
            super().__init__()
            self.left = getattr(self, "left", left)

    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    fit = model.fit(X, X[:, :1], epochs=9, verbose=0, callbacks=[Budget(2)])
    assert fit.epoch == [0, 1]
    assert Crop(3).left == 3
    assert "left" in Crop(3).seen


def test_a_callback_of_functions_may_say_what_it_writes(tmp_path):
    say = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=epoch))
    say.adds = ("mine",)
    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    kept = bp.callbacks.ModelCheckpoint(tmp_path / "w-{mine:.0f}.npz")
    model.fit(X, X[:, :1], verbose=0, callbacks=[say, kept])
    assert [path.name for path in tmp_path.iterdir()] == ["w-0.npz"]


def test_what_is_there_already_may_be_assigned_again():
    first, second = bp.optimizers.Adam(0.3), bp.optimizers.Adam()
    for name, value in vars(first).items():
        setattr(first, name, value)
        setattr(second, name, value)
    assert second.learning_rate == 0.3
    history = trained().history
    for name, value in vars(history).items():
        setattr(history, name, value)


def test_a_formula_of_an_optimizer_by_hand():
    optimizer = bp.optimizers.SGD(0.1)
    optimizer.scalars = optimizer.coefficients(1, 0.1)
    theta, g = np.ones(3), np.ones(3)
    optimizer.update(theta, g, np.empty(3))
    np.testing.assert_allclose(theta, 0.9, rtol=1e-15)


class Change(bp.callbacks.Callback):
    def __init__(self, change):
        self.change = change

    def on_epoch_end(self, epoch, logs):
        if epoch == 0:
            self.model.optimizer.learning_rate = 1.5  # the loss grows from here on
        if epoch == 3:
            self.change()


def diverging(stop, change):
    model = bp.Sequential([Dense(1, False, "ones")])
    model.compile(bp.optimizers.SGD(0.1), "mse")
    ones = np.ones((4, 1))
    model.fit(ones, 0 * ones, epochs=6, verbose=0, callbacks=[Change(change), stop])
    return float(model.layers[0].W[0, 0])


def test_an_early_stopping_that_is_told_in_training_what_to_restore():
    def stopping(restores):
        return bp.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=restores)

    best, last = (diverging(stopping(restores), lambda: None) for restores in (True, False))
    assert best == pytest.approx(0.8 * -2)  # of the epoch with the smallest loss, the second
    stop = stopping(True)
    assert diverging(stop, lambda: setattr(stop, "restore_best_weights", False)) == last
    stop.restore_best_weights = True
    assert diverging(stop, lambda: None) == best
    stop = stopping(False)
    with pytest.raises(AttributeError, match="were not kept: set restore_best_weights before"):
        diverging(stop, lambda: setattr(stop, "restore_best_weights", True))


def test_a_history_whose_first_epochs_are_left_out(tmp_path):
    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    fit = {"epochs": 5, "verbose": 0, "validation_data": (X, X[:, :1]), "validation_freq": 2}
    history = model.fit(X, X[:, :1], **fit)
    assert [v is None for v in history.every_epoch()["val_loss"]] == [True, False] * 2 + [True]
    whole = history.every_epoch()
    history.epoch = history.epoch[2:]
    with pytest.raises(ValueError, match=r"history\['loss'\] has 5 numbers, but epoch has 3"):
        history.plot()
    history.history = {key: values[2:] for key, values in whole.items()}
    assert history.every_epoch() == {key: values[2:] for key, values in whole.items()}
    history.plot(tmp_path / "curves.png")
    history.on_epoch_end(5, {"loss": 0.5})
    assert history.every_epoch()["loss"] == [*whole["loss"][2:], 0.5]
    assert history.every_epoch()["val_loss"] == [*whole["val_loss"][2:], None]
    history.history["loss"].pop()
    with pytest.raises(ValueError, match=r"history\['loss'\] has 3 numbers, but epoch has 4"):
        history.every_epoch()
    again = model.fit(X, X[:, :1], **fit)
    again.history["val_loss"] = again.history["val_loss"][1:]
    with pytest.raises(ValueError, match=r"history\['val_loss'\] has 1 numbers, but epoch has 5"):
        again.every_epoch()


def test_a_history_knows_to_which_epochs_its_numbers_belong():
    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    fit = {"epochs": 4, "verbose": 0, "validation_data": (X, X[:, :1]), "validation_freq": 2}
    first, second = (model.fit(X, X[:, :1], **fit) for _ in range(2))
    places = [True, False, True, False]
    for history, missing in ((first, places), (first + second, 2 * places)):
        assert [v is None for v in history.every_epoch()["val_loss"]] == missing
        history.epoch = [epoch + 10 for epoch in history.epoch]
        history.history = {**history.history, "rate": [0.1] * len(history.epoch)}
        assert [v is None for v in history.every_epoch()["val_loss"]] == missing
        history.history["loss"].pop()
        history.on_epoch_end(30, {"loss": 0.5})  # in a training that goes on
        with pytest.raises(ValueError, match=r"history\['loss'\] has . numbers, but epoch has ."):
            history.every_epoch()


def test_a_history_is_assigned_as_a_dict_of_lists():
    history = bp.History()
    history.history = {"loss": np.array([2.0, 1.0]), "mae": (2.0, 1.0)}
    history.epoch = np.arange(2)
    history.on_epoch_end(2, {"loss": 0.5, "mae": 0.5})
    assert history.history == {"loss": [2.0, 1.0, 0.5], "mae": [2.0, 1.0, 0.5]}
    assert history.epoch == [0, 1, 2]
    assert (history + history).epoch == [0, 1, 2, 3, 4, 5]
    history.history = {"loss": []}
    assert repr(history) == "<History of 3 epochs>"


def test_words_that_were_changed_are_saved_as_they_are_or_not_at_all(tmp_path):
    vocabulary = bp.datasets.Vocabulary(["the cat sat"])
    vocabulary.tokens.append("mat")
    vocabulary.save(tmp_path / "words.npz")
    assert bp.datasets.Vocabulary.load(tmp_path / "words.npz").encode("mat").tolist() == [5]
    vocabulary.tokens = np.array(["the", "mat"])
    assert vocabulary.decode(vocabulary.encode("mat the")) == "mat the"
    vocabulary.tokens.append(5)
    with pytest.raises(TypeError, match="tokens must be a list of strings"):
        vocabulary.decode([2])
    with pytest.raises(TypeError, match="tokens must be a list of strings"):
        vocabulary.save(tmp_path / "words.npz")


GONE = {
    "parameters": (lambda: built_layer(Dense), "parameters"),
    "units": (lambda: Dense(3), "units"),
    "curves": (lambda: trained().history, "history"),
    "rate": (bp.optimizers.SGD, "clipnorm"),
    "of a parameter": (OBJECTS["one of these"], "trainable"),
    "of all parameters": (OBJECTS["its parameters"], "largest"),
}


@each("make, name", GONE.values(), ids=GONE)
def test_attributes_are_not_deleted(make, name):
    made = make()
    with pytest.raises(AttributeError, match=f"{name} of .* cannot be deleted: its code reads it"):
        delattr(made, name)
    assert hasattr(made, name)


def test_a_method_that_took_another_s_place_is_deleted_and_so_are_names_of_ones_own():
    class Mine(bp.callbacks.Callback):
        pass

    optimizer, mine = bp.optimizers.SGD(), Mine()
    optimizer.update, optimizer._note, mine.note = print, 1, 2
    del optimizer.update, optimizer._note, mine.note
    assert optimizer.update.__func__ is bp.optimizers.SGD.update
    assert not hasattr(optimizer, "_note")
    assert not hasattr(mine, "note")
    with pytest.raises(AttributeError, match="no attribute 'foo'"):
        del optimizer.foo


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer. Maximum iterations")
def test_what_fit_sets_of_an_mlp():
    estimators = pytest.importorskip("backprop.estimators")
    mlp = estimators.MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0)
    assert not hasattr(mlp, "t_")
    mlp.t_ = 0
    assert mlp.t_ == 0
    mlp.fit(X, X[:, 0])
    for name in ("t_", "n_layers_", "n_outputs_", "out_activation_"):
        with pytest.raises(AttributeError, match=f"{name} of MLPRegressor cannot be assigned: fit"):
            setattr(mlp, name, 7)
        with pytest.raises(AttributeError, match="cannot be deleted"):
            delattr(mlp, name)
        setattr(mlp, name, getattr(mlp, name))
    with pytest.raises(
        AttributeError, match=r"model_ cannot be assigned: write model_\.set_weights"
    ):
        mlp.model_ = None
    other = bp.Sequential([bp.Input(4), Dense(3), ReLU(), Dense(1)], seed=3)
    weights = other.get_weights()
    with pytest.raises(
        AttributeError, match=r"models_ of MLPRegressor cannot be assigned: .*set_we"
    ):
        mlp.models_ = [other]
    with pytest.raises(
        TypeError, match=r"cannot be changed by \[…\] = …: write model_\.set_weights"
    ):
        mlp.models_[0] = other
    mlp.model_.set_weights(weights)
    np.testing.assert_allclose(mlp.predict(X), other.predict(X)[:, 0], rtol=1e-5, atol=1e-6)
    assert (mlp.n_layers_, mlp.n_outputs_, mlp.out_activation_) == (3, 1, "identity")

    class Mine(estimators.MLPRegressor):
        def fit(self, X, y):
            super().fit(X, y)
            self.n_outputs_ = 5
            return self

    assert Mine(hidden_layer_sizes=(3,), max_iter=3).fit(X, X[:, 0]).n_outputs_ == 5


def test_a_schedule_begins_anew_where_the_iterations_do():
    seen = []

    def rate(step):
        seen.append(step)
        return 0.01

    model = bp.Sequential([Dense(1)], seed=0)
    model.compile(bp.optimizers.SGD(rate), "mse")
    fit = {"batch_size": 2, "verbose": 0}  # 10 steps
    model.fit(X, X[:, :1], **fit)
    model.optimizer.gradient_accumulation_steps = 4
    model.fit(X, X[:, :1], **fit)
    model.optimizer.iterations = 0
    seen.clear()
    model.fit(X, X[:, :1], **fit)
    assert sorted(set(seen))[:3] == [0, 1, 2]


def test_a_log_stays_in_its_file_while_it_is_written(tmp_path):
    log = bp.callbacks.CSVLogger(tmp_path / "a.csv")

    def change(epoch, logs):
        for name, value in (("filename", "b.csv"), ("separator", ";"), ("append", True)):
            with pytest.raises(AttributeError, match=f"{name} cannot be changed in a training"):
                setattr(log, name, value)

    model = bp.Sequential([Dense(1)])
    model.compile("sgd", "mse")
    changes = LambdaCallback(on_epoch_end=change)
    model.fit(X, X[:, :1], verbose=0, callbacks=[log, changes])
    fails = LambdaCallback(on_train_begin=lambda logs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.fit(X, X[:, :1], verbose=0, callbacks=[log, fails])
    log.filename = tmp_path / "b.csv"
    model.fit(X, X[:, :1], verbose=0, callbacks=[log])
    assert (tmp_path / "b.csv").read_text().startswith("epoch,loss\n0,")


def test_methods_that_an_object_holds_are_those_of_its_copy(tmp_path):
    X, y = np.ones((8, 2)), np.ones(8)

    def trained_with(callback, seed):
        model = bp.Sequential([Dense(1)], seed=seed)
        model.compile("sgd", "mse")
        model.fit(X, y, batch_size=2, verbose=0, callbacks=[callback])
        return model

    first = bp.callbacks.ModelCheckpoint(tmp_path / "a.npz", save_freq=2)
    trained_with(first, 0)
    kept = (tmp_path / "a.npz").read_bytes()
    second = copy.copy(first)
    second.filepath = tmp_path / "b.npz"
    model = trained_with(second, 1)
    assert (tmp_path / "a.npz").read_bytes() == kept
    np.testing.assert_array_equal(bp.load_model(tmp_path / "b.npz").predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (bp.layers.Columns([0, 1]), "which"),
        (bp.layers.PReLU(shared_axes=[1]), "shared_axes"),
        (bp.layers.Normalization(mean=np.zeros(4), variance=[1.0] * 4), "mean"),
        (bp.layers.Normalization(mean=np.zeros(4), variance=[1.0] * 4), "variance"),
        (bp.metrics.AUC(multi_label=True, label_weights=[1, 2]), "label_weights"),
    ],
)
def test_what_is_checked_as_a_whole_is_not_changed_in_itself(made, name):
    with pytest.raises((TypeError, ValueError), match=r"item assignment|read-only"):
        getattr(made, name)[0] = 3


def test_numbers_that_a_layer_was_given_may_change_afterwards():
    mean = np.zeros(2)
    model = bp.Sequential([bp.Input(2), bp.layers.Normalization(mean=mean, variance=1.0)])
    mean[0] = 5.0
    model.reset()
    np.testing.assert_array_equal(model.predict([[1.0, 2.0]]), [[1.0, 2.0]])
