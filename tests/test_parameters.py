"""θ and g: many arrays, two vectors, the same memory."""

import copy
import pickle

import numpy as np
import pytest

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.core.parameters import Parameter, Parameters
from backprop.layers import Chain, Dense, Tanh

FLOAT64 = np.dtype("float64")


def three() -> list[Parameter]:
    return [
        Parameter("a.W", np.arange(6.0).reshape(2, 3)),
        Parameter("a.b", np.array([6.0, 7.0, 8.0]), decays=False),
        Parameter("c.scale", np.array(9.0)),
    ]


def chain(dtype: str = "float64") -> tuple[Chain, Parameters]:
    layers = Chain([Dense(5), Tanh(), Dense(3)])
    layers.build((4,), np.random.default_rng(0), dtype)
    return layers, Parameters(layers.parameters, np.dtype(dtype))


def assert_joined(parameters: Parameters) -> None:
    """What is written into a vector is seen in the arrays, and the other way round."""
    size = parameters.values.size
    parameters.values[...] = np.arange(size)
    parameters.gradients[...] = -np.arange(size)
    start = 0
    for p in parameters:
        stop = start + p.value.size
        np.testing.assert_array_equal(p.value.ravel(), np.arange(start, stop))
        np.testing.assert_array_equal(p.gradient.ravel(), -np.arange(start, stop))
        assert p.gradient.shape == p.value.shape == p.shape
        p.value[...] = 100
        p.gradient[...] = 200
        assert (parameters.values[start:stop] == 100).all()
        assert (parameters.gradients[start:stop] == 200).all()
        start = stop
    assert start == size


def test_values_stand_one_after_the_other():
    parameters = Parameters(three(), FLOAT64)
    np.testing.assert_array_equal(parameters.values, np.arange(10.0))
    np.testing.assert_array_equal(parameters.gradients, np.zeros(10))
    for vector in (parameters.values, parameters.gradients):
        assert vector.shape == (10,)
        assert vector.flags.c_contiguous
        assert not isinstance(vector.base, np.ndarray)
    assert len(parameters) == 3
    assert [p.shape for p in parameters] == [(2, 3), (3,), ()]


def test_arrays_are_views_of_the_vectors():
    assert_joined(Parameters(three(), FLOAT64))


def test_gradients_come_along():
    given = three()
    given[1].gradient[...] = [1, 2, 3]
    np.testing.assert_array_equal(
        Parameters(given, FLOAT64).gradients, [0, 0, 0, 0, 0, 0, 1, 2, 3, 0]
    )


def test_dtype_is_the_models():
    parameters = Parameters(three(), np.dtype("float32"))
    arrays = [parameters.values, parameters.gradients]
    arrays += [array for p in parameters for array in (p.value, p.gradient)]
    assert {array.dtype for array in arrays} == {np.dtype("float32")}


def test_no_parameters():
    parameters = Parameters([], FLOAT64)
    assert parameters.values.shape == parameters.gradients.shape == (0,)
    assert parameters.trainable_slices() == []
    assert list(parameters) == []


def test_layers_see_what_happens_to_the_vector():
    layers, parameters = chain()
    first = layers.layers[0]
    parameters.values[...] = 1
    assert (first.W == 1).all()
    first.W = np.full((4, 5), 2.0)
    first.b = np.full(5, 3.0)
    np.testing.assert_array_equal(parameters.values[:25], [2.0] * 20 + [3.0] * 5)
    assert (parameters.values[25:] == 1).all()


def test_backward_writes_into_the_gradient_vector():
    layers, parameters = chain()
    rng = np.random.default_rng(1)
    layers.forward(rng.standard_normal((6, 4)), training=True)
    g = parameters.gradients
    layers.backward(rng.standard_normal((6, 3)))
    first, _, last = layers.layers
    expected = [first.dW.ravel(), first.db, last.dW.ravel(), last.db]
    assert parameters.gradients is g
    assert np.abs(g).min() > 0
    np.testing.assert_array_equal(g, np.concatenate(expected))


