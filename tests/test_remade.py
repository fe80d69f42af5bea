"""A part of one's own that a file would bring back as another one is refused by save."""

import numpy as np
import pytest

import backprop as bp
from backprop.layers import (
    Chain,
    Dense,
    Dropout,
    Layer,
    LayerNormalization,
    MultiHeadAttention,
    TransformerBlock,
)
from backprop.layers.block import backward_through, forward_through
from backprop.losses import Loss
from backprop.metrics import MeanMetric
from backprop.optimizers import SGD
from backprop.regularizers import Regularizer
from backprop.storage.calls import put, remake

X = np.random.default_rng(0).standard_normal((12, 4))
Y = X.sum(axis=1)


class Times(Layer):
    def forward(self, X, training=False):
        return X * self.factor

    def backward(self, delta):
        return delta * self.factor


class Kept(Times):
    def __init__(self, rate=0.3):
        super().__init__()
        self.rate = 1 - rate

    @property
    def factor(self):
        return self.rate


class TwiceLoss(Loss):
    def __init__(self, c=1.0):
        super().__init__()
        self.c = 2 * c

    def values(self, prediction, target):
        return self.c * ((prediction - target) ** 2).mean(axis=1)

    def gradient(self, prediction, target):
        return 2 * self.c * (prediction - target) / prediction.shape[1]


class TwiceMetric(MeanMetric):
    def __init__(self, c=(1.0,)):
        super().__init__("twice")
        self.c = 2 * np.asarray(c)

    def values(self, prediction, target):
        return self.c[0] * (prediction - target).mean(axis=1)


class TwicePenalty(Regularizer):
    def __init__(self, of=(1.0, {"b": 2})):
        self.of = (of[0], {"b": 2 * of[1]["b"]})

    def penalty(self, W):
        return self.of[1]["b"] * float(np.sum(W * W))

    def gradient(self, W):
        return 2 * self.of[1]["b"] * W


class Fixed(Dense):
    """Decides on an argument that the base class takes; another one is popped and kept."""

    def __init__(self, units, **others):
        self.factor = others.pop("factor", 2)
        super().__init__(units, use_bias=False, **others)


class Other(Dense):
    """Has another default than the base class, for an argument that it hands on."""

    def __init__(self, **others):
        others.setdefault("use_bias", False)
        super().__init__(**others)


class Popped(Times):
    """Keeps what it is given, but not under its name."""

    def __init__(self, **others):
        self._factor = others.pop("by", 1) * sum(others.pop("more", [1]))
        super().__init__(**others)

    @property
    def factor(self):
        return self._factor


class Flagged(Times):
    """Takes an argument that is called like something else of the base class."""

    def __init__(self, **others):
        self.factor = 5 if others.pop("random", False) else 1
        super().__init__(**others)


class Listed(Times):
    def __init__(self, *factors, name=None):
        super().__init__(name)
        self.factor = sum(factors)


class Robust(bp.losses.Huber):
    def __init__(self, **others):
        super().__init__(**others)


class Steps(SGD):
    def __init__(self, learning_rate=0.1, **others):
        super().__init__(learning_rate, **others)


def trained(*layers, loss="mse", metrics=None, optimizer="sgd"):
    model = bp.Sequential([*layers, Dense(1)], seed=0)
    model.compile(optimizer, loss, metrics)
    model.fit(X, Y, epochs=2, verbose=0)
    return model


@pytest.mark.parametrize(("make", "words"), [
    (lambda: trained(Kept(0.2)), r"^Kept 'kept_1' cannot be saved: its rate is 0.8, but Kept\("),
    (lambda: trained(Chain([Kept(0.2)])), "its rate is 0.8"),
    (lambda: trained(loss=TwiceLoss()), r"^the loss cannot be saved: its c is 2.0, but TwiceLoss"),
    (lambda: trained(metrics=[TwiceMetric()]), "metric 'twice' cannot be saved: its c is"),
    (lambda: trained(Dense(2, kernel_regularizer=TwicePenalty())), "kernel_regularizer of Dense"),
])  # fmt: skip
def test_what_would_come_back_as_another_part_is_refused(tmp_path, make, words):
    with pytest.raises(ValueError, match=words):
        make().save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


def half(x):
    return x / 2


