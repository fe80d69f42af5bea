"""What is said where a change would have no effect, or a file cannot be made or read."""

from functools import partial

import numpy as np
import pytest
from scripts import classes, classifier

import backprop as bp
from backprop.callbacks import Callback, EarlyStopping, ModelCheckpoint
from backprop.core.errors import CorruptFileError
from backprop.layers import Activation, Dense, Dropout, LeakyReLU, Residual, Softmax, Tanh
from backprop.losses import Loss, SparseCategoricalCrossentropy
from backprop.optimizers import LBFGS, Adam, Optimizer

X, Y = classes(30)


class Own(bp.Sequential):
    """Makes its layers itself."""

    def __init__(self, units=5):
        super().__init__([Dense(units), Tanh(), Dense(1)], seed=0)


class Handing(bp.Sequential):
    """Hands everything on."""

    def __init__(self, *given, **named):
        super().__init__(*given, **named)


def test_a_model_class_whose_constructor_takes_no_layers_is_not_saved(tmp_path):
    model = Own()
    model.compile("sgd", "mse")
    words = r"Own cannot be saved, .* Own\(layers, seed=…, dtype=…\) .*save_weights"
    with pytest.raises(TypeError, match=words):
        model.save(tmp_path / "model.npz")
    assert not any(tmp_path.iterdir())
    model.fit(
        X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "w.npz", "loss", 0, *[True] * 2)]
    )
    handing = Handing([Dense(2)], seed=3)
    handing.build((None, 4))
    handing.save(tmp_path / "model.npz")
    loaded = bp.load_model(tmp_path / "model.npz", {"Handing": Handing})
    np.testing.assert_array_equal(loaded.predict(X), handing.predict(X))


class MyError(Loss):
    def values(self, prediction, target):
        return ((prediction - target) ** 2).sum(axis=-1)

    def gradient(self, prediction, target):
        return 2 * (prediction - target)


class MyTanh(Activation):
    def f(self, Z, out=None):
        return np.tanh(Z, out=out)

    def f_prime(self, Z, A, out=None):
        return np.subtract(1, A**2, out=out)


def test_a_class_of_another_kind_in_custom_objects_is_named(tmp_path):
    model = bp.Sequential([Dense(1), MyTanh()], seed=0)
    model.compile("sgd", MyError())
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.npz")
    right = {"MyError": MyError, "MyTanh": MyTanh}
    for name, base, wrong in [
        ("MyError", "Loss", MyTanh),
        ("MyError", "Loss", Adam),
        ("MyError", "Loss", len),
        ("MyTanh", "Layer", MyError),
    ]:
        words = f"holds the {base} {name}, but custom_objects has .*{wrong.__name__}.* for it"
        with pytest.raises(ValueError, match=words) as caught:
            bp.load_model(tmp_path / "model.npz", right | {name: wrong})
        assert not isinstance(caught.value, CorruptFileError)
    np.testing.assert_array_equal(
        bp.load_model(tmp_path / "model.npz", right).predict(X), model.predict(X)
    )


def test_the_class_that_is_ignored_is_that_of_compile():
    loss = SparseCategoricalCrossentropy(ignore_class=-1)
    model = bp.Sequential([Dense(3), Softmax()], seed=0)
    model.compile("sgd", loss, metrics=["accuracy"])
    with pytest.raises(AttributeError, match=r"ignore_class .* cannot be changed, since compile"):
        loss.ignore_class = 0
    assert loss.ignore_class == -1


# ------------------------------------------------------------------------------------- L-BFGS