@pytest.mark.parametrize("name", ["value", "gradient"])
def test_assigning_to_a_parameter_writes_into_the_vector(name):
    parameters = Parameters(three(), FLOAT64)
    vector = {"value": parameters.values, "gradient": parameters.gradients}[name]
    before = getattr(parameters["a.b"], name)
    setattr(parameters["a.b"], name, [-1, -2, -3])
    assert getattr(parameters["a.b"], name) is before
    np.testing.assert_array_equal(vector[6:9], [-1, -2, -3])
    for wrong in (0.0, np.ones(2), np.ones((1, 3)), np.ones((3, 1))):
        with pytest.raises(ShapeError, match=r"a\.b has the shape \(3,\), but the array assigned"):
            setattr(parameters["a.b"], name, wrong)
    np.testing.assert_array_equal(vector[6:9], [-1, -2, -3])


def test_parameters_by_their_names():
    parameters = Parameters(three(), FLOAT64)
    assert parameters["a.b"] is list(parameters)[1]
    np.testing.assert_array_equal(parameters["a.b"].value, [6, 7, 8])
    with pytest.raises(KeyError, match=r"'b': there are a\.W, a\.b, c\.scale"):
        parameters["b"]


def test_flags_and_representation():
    W, b, _ = three()
    assert (W.trainable, W.decays, b.trainable, b.decays) == (True, True, True, False)
    assert repr(b) == "Parameter(name='a.b', shape=(3,), dtype=float64, decays=False)"
    b.trainable = False
    assert repr(b).endswith("trainable=False, decays=False)")
    text = repr(Parameters(three(), FLOAT64))
    assert text.startswith("Parameters(size=10, dtype=float64, [")
    assert text.count("Parameter(name=") == 3


@pytest.mark.parametrize(
    ("flags", "slices"),
    [
        ([True, True, True], [slice(0, 10)]),
        ([False, True, True], [slice(6, 10)]),
        ([True, False, True], [slice(0, 6), slice(9, 10)]),
        ([True, True, False], [slice(0, 9)]),
        ([False, True, False], [slice(6, 9)]),
        ([False, False, False], []),
    ],
)
def test_trainable_neighbours_are_one_slice(flags, slices):
    parameters = Parameters(three(), FLOAT64)
    assert parameters.trainable_slices() == [slice(0, 10)]
    for p, flag in zip(parameters, flags, strict=True):
        p.trainable = flag
    assert parameters.trainable_slices() == slices
    assert parameters.trainable_slices() == slices
    for p in parameters:
        p.trainable = True
    assert parameters.trainable_slices() == [slice(0, 10)]


CLONES = pytest.mark.parametrize(
    "clone",
    [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))],
    ids=["copy", "pickle"],
)


@CLONES
def test_copies_stay_joined(clone):
    parameters = Parameters(three(), FLOAT64)
    parameters.gradients[...] = np.arange(10)
    list(parameters)[1].trainable = False
    twin = clone(parameters)
    np.testing.assert_array_equal(twin.values, parameters.values)
    np.testing.assert_array_equal(twin.gradients, parameters.gradients)
    assert twin.trainable_slices() == [slice(0, 6), slice(9, 10)]
    assert [p.name for p in twin] == ["a.W", "a.b", "c.scale"]
    assert [p.decays for p in twin] == [True, False, True]
    assert_joined(twin)
    np.testing.assert_array_equal(parameters.values, np.arange(10))
    assert_joined(parameters)


@CLONES
@pytest.mark.parametrize("order", ["layers first", "parameters first"])
def test_copied_layers_and_parameters_stay_joined(clone, order):
    given = chain("float32")
    if order == "layers first":
        layers, parameters = clone(given)
    else:
        parameters, layers = clone(given[::-1])
    assert parameters.values.dtype == "float32"
    assert_joined(parameters)
    parameters.values[...] = 0.5
    assert (layers.layers[0].W == 0.5).all()
    layers.layers[2].db = [1, 2, 3]
    np.testing.assert_array_equal(parameters.gradients[-3:], [1, 2, 3])
    assert not (given[1].values == 0.5).any()