class Right(Times):
    """Arrays, functions, sequences, counters, notes, and what is computed of the arguments."""

    def __init__(self, rate=0.3, shares=(1.0,), function=half, options=None, gap=float("nan")):
        super().__init__()
        self.rate, self.function, self.options, self.gap = rate, function, options, gap
        self.shares = np.asarray(shares) / np.sum(shares)
        self.lowest = min(options or [0])
        self.factor = function(1 - rate)
        self.calls, self.last, self.width = 0, None, -1

    def make_parameters(self, input_shape):
        self.width = input_shape[-1]

    def forward(self, X, training=False):
        if training:
            self.calls += 1
            self.last = str(X.shape)
        return super().forward(X, training) + 0 * (self.width + self.lowest)

    def __repr__(self):
        return f"Right with {self.note}"


class Counting(MeanMetric):
    def __init__(self, name="counting", scale=2):
        super().__init__(name)
        self.scale, self.seen = scale, 0

    def values(self, prediction, target):
        self.seen += 1
        return self.scale * (prediction - target).mean(axis=1)


class Rate(bp.schedules.Schedule):
    def __init__(self, first=0.1):
        self.first = first

    def __call__(self, step):
        return self.first / (1 + step)


class OwnSGD(SGD):
    def __init__(self, learning_rate=0.1, **options):
        super().__init__(learning_rate, **options)


def test_right_parts_are_saved(tmp_path):
    right = Right(0.2, [1.0, 2.0, 4.0], half, [3, 4])
    right.note = "made by hand"
    model = trained(
        right,
        Chain([Right(np.float32(0.1), (0.1, 0.7))]),
        metrics=[Counting(), Counting()],
        optimizer=OwnSGD(Rate(), momentum=0.5),
    )
    right.rate = 0.4  # an argument, of which nothing else is read
    right.factor = half(1 - 0.4)
    model.save(tmp_path / "m.npz")
    kinds = (Right, Counting, Rate, OwnSGD, half)
    loaded = bp.load_model(tmp_path / "m.npz", {kind.__name__: kind for kind in kinds})
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


OWN = (Fixed, Other, Popped, Flagged, Listed, Robust, Steps)


def changed(layer, **settings):
    for name, value in settings.items():
        setattr(layer, name, value)
    return layer


@pytest.mark.parametrize("make", [
    lambda: Fixed(3, factor=7, kernel_regularizer="l2"),
    lambda: changed(Fixed(3), kernel_regularizer=bp.regularizers.L2(0.5)),
    lambda: Other(units=3),
    lambda: Other(units=3, use_bias=True, name="mine"),
    lambda: Popped(by=3),
    lambda: Popped(by=2, more=[1, 2]),
    lambda: Flagged(random=True),
    lambda: Listed(2, 3),
    lambda: Chain([Listed(2, 3), Fixed(2)]),
])  # fmt: skip
def test_arguments_that_a_class_hands_on_or_pops_come_back(make, tmp_path):
    model = trained(make(), loss=Robust(delta=3.0), optimizer=Steps(0.01, momentum=0.5))
    model.save(tmp_path / "m.npz")
    custom = {kind.__name__: kind for kind in OWN}
    again = bp.load_model(tmp_path / "m.npz", custom)
    assert (again.loss.delta, again.optimizer.momentum) == (3.0, 0.5)
    assert again.evaluate(X, Y) == model.evaluate(X, Y)  # with the penalties
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert getattr(again.layers[0], "factor", None) == getattr(model.layers[0], "factor", None)


def test_what_is_handed_on_and_kept_nowhere_is_named(tmp_path):
    class Shaped(Popped):
        def __init__(self, **others):
            self._made = others.pop("function")(2)
            super().__init__(**others)

    class Several(Popped):
        def __init__(self, *functions):
            super().__init__()

    with pytest.raises(TypeError, match="Shaped takes the argument 'function', but has no attrib"):
        trained(Shaped(function=np.ones)).save(tmp_path / "m.npz")
    with pytest.raises(TypeError, match="Several takes arguments without names, one of which is"):
        trained(Several(np.ones)).save(tmp_path / "m.npz")