def full_batch():
    model = bp.Sequential([Dense(4), Tanh(), Dense(3), Softmax()], seed=0, dtype="float64")
    model.compile(LBFGS(), "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("change", ["freeze", "weights"])
def test_l_bfgs_refuses_what_its_search_cannot_take_up(change):
    def act(epoch, logs):
        if epoch == 2 and change == "freeze":
            model.layers[0].trainable = False
        elif epoch == 2:
            model.parameters.values[0] = 5

    model, callback = full_batch(), Callback()
    callback.on_epoch_end = act
    with pytest.raises(ValueError, match=r"frozen layers or set weights .* L-BFGS"):
        model.fit(X, Y, epochs=6, verbose=0, callbacks=[callback])
    frozen = model.layers[0].W.copy()
    model.fit(X, Y, epochs=3, verbose=0)  # the next fit takes it up
    assert np.array_equal(model.layers[0].W, frozen) == (change == "freeze")


@pytest.mark.parametrize(
    ("name", "value"), [("tolerance", 0.5), ("gradient_tolerance", 9), ("max_iterations", 1)]
)
def test_l_bfgs_refuses_settings_that_its_search_would_not_read(name, value):
    model, callback = full_batch(), Callback()
    callback.on_epoch_begin = lambda epoch, logs: setattr(model.optimizer, name, value)
    with pytest.raises(ValueError, match=rf"optimizer from LBFGS.* to .*{name}={value}.* L-BFGS"):
        model.fit(X, Y, epochs=6, verbose=0, callbacks=[callback])
    assert len(model.fit(X, Y, epochs=6, verbose=0).epoch) <= 2  # the next fit takes it up


def test_l_bfgs_works_with_callbacks_that_stop_and_put_weights_back():
    model = full_batch()
    stop = EarlyStopping("loss", patience=1, min_delta=0.05, restore_best_weights=True)
    model.layers[0].trainable = False
    history = model.fit(X, Y, epochs=40, verbose=0, callbacks=[stop])
    assert 1 < len(history.epoch) < 40


# ------------------------------------------------------------------- classes of one's own


def test_constructors_that_do_not_call_that_of_the_base_are_named():
    class Bare(MyError):
        def __init__(self):
            self.scale = 1

    class Net(bp.Sequential):
        def __init__(self):
            self.add(Dense(1))

    class Late(bp.Sequential):
        def __init__(self):
            self._units = 3

    words = r"{}.__init__ must call super\(\).__init__\(\) in its first line"
    with pytest.raises(TypeError, match=words.format("Bare")):
        bp.inspection.check_loss(Bare(), 3)
    with pytest.raises(TypeError, match=words.format("Net")):
        Net()
    for use in (lambda m: m.add(Dense(1)), lambda m: m.compile(), lambda m: m.predict(X)):
        with pytest.raises(TypeError, match=words.format("Late")):
            use(Late())


def test_slots_are_a_tuple():
    class Own(Optimizer):
        slots = "velocity"

        def update(self, theta, g, scratch, v):
            theta -= g

    with pytest.raises(TypeError, match=r"slots of Own must be .* write slots = \('velocity',\)"):
        classifier().compile(Own(0.1), "mse")


class OwnDropout(Dropout):
    def __init__(self, name=None):
        super().__init__(0.5, seed=1, name=name)


class OwnSlope(LeakyReLU):
    def __init__(self, name=None):
        super().__init__(0.5, name=name)


class OwnHuber(bp.losses.Huber):
    def __init__(self):
        super().__init__(2.0)


class OwnPenalty(bp.regularizers.L2):
    def __init__(self):
        super().__init__(0.5)


class OwnAccuracy(bp.metrics.BinaryAccuracy):
    def __init__(self):
        super().__init__("own", threshold=0.7)


def test_what_was_changed_is_kept_where_the_constructor_of_ones_own_fixes_it(tmp_path):
    dense = Dense(4, kernel_regularizer=OwnPenalty())
    model = bp.Sequential([dense, Residual([OwnDropout()]), OwnSlope(), Dense(1)], seed=0)
    model.compile("sgd", OwnHuber(), metrics=[OwnAccuracy()])
    X, y = np.random.default_rng(0).standard_normal((2, 20, 4))
    y = (y[:, :1] > 0).astype(float)
    model.fit(X, y, verbose=0)

    def parts(model):
        dense, residual, slope, _ = model.layers
        numbers = [dense.kernel_regularizer.l2, residual.children[0].rate, slope.negative_slope]
        return [*numbers, model.loss.delta, model.metrics[0].threshold]

    kinds = (OwnDropout, OwnSlope, OwnHuber, OwnPenalty, OwnAccuracy)
    given = {kind.__name__: kind for kind in kinds}
    model.save(tmp_path / "before.npz")
    assert parts(bp.load_model(tmp_path / "before.npz", given)) == [0.5, 0.5, 0.5, 2.0, 0.7]
    dense.kernel_regularizer.l2, model.layers[1].children[0].rate = 0.1, 0.2
    model.layers[2].negative_slope, model.loss.delta, model.metrics[0].threshold = 0.9, 0.3, 0.4
    model.save(tmp_path / "after.npz")
    again = bp.load_model(tmp_path / "after.npz", given)
    assert parts(again) == [0.1, 0.2, 0.9, 0.3, 0.4]
    assert again.evaluate(X, y, verbose=0) == model.evaluate(X, y, verbose=0)


@pytest.mark.parametrize("name", ["m.weights.h5", "m.safetensors", "m.keras", "m.npz", "m.parquet"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256",
            "fetch that by git lfs pull",
        ),
        ("<!DOCTYPE html><title>404</title>", "it is a web page or another text"),
        ("", "it is empty"),
    ],
)
def test_what_stands_in_the_place_of_a_file_that_was_fetched_is_named(
    tmp_path, name, content, words
):
    (tmp_path / name).write_text(content)
    model = bp.Sequential([bp.Input(2), Dense(1)])
    read = model.load_weights
    if name.endswith(".parquet"):
        read = partial(bp.datasets.from_parquet, columns=["a"], target="y")
    with pytest.raises(CorruptFileError, match=words):
        read(tmp_path / name)


def test_a_file_of_keras_that_was_cut_off_is_called_so(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.ones((2, 1))
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(CorruptFileError, match="it was cut off, or changed"):
        bp.Sequential([bp.Input(2), Dense(1)]).load_weights(path)