def test_what_was_set_of_parameters_stays_when_a_model_is_reset():
    layer = Dense(3)
    model = bp.Sequential([bp.Input(4), layer, bp.layers.Residual([Dense(3)])], seed=0)
    model.compile("adamw", "mse")
    W, b = layer.parameters
    first = model.get_weights()
    b.trainable = W.decays = False
    model.parameters["residual_1.dense_1.b"].trainable = False
    model.layers[1].trainable = False
    model.layers[1].trainable = True
    model.reset()
    for mine, its in zip(model.get_weights(), first, strict=True):
        np.testing.assert_array_equal(mine, its)
    model.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)
    assert not layer.b.any()
    assert not model.parameters["residual_1.dense_1.b"].value.any()
    assert not np.array_equal(layer.W, first[0])
    assert repr(layer.parameters[0]).endswith("decays=False)")
    for name, value in (("trainable", True), ("decays", True), ("value", np.ones(3))):
        with pytest.raises(AttributeError, match=r"dense_1.b is no longer in its model.*reset: ta"):
            setattr(b, name, value)


def test_what_a_layer_says_of_its_parameters_counts_when_a_model_is_reset():
    class Scale(bp.layers.Layer):
        learned = decays = False

        def make_parameters(self, input_shape):
            n = input_shape[-1:]
            self.g = self.add_parameter("g", n, "ones", learned=self.learned, decays=self.decays)

        def forward(self, X, training=False):
            self.X = X
            return X * self.g.value

        def backward(self, delta):
            self.g.gradient[...] = (delta * self.X).sum(0)
            return delta * self.g.value

    scale = Scale()
    model = bp.Sequential([bp.Input(4), scale], seed=0)
    model.compile("sgd", "mse")
    scale.learned = scale.decays = True
    model.reset()
    assert scale.g.trainable
    assert scale.g.decays
    model.fit(np.ones((8, 4)), np.zeros((8, 4)), verbose=0)
    assert (scale.g.value < 1).all()
    scale.trainable = False
    model.reset()
    assert not scale.g.trainable
    scale.trainable = True
    assert scale.g.trainable


def test_a_layer_that_is_built_by_hand_leaves_the_parameters_of_its_model(tmp_path):
    model = bp.Sequential([bp.Input(4), Dense(4), Dense(4)], seed=0)
    weights = model.get_weights()
    for layer in model.layers:
        layer.build((4,))
    assert [p.name for p in model.parameters][1:3] == ["dense_1.b", "dense_2.W"]
    model.save_weights(tmp_path / "w.npz")
    again = bp.Sequential([bp.Input(4), Dense(4), Dense(4)], seed=1)
    again.load_weights(tmp_path / "w.npz")
    for mine, its in zip(again.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, its)


def test_a_reset_that_fails_leaves_the_model_as_it_was():
    class Fails(bp.initializers.Initializer):
        broken = False

        def draw(self, shape, rng):
            if self.broken:
                raise RuntimeError("no numbers")
            return np.zeros(shape)

    last = Fails()
    layers = [Dense(3), bp.layers.Residual([Dense(3)]), Dense(2, kernel_initializer=last)]
    model = bp.Sequential([bp.Input(4), *layers], seed=0)
    model.compile("sgd", "mse")
    X = np.random.default_rng(0).normal(size=(8, 4))
    model.fit(X, X[:, :2], verbose=0)
    weights, before = model.get_weights(), model.predict(X)
    last.broken = True
    with pytest.raises(RuntimeError, match="no numbers"):
        model.reset(seed=7)
    for mine, its in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, its)
    np.testing.assert_array_equal(model.predict(X), before)
    model.parameters["dense_1.b"].value = [1, 2, 3]
    np.testing.assert_array_equal(model.layers[0].b, [1, 2, 3])
    last.broken = False
    model.reset()
    first = bp.Sequential([bp.Input(4), Dense(3)], seed=0).layers[0]
    np.testing.assert_array_equal(model.layers[0].W, first.W)