@pytest.mark.parametrize("where", ["__init__", "make_parameters"])
def test_an_error_of_a_class_of_ones_own_is_shown_when_a_file_is_loaded(where, tmp_path):
    class Fragile(Times):
        factor = 2

        def __init__(self, name=None):
            self.fail("__init__")
            super().__init__(name)

        def make_parameters(self, input_shape):
            self.fail("make_parameters")

        def fail(self, here):
            if here in broken:
                {}["of their own"]

    broken = []
    trained(Fragile()).save(tmp_path / "m.npz")
    broken.append(where)
    with pytest.raises((KeyError, ValueError), match="of their own") as caught:
        bp.load_model(tmp_path / "m.npz", {"Fragile": Fragile})
    assert not isinstance(caught.value, bp.CorruptFileError)
    if where == "__init__":
        assert "Fragile(name='fragile_1'), which cannot be made again: KeyErr" in str(caught.value)
        assert isinstance(caught.value.__cause__, KeyError)


class Making(bp.layers.Block):
    """Makes its layers itself, some when it is made and the others when it is built."""

    def __init__(self, units, name=None):
        super().__init__(name)
        self.units = units
        self.adopt(Chain([Dense(units), LayerNormalization(), Dropout(0.1)]))

    def make_parameters(self, input_shape):
        if len(self.children) < 2:
            self.adopt(TransformerBlock(1, self.units, dropout=0.1))
        shape = input_shape
        for child in self.children:
            shape = self.build_child(child, shape)

    def output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def forward(self, X, training=False, mask=None):
        return forward_through(self.children, X, training)

    def backward(self, delta):
        return backward_through(self.children, delta)


STEPS, LABELS = np.random.default_rng(1).standard_normal((2, 8, 5, 3)).astype("float32")


def making(built):
    model = bp.Sequential([*([bp.Input((5, 3))] if built else []), Making(3)], seed=0)
    model.compile("adam", "mse")
    if built:
        model.fit(STEPS, LABELS, verbose=0)
    return model


def trains_alike(model, path):
    model.save(path)
    again = bp.load_model(path, {"Making": Making})
    (one, other) = (each.fit(STEPS, LABELS, epochs=2, verbose=0) for each in (model, again))
    assert one.history == other.history
    np.testing.assert_array_equal(model.predict(STEPS), again.predict(STEPS))
    return again


@pytest.mark.parametrize("built", [False, True])
def test_settings_of_layers_that_a_block_makes_itself_are_in_the_file(built, tmp_path):
    model = making(built)
    for layer in model.layers[0].inside():
        if isinstance(layer, LayerNormalization):
            layer.epsilon = 0.3
        elif isinstance(layer, Dropout):
            layer.rate = 0.5
    first = model.get_layer("making_1.chain_1.dense_1")
    first.trainable = False
    if not built:
        first.kernel_regularizer = bp.regularizers.L2(0.3)
    again = trains_alike(model, tmp_path / "m.npz")
    for one, other in zip(model.layers[0].inside(), again.layers[0].inside(), strict=True):
        assert one.trainable == other.trainable
        assert getattr(one, "epsilon", None) == getattr(other, "epsilon", None)


def test_what_is_changed_in_a_copy_before_it_is_built_is_in_the_file_too(tmp_path):
    copied = making(True).layers[0].copy()
    heads = next(part for part in copied.inside() if isinstance(part, MultiHeadAttention))
    heads.dropout = 0.6  # which cannot be changed once it is built
    model = bp.Sequential([bp.Input((5, 3)), copied], seed=1)
    model.compile("sgd", "mse")
    trains_alike(model, tmp_path / "m.npz")


class Multiplying(bp.Sequential):
    """f(k X), with one argument that is kept and one that is popped."""

    def __init__(self, layers=(), seed=None, dtype="float32", k=1.0, **others):
        self.more = others.pop("more", 1.0)
        super().__init__(layers, seed=seed, dtype=dtype)
        self.k = k

    def forward(self, X, training=False):
        return super().forward(self.k * self.more * np.asarray(X), training)


class Growing(bp.Sequential):
    """Puts a layer before those that it is given, also when it is made again."""

    def __init__(self, layers=(), seed=None, dtype="float32"):
        super().__init__([Dense(2), *layers], seed=seed, dtype=dtype)


class Forgetting(bp.Sequential):
    """Takes the first of its layers alone."""

    def __init__(self, layers=(), seed=None, dtype="float32"):
        super().__init__(list(layers)[:1], seed=seed, dtype=dtype)


def test_arguments_of_a_model_class_come_back(tmp_path):
    model = Multiplying([Dense(1)], seed=0, k=3.0, more=2.0)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.npz")
    again = bp.load_model(tmp_path / "m.npz", {"Multiplying": Multiplying})
    assert (again.k, again.more) == (3.0, 2.0)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_an_argument_that_a_model_class_needs_comes_back(tmp_path):
    class Needing(bp.Sequential):
        def __init__(self, layers, k, seed=None, dtype="float32"):
            super().__init__(layers, seed=seed, dtype=dtype)
            self.k = k

    Needing([Dense(1)], 3).save(tmp_path / "m.npz")
    assert bp.load_model(tmp_path / "m.npz", {"Needing": Needing}).k == 3


def test_a_model_class_may_compile_itself(tmp_path):
    class Compiling(bp.Sequential):
        def __init__(self, layers=(), seed=None, dtype="float32", loss="binary_crossentropy"):
            super().__init__(layers, seed=seed, dtype=dtype)
            self.compile("adam", loss)

    model = Compiling([Dense(1), bp.layers.Sigmoid()], seed=0)
    model.fit(X, Y > 0, verbose=0)
    model.save(tmp_path / "m.npz")
    again = bp.load_model(tmp_path / "m.npz", {"Compiling": Compiling})
    assert again.fit(X, Y > 0, verbose=0).history == model.fit(X, Y > 0, verbose=0).history


def test_a_model_class_that_would_make_other_layers_is_found_when_it_is_saved(tmp_path):
    with pytest.raises(TypeError, match=r"Growing cannot be saved, .* two layers are called"):
        Growing([Dense(1)]).save(tmp_path / "m.npz")
    model = Forgetting([Dense(1)])
    model.add(Dense(2))
    with pytest.raises(
        TypeError, match=r"Forgetting cannot be saved, .* have the layers dense_1\)"
    ):
        model.save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


class Running(Times):
    """Y = X − m, where m is a running mean that is kept in an attribute alone."""

    factor = 1.0

    def __init__(self, name=None):
        super().__init__(name)
        self.mean = 0.0

    def forward(self, X, training=False):
        if training:
            self.mean = 0.9 * self.mean + 0.1 * X.mean(axis=0)
        return X - self.mean


class NotBefore(Running):
    """One that keeps no mean before it is trained."""

    def __init__(self, name=None):
        super().__init__(name)
        del self.mean

    def forward(self, X, training=False):
        if training:
            self.mean = X.mean(axis=0)
        return X - self.mean


class Registered(Running):
    def make_parameters(self, input_shape):
        self.moving = self.add_parameter("mean", input_shape, "zeros", learned=False)

    def forward(self, X, training=False):
        if training:
            self.moving.value[...] = 0.9 * self.moving.value + 0.1 * X.mean(axis=0)
        return X - self.moving.value


@pytest.mark.parametrize("around", [lambda layer: layer, lambda layer: Chain([layer])])
def test_what_a_layer_keeps_in_attributes_alone_is_warned_of(around, tmp_path):
    model = trained(around(Running()))
    with pytest.warns(
        RuntimeWarning, match=r"Running 'running_1' will .* attributes, self\.mean, is in"
    ):
        model.save(tmp_path / "m.npz")
    with pytest.warns(RuntimeWarning, match="'not_before_1' will fail once .* attributes is in no"):
        trained(around(NotBefore())).save(tmp_path / "m.npz")
    model = trained(around(Registered()))
    model.save(tmp_path / "m.npz")
    again = bp.load_model(tmp_path / "m.npz", {"Registered": Registered})
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("name", ["forward", "of_package", "input_shape", "__class__"])
def test_a_setting_in_a_file_is_an_argument(name):
    call = {"class": "layers.Dense", "arguments": {"units": 3}, "settings": {name: 1}}
    with pytest.raises(ValueError, match=f"a setting {name} for .*, which has none"):
        remake(call, {}, "the file")
    layer = Dense(3)
    with pytest.raises(ValueError, match=f"a setting {name} for"):
        put(layer, name, 1, "the file")
    put(layer, "units", 5, "the file")
    put(layer, "trainable", False, "the file")
    assert (layer.units, layer.trainable) == (5, False)