def test_a_copy_s_parameters_keep_what_was_set_since_it_was_built():
    original = Dense(3)
    bp.Sequential([bp.Input(4), original])
    original.parameters[0].trainable = original.parameters[0].decays = False
    copied = original.copy()
    model = bp.Sequential([bp.Input(4), copied])
    assert repr(copied.parameters[0]).endswith("trainable=False, decays=False)")
    copied.parameters[0].trainable = copied.parameters[0].decays = True
    model.reset()
    np.testing.assert_array_equal(copied.W, original.W)
    assert copied.parameters[0].trainable
    assert copied.parameters[0].decays
    thawed = original.copy(trainable=True)
    bp.Sequential([bp.Input(4), thawed])
    assert thawed.parameters[0].trainable


def test_names_that_were_given_twice_are_found_before_training(tmp_path):
    def network():
        block = bp.layers.Residual([Dense(3), Tanh()])
        return bp.Sequential([Dense(3), Tanh(name="a"), block, Tanh()], seed=0)

    changes = [
        lambda model: setattr(model.layers[3], "name", "a"),
        lambda model: setattr(model.layers[2].children[1], "name", "dense_1"),
    ]
    for change in changes:
        model = network()
        change(model)
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match=r"two layers are called '.*': names must differ"):
            model.fit(np.ones((4, 2)), np.ones((4, 3)), verbose=0)
        with pytest.raises(ValueError, match="two layers are called"):
            model.save(tmp_path / "m.npz")
        assert not (tmp_path / "m.npz").exists()


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_a_variance_that_is_none_is_refused_when_it_is_assigned(wrong):
    layer = bp.layers.BatchNormalization()
    model = bp.Sequential([bp.Input(2), layer])
    before = model.get_weights()
    words = rf"batch_normalization_1.moving_variance must be .* at least 0, but it holds {wrong}"
    for change in (
        lambda: setattr(layer, "moving_variance", [1.0, wrong]),
        lambda: setattr(layer.parameters[-1], "value", [1.0, wrong]),
        lambda: model.set_weights([[2.0, 2.0], [3.0, 3.0], [4.0, 4.0], [1.0, wrong]]),
    ):
        with pytest.raises(ValueError, match=words):
            change()
    np.testing.assert_array_equal(model.get_weights(), before)
    layer.moving_mean, layer.moving_variance = [-1.0, 2.0], [0.0, 3.0]
    np.testing.assert_array_equal(layer.moving_variance, [0, 3])
    with pytest.raises(ValueError, match=r"moving_mean must be finite numbers, but it holds nan"):
        layer.moving_mean = [0.0, np.nan]
    layer.gamma = [-1.0, 2.0]


def test_what_a_parameter_is_made_with_is_given_before_its_layer_is_built():
    class Late(bp.layers.Dense):
        def make_parameters(self, input_shape):
            super().make_parameters(input_shape)
            setattr(self.parameters[0], *self.late)

    def model_with(name, value):
        layer = Late(3)
        layer.late = name, value
        model = bp.Sequential([bp.Input(4), layer], seed=0)
        model.compile("sgd", "mse")
        return model

    W = model_with("decays", True).layers[0].W.copy()
    regular = model_with("regularizer", bp.regularizers.L2(0.1))
    assert regular.penalty() == pytest.approx(0.1 * np.sum(W**2), rel=1e-6)
    copied = bp.Sequential([bp.Input(4), regular.layers[0].copy()])
    assert copied.penalty() == pytest.approx(regular.penalty())
    bound = model_with("constraint", bp.constraints.NonNegative())
    bound.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    assert bound.layers[0].W.min() >= 0
    still = model_with("learned", False)
    still.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    np.testing.assert_array_equal(still.layers[0].W, W)
    for name, value, words in (
        ("regularizer", "l2", "with a method penalty"),
        ("regularizer", bp.regularizers.L2, "with a method penalty"),
        ("constraint", 0.1, "with a method project"),
    ):
        with pytest.raises(TypeError, match=words):
            model_with(name, value)
    alone = bp.layers.Dense(3)
    alone.build((4,))
    alone.parameters[0].learned = True  # as it is
    for name, value in (("learned", False), ("regularizer", None), ("constraint", None)):
        with pytest.raises(AttributeError, match="add_parameter"):
            setattr(alone.parameters[0], name, value)


def test_statistics_of_ones_own_may_be_infinite():
    class Largest(bp.layers.Layer):
        def make_parameters(self, input_shape):
            for name in ("top", "count"):
                setattr(self, name, self.add_parameter(name, input_shape, "zeros", learned=False))
            self.top.value[...], self.count.value[...] = -np.inf, -1.0

        def forward(self, X, training=False):
            return X

    model = bp.Sequential([bp.Input(2), Largest()])
    model.set_weights(model.get_weights())
    for p in model.parameters:
        p.value = p.value


def test_a_copy_begins_with_the_weights_of_the_original_and_needs_no_initializer():
    model = bp.Sequential([bp.Input(4), bp.layers.Dense(6), bp.layers.PReLU()])
    for layer, name in zip(model.layers, ("kernel_initializer", "alpha_initializer"), strict=True):
        with pytest.raises(AttributeError, match=f"is a copy, .* so that another {name} would"):
            setattr(layer.copy(), name, "zeros")
    new = bp.layers.Dense(6)
    new.kernel_initializer = "zeros"
    twin = model.layers[0].copy()
    twin.kernel_regularizer = "l2"
    taken = bp.Sequential([bp.Input(4), twin])
    assert taken.penalty() > 0


def test_what_only_the_first_weights_follow_from_stays_in_copies_and_inside_of_them():
    made = bp.Sequential(
        [
            bp.Input((5, 4)),
            bp.layers.Normalization(mean=5.0, variance=1.0),
            bp.layers.Residual([bp.layers.LSTM(4, return_sequences=True)]),
            bp.layers.LSTM(4),
        ]
    )
    norm, block, lstm = (layer.copy() for layer in made.layers)
    inner = block.layers[0]
    for layer, name in (
        *((norm, each) for each in ("mean", "variance")),
        *((each, "unit_forget_bias") for each in (lstm, inner)),
        *((each, "recurrent_initializer") for each in (lstm, inner)),
    ):
        with pytest.raises(AttributeError, match=f"is a copy, .* so that another {name} would"):
            setattr(layer, name, 0)
    lstm.return_sequences = True
    assert bp.Sequential([bp.Input((5, 4)), lstm]).output_shape == (5, 4)


def test_a_copy_of_a_normalization_may_be_adapted_anew():
    X = np.random.default_rng(0).normal(3.0, 2.0, (200, 4)).astype("f4")
    made = bp.Sequential([bp.Input(4), bp.layers.Normalization(mean=5.0, variance=1.0)])
    norm = made.layers[0].copy()
    norm.adapt(X)
    taken = bp.Sequential([bp.Input(4), norm])
    np.testing.assert_allclose(taken.predict(X), (X - X.mean(0)) / X.std(0), atol=1e-5)
    taken.reset()
    np.testing.assert_allclose(taken.predict(X), (X - X.mean(0)) / X.std(0), atol=1e-5)
    chain = bp.layers.Chain([bp.layers.Normalization(mean=5.0, variance=1.0), bp.layers.Dense(4)])
    bp.Sequential([bp.Input(4), chain])
    copied = chain.copy()
    copied.layers[0].adapt(X)
    whole = bp.Sequential([bp.Input(4), copied])
    for _ in range(2):
        np.testing.assert_allclose(copied.layers[0].mean_, X.mean(0), rtol=1e-5)
        np.testing.assert_array_equal(copied.layers[1].W, chain.layers[1].W)
        whole.reset()
    again = made.layers[0].copy()
    built = bp.Sequential([bp.Input(4), again])
    again.adapt(X)
    built.reset()
    np.testing.assert_allclose(again.mean_, X.mean(0), rtol=1e-5)


def test_a_layer_whose_name_is_taken_back_is_numbered():
    block = bp.layers.Residual([bp.layers.Dense(4, name="inner"), bp.layers.Tanh()])
    model = bp.Sequential([bp.layers.Dense(4, name="old"), block, bp.layers.Dense(4, name="last")])
    for layer in (model.layers[0], block.layers[0], model.layers[2]):
        layer.name = None
    model.build((None, 4))
    names = [p.name for p in model.parameters]
    assert names == ["dense_1.W", "dense_1.b"] + [
        f"{way}.{name}" for way in ("residual_1.dense_1", "dense_2") for name in "Wb"
    ]
