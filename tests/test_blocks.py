"""Layers that hold layers: what they compute, how their parts are called, and what is refused."""

import numpy as np
import pytest

import backprop as bp
from backprop.core.errors import NotBuiltError, ShapeError
from backprop.inspection import check_layer
from backprop.layers import (
    LSTM,
    BatchNormalization,
    Block,
    Chain,
    Columns,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    Dropout,
    Flatten,
    Identity,
    Lambda,
    Parallel,
    ReLU,
    RepeatVector,
    Residual,
    Softmax,
    Tanh,
    UpSampling1D,  # noqa: F401  # which is advised
    UpSampling2D,
)


def built(layer, shape=(4,)):
    layer.build(shape, np.random.default_rng(0), "float64")
    return layer


def test_residual_adds_what_its_layers_make_to_its_input(rng):
    X = rng.standard_normal((5, 4))
    inner = Chain([Dense(3), Tanh(), Dense(4)])
    block = built(Residual([Dense(3), Tanh(), Dense(4)]))
    built(inner)
    np.testing.assert_array_equal(block.forward(X), X + inner.forward(X))
    delta = rng.standard_normal((5, 4))
    block.forward(X, training=True)
    inner.forward(X, training=True)
    np.testing.assert_array_equal(block.backward(delta), delta + inner.backward(delta))


def test_a_shortcut_takes_the_place_of_the_identity(rng):
    X = rng.standard_normal((5, 4))
    block = built(Residual([Dense(6), Tanh()], shortcut=[Dense(6)]))
    f, shortcut = block.layers[0], block.shortcut.layers[0]
    np.testing.assert_allclose(block.forward(X), shortcut.forward(X) + np.tanh(f.forward(X)))
    assert [p.name for p in block.parameters] == [
        "dense_1.W", "dense_1.b", "shortcut.dense_1.W", "shortcut.dense_1.b"
    ]  # fmt: skip


MERGES = {
    "concatenate": lambda A, B: np.concatenate([A, B], axis=-1),
    "add": lambda A, B: A + B,
    "multiply": lambda A, B: A * B,
    "average": lambda A, B: (A + B) / 2,
    "maximum": np.maximum,
}


@pytest.mark.parametrize("merge", MERGES)
def test_parallel_joins_its_branches(merge, rng):
    X = rng.standard_normal((5, 4))
    block = built(Parallel([Dense(3), [Dense(2), Tanh(), Dense(3)]], merge))
    first, second = block.branches
    expected = MERGES[merge](first.forward(X), second.forward(X))
    np.testing.assert_allclose(block.forward(X), expected, rtol=1e-15)
    np.testing.assert_array_equal(block.forward(X, training=True), block.forward(X))
    assert block.output_shape((4,)) == expected.shape[1:]


def test_of_equal_branches_the_first_is_the_largest(rng):
    block = built(Parallel([Identity(), Identity(), Lambda(np.negative, negated)], "maximum"))
    X = np.array([[1.0, -2.0, 0.0, 3.0]])
    block.forward(X, training=True)
    delta = np.array([[1.0, 10.0, 100.0, 1000.0]])
    block.backward(delta)
    np.testing.assert_array_equal(block.branches[0].delta, [[1, 0, 100, 1000]])
    np.testing.assert_array_equal(block.branches[1].delta, [[0, 0, 0, 0]])
    np.testing.assert_array_equal(block.branches[2].delta, [[0, 10, 0, 0]])


def negated(delta, X, Y):
    return -delta


def test_columns_take_features(rng):
    X = rng.standard_normal((5, 4))
    for which, expected in (
        ([2, 0], X[:, [2, 0]]),
        ([-1], X[:, [3]]),
        (range(2), X[:, :2]),
        ([1, 1], X[:, [1, 1]]),
    ):
        layer = built(Columns(which))
        np.testing.assert_array_equal(layer.forward(X), expected)
        np.testing.assert_array_equal(layer.forward(X, training=True), expected)
        delta = rng.standard_normal(expected.shape)
        dX = np.zeros_like(X)
        np.add.at(dX.T, np.arange(4)[which], delta.T)
        np.testing.assert_allclose(layer.backward(delta), dX)


def test_a_function_with_its_derivative_is_a_layer():
    square = Lambda(np.square, lambda delta, X, Y: 2 * X * delta)
    assert check_layer(square, (4,)).ok
    wrong = Lambda(np.square, lambda delta, X, Y: X * delta)
    assert not check_layer(wrong, (4,)).ok
    calls = []
    counting = Lambda(lambda X: calls.append(1) or X * 2, lambda delta, X, Y: 2 * delta)
    model = bp.Sequential([counting, Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=2, epochs=5, verbose=0)
    assert len(calls) == 20  # what a user's function does is never recorded and replayed


# ------------------------------------------------------------------------------ in a model


def classifier(**options):
    model = bp.Sequential(
        [
            Dense(6),
            Residual([Dense(6), ReLU(), [Dropout(0.1), Dense(6)]]),
            Parallel([Dense(2), [Dense(3), Residual([Dense(3)])]]),
            Dense(3),
            Softmax(),
        ],
        seed=0,
        **options,
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def data(n=32):
    rng = np.random.default_rng(2)
    return rng.standard_normal((n, 4)), rng.integers(0, 3, n)


def test_names_are_ways():
    model = classifier()
    model.build((None, 4))
    names = [p.name for p in model.parameters if p.name.endswith("W")]
    assert names == [
        "dense_1.W", "residual_1.dense_1.W", "residual_1.chain_1.dense_1.W",
        "parallel_1.dense_1.W", "parallel_1.chain_1.dense_1.W",
        "parallel_1.chain_1.residual_1.dense_1.W", "dense_2.W"
    ]  # fmt: skip
    inner = model.get_layer("parallel_1.chain_1.residual_1.dense_1")
    assert np.shares_memory(inner.W, model.parameters.values)
    with pytest.raises(ValueError, match=r"no layer is called 'dense_3'.*residual_1\.chain_1"):
        model.get_layer("dense_3")


def test_freezing_reaches_what_is_inside():
    model = classifier()
    model.build((None, 4))
    model.get_layer("residual_1").trainable = False
    model.get_layer("parallel_1.dense_1").trainable = False
    before = {p.name: p.value.copy() for p in model.parameters}
    model.fit(*data(), epochs=2, verbose=0)
    for p in model.parameters:
        frozen = p.name.startswith(("residual_1", "parallel_1.dense_1"))
        assert np.array_equal(p.value, before[p.name]) == frozen, p.name


def test_moving_averages_in_a_frozen_block_stay(tmp_path):
    X, y = data()
    norm = BatchNormalization
    for block in (
        Residual([Dense(4), norm()]),
        Chain([Dense(4), norm()]),
        Parallel([[Dense(4), Chain([norm()])], Dense(2)]),
        Residual([Dense(4)], shortcut=[norm()]),
    ):
        model = bp.Sequential([block, Dense(1)], seed=0)
        model.compile("sgd", "mse")
        model.fit(X, y * 1.0, verbose=0)
        copied = bp.Sequential([block.copy(trainable=False), Dense(1)], seed=1)
        copied.compile("sgd", "mse")
        copied.build((None, 4))
        block.trainable = False
        model.save(tmp_path / "model.npz")
        loaded = bp.load_model(tmp_path / "model.npz")
        for each in (model, copied, loaded):
            kept = [p.value.copy() for p in each.layers[0].parameters]
            each.fit(X * 3 + 2, y * 1.0, epochs=3, verbose=0)
            for p, before in zip(each.layers[0].parameters, kept, strict=True):
                np.testing.assert_array_equal(p.value, before)
            each.layers[0].trainable = True
            each.fit(X * 3 + 2, y * 1.0, verbose=0)
            for p, before in zip(each.layers[0].parameters, kept, strict=True):
                assert not np.array_equal(p.value, before), p.name


def test_a_block_that_is_no_longer_frozen_is_as_it_was():
    frozen, trained = Dense(4), Dense(4)
    frozen.trainable = False
    outer = Chain([Residual([frozen, trained])])
    for shape in (None, (4,)):
        if shape:
            outer.build(shape)
        flags = [False, False, True, True] if shape else []
        outer.trainable = False
        assert not any(layer.trainable for layer in outer.inside())
        trained.trainable = True  # one layer of a frozen block
        assert [layer.trainable for layer in outer.inside()] == [False, False, True]
        assert [p.trainable for p in outer.parameters] == flags
        outer.trainable = False
        outer.trainable = True
        assert [layer.trainable for layer in outer.inside()] == [True, False, True]
        assert [p.trainable for p in outer.parameters] == flags
    outer.trainable = False
    outer.append(Dense(3))
    copied = outer.layers[1].copy()  # of a layer in a frozen block
    assert [layer.trainable for layer in (outer.layers[1], copied)] == [False, False]
    block = Chain([copied])
    block.trainable = True  # the copy was made frozen, and stays so in an unfrozen block
    assert not copied.trainable
    copied.trainable = True
    assert copied.trainable


def test_gradients_by_the_input_pass_through_blocks():
    X, y = data()
    for first in (Residual([Dense(4)]), Parallel([Dense(2), [Dense(3)]]), Chain([Dense(4)])):
        model = bp.Sequential([first, Dense(1)], seed=0, dtype="float64")
        model.compile("sgd", "mse")
        model.forward(X)
        for wanted in (False, True):
            model.layers[0].needs_input_gradient = wanted
            model.loss.forward(model.forward(X, training=True), y[:, None] * 1.0)
            assert (model.backward() is None) != wanted
            inner = model.layers[0].inside()[-1]
            assert inner.needs_input_gradient == wanted
        assert model.check_gradients(X, y[:, None]).ok


class Added(Block):
    """A block of one's own, whose backward adds what a layer returns."""

    def __init__(self):
        super().__init__()
        self.dense, self.norm = self.adopt(Dense(4)), self.adopt(BatchNormalization())

    def make_parameters(self, input_shape):
        self.build_child(self.norm, self.build_child(self.dense, input_shape))

    def forward(self, X, training=False, mask=None):
        return X + self.norm.forward(self.dense.forward(X, training), training)

    def backward(self, delta):
        return delta + self.dense.backward(self.norm.backward(delta))


def test_a_block_of_ones_own_may_be_the_first_layer():
    X, y = data()
    assert check_layer(Added(), 4).ok
    losses = []
    for first in (Added(), Chain([Added()]), Residual([Dense(4), BatchNormalization()])):
        model = bp.Sequential([first, Dense(1)], seed=0, dtype="float64")
        model.compile("sgd", "mse")
        losses.append(model.fit(X, y * 1.0, epochs=3, verbose=0).history["loss"])
    assert losses[0] == losses[1] == losses[2]


def test_a_model_with_blocks_is_saved_and_trains_on(tmp_path):
    model = classifier()
    model.fit(*data(), epochs=1, verbose=0)
    model.save(tmp_path / "model.npz")
    other = bp.load_model(tmp_path / "model.npz")
    for each in (model, other):
        each.fit(*data(), epochs=2, verbose=0)
    np.testing.assert_array_equal(model.parameters.values, other.parameters.values)
    assert [p.name for p in other.parameters] == [p.name for p in model.parameters]


def test_activations_by_name():
    model, (X, y) = classifier(), data()
    model.fit(X, y, verbose=0)
    before = model.parameters.gradients.copy()
    found = model.activations(X)
    assert list(found)[:4] == ["dense_1", "residual_1", "residual_1.dense_1", "residual_1.relu_1"]
    np.testing.assert_array_equal(found["softmax_1"], model.predict(X))
    shortened = bp.Sequential([model.layers[0].copy()], seed=1)
    np.testing.assert_array_equal(found["dense_1"], shortened.predict(X))
    np.testing.assert_array_equal(
        found["residual_1"], found["dense_1"] + found["residual_1.chain_1"]
    )
    np.testing.assert_array_equal(before, model.parameters.gradients)


# ------------------------------------------------------------------------------ transfer


def test_a_copy_of_a_copy_has_the_weights():
    model = bp.Sequential([Dense(4), ReLU(), Residual([Dense(4)])], seed=0)
    model.build((None, 4))
    twins = [layer.copy().copy() for layer in model.layers]
    other = bp.Sequential(twins, seed=5)
    other.build((None, 4))
    np.testing.assert_array_equal(other.parameters.values, model.parameters.values)
    with pytest.raises(NotBuiltError, match="no weights to copy"):
        Dense(4).copy()
    changed = model.layers[0].copy()
    changed.units = 9
    with pytest.raises(ShapeError, match="leave its arguments as they were"):
        changed.build((4,))


def test_trained_layers_are_taken_into_another_model():
    X, y = data()
    model = classifier()
    model.fit(X, y, epochs=2, verbose=0)
    body = [layer.copy(trainable=False) for layer in model.layers[:3]]
    other = bp.Sequential([*body, Dense(1)], seed=5)
    other.compile("sgd", "mse")
    other.build((None, 4))
    features = model.activations(X)["parallel_1"]
    np.testing.assert_array_equal(other.activations(X)["parallel_1"], features)
    other.fit(X, y.astype(float), epochs=3, verbose=0)
    np.testing.assert_array_equal(other.activations(X)["parallel_1"], features)
    other.reset()
    np.testing.assert_array_equal(other.activations(X)["parallel_1"], features)
    names = [p.name for p in other.parameters if p.trainable]
    assert names == ["dense_2.W", "dense_2.b"]
    tuned = bp.Sequential([model.layers[0].copy(), Dense(1)], seed=5)
    tuned.compile("sgd", "mse")
    W = model.layers[0].W.copy()
    tuned.fit(X, y.astype(float), verbose=0)
    assert not np.array_equal(tuned.layers[0].W, W)
    np.testing.assert_array_equal(model.layers[0].W, W)  # the layer itself stays as it is


def test_parts_of_two_models_stand_in_one_whatever_number_they_had():
    first = bp.Sequential([bp.Input(4), Dense(3), ReLU()], seed=0)
    second = bp.Sequential([bp.Input(3), Dense(2), ReLU(name="end")], seed=1)
    X = np.ones((2, 4), "float32")
    both = bp.Sequential([layer.copy() for layer in [*first.layers, *second.layers]])
    np.testing.assert_array_equal(both.predict(X), second.predict(first.predict(X)))
    assert [layer.name for layer in both.layers] == ["dense_1", "relu_1", "dense_2", "end"]
    begun = bp.Sequential([Dense(4), first.layers[0].copy()])
    assert [layer.name for layer in begun.layers] == ["dense_1", "dense_2"]
    with pytest.raises(ValueError, match=r"called 'end': names must differ; layer\.name = … sets"):
        bp.Sequential([second.layers[1].copy(), second.layers[1].copy()])


def test_copies_keep_statistics_that_are_not_learnt():
    X, y = data()
    model = bp.Sequential([BatchNormalization(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(X, y.astype(float), epochs=3, verbose=0)
    other = bp.Sequential([layer.copy() for layer in model.layers], seed=9)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_a_copy_of_other_shapes_is_refused():
    layer = built(Dense(3))
    model = bp.Sequential([layer.copy()])
    with pytest.raises(ShapeError, match=r"Dense 'dense_1' is a copy with weights.*\(4, 3\).*\(5,"):
        model.build((None, 5))
    with pytest.raises(NotBuiltError, match="no weights to copy"):
        Dense(3).copy()
    with pytest.raises(ValueError, match=r"belongs to a model already.*layer\.copy\(\)"):
        bp.Sequential([layer])


# ------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (lambda: Residual([Dense(3)]), (4,), r"\(3,\), and its input.*\(4,\).*\[Dense\(3"),
        (lambda: Residual([Dense(3)], [Dense(2)]), (4,), r"its shortcut has the shape \(2,\)"),
        (
            lambda: Residual([LSTM(3)]),
            (5, 3),
            r"let both .*, for example by return_sequences=True\.$",
        ),
        (lambda: Residual([RepeatVector(3)]), (6,), r"\(6,\): let both make the same shape\.$"),
        (
            lambda: Residual([Conv2D(3, 2)], [Cropping2D(1)]),
            (4, 4, 3),
            r"let both .*, for example by padding='same'\.$",
        ),
        (lambda: Residual([Flatten()]), (2, 2, 3), r"\(2, 2, 3\): let both make the same shape\.$"),
        (lambda: Parallel([Dense(3), Dense(2)], "add"), (4,), r"'add'.*'dense_1' \(3,\).*\(2,\)"),
        (lambda: Columns([4]), (4,), r"takes the columns \[4\], but its inputs have 4"),
        (lambda: Columns([-5]), (4,), r"its inputs have 4"),
    ],
)
def test_misfits_are_found_before_training(layer, shape, message):
    model = bp.Sequential([layer(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(ShapeError, match=message):
        model.fit(np.ones((3, *shape)), np.ones(3), verbose=0)
    with pytest.raises(ShapeError, match=message):
        bp.Sequential([bp.Input(shape), layer()])


@pytest.mark.parametrize(("layers", "shortcut", "shape"), [
    (lambda: [Dense(6)], [Dense(5)], (6,)),
    (lambda: [Conv2D(8, 3, strides=2, padding="same")], [Conv2D(8, 1)], (8, 8, 3)),
    (lambda: [Conv2D(8, 3, strides=2, padding="same")], None, (8, 8, 3)),
    (lambda: [Conv2D(8, 1)], [Conv2D(4, 1)], (8, 8, 3)),
    (lambda: [UpSampling2D()], None, (2, 2, 3)),
    (lambda: [Conv2DTranspose(3, 2, 2)], None, (4, 3, 3)),
    (lambda: [Conv2DTranspose(8, 3, (2, 1), padding="same")], None, (4, 3, 3)),
    (lambda: [Conv1DTranspose(8, 2, 2)], None, (5, 3)),
])  # fmt: skip
def test_the_shortcut_that_is_advised_fits(layers, shortcut, shape):
    with pytest.raises(ShapeError, match=r" shortcut=\[.*\]\.$") as caught:
        bp.Sequential([bp.Input(shape), Residual(layers(), shortcut)])
    advised = eval(str(caught.value).partition(" shortcut=")[2][:-1])
    bp.Sequential([bp.Input(shape), Residual(layers(), advised)])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Parallel([]), ValueError, "at least one branch"),
        (lambda: Parallel([Dense(2)], "sum"), ValueError, "merge must be 'concatenate', 'add'"),
        (lambda: Residual([ReLU]), TypeError, "add the parentheses"),
        (lambda: Columns([]), ValueError, "at least one column"),
        (lambda: Columns([0.5]), ValueError, "integer"),
        (lambda: Lambda(np.square, None), TypeError, r"Lambda\(derivative\) must be a function"),
    ],
)
def test_mistakes_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_function_with_a_name_is_saved(tmp_path):
    model = bp.Sequential([Lambda(np.negative, negated, doubled), Dense(1)], seed=0)
    with pytest.raises(TypeError, match="function of Lambda 'lambda_1' cannot be saved"):
        model.save(tmp_path / "model.npz")
    model = bp.Sequential([Lambda(halved, negated), Dense(1)], seed=0)
    model.build((None, 3))
    model.save(tmp_path / "model.npz")
    functions = {"halved": halved, "negated": negated}
    other = bp.load_model(tmp_path / "model.npz", custom_objects=functions)
    np.testing.assert_array_equal(other.predict(np.ones((2, 3))), model.predict(np.ones((2, 3))))


def halved(X):
    return X / 2


def doubled(shape):
    return shape


def test_a_shortcut_that_is_no_list_is_named():
    with pytest.raises(TypeError, match=r"shortcut must be a list: write shortcut=\[<Dense"):
        Residual([Dense(2)], shortcut=Dense(2))


def test_what_was_frozen_by_itself_stays_so_when_its_block_is_thawed(tmp_path):
    """A parameter as a layer does; also in files and copies that are made meanwhile."""

    def network():
        block = Residual([Dense(4, name="a"), Dense(4, name="b")], name="block")
        model = bp.Sequential([bp.Input(4), block, Dense(1)], seed=0)
        model.compile("sgd", "mse")
        return model

    def trained(parameters):
        return [p.name for p in parameters if p.trainable]

    model = network()
    block = model.layers[0]
    left = ["block.a.b", "block.b.W", "dense_1.W", "dense_1.b"]
    model.parameters["block.a.W"].trainable = False
    model.parameters["block.b.b"].trainable = False
    assert trained(model.parameters) == left
    for part in (block, block.layers[0], model):
        part.trainable = False
        model.save(tmp_path / "model.npz")
        loaded = bp.load_model(tmp_path / "model.npz")
        assert trained(loaded.parameters) == trained(model.parameters)
        loaded.layers[0].trainable = True
        twin = block.copy()
        twin.build((4,))
        part.trainable = twin.trainable = True
        assert trained(model.parameters) == left
        if part is block:
            assert trained(loaded.parameters) == left
            assert trained(twin.parameters) == ["a.b", "b.W"]
    model.parameters["block.a.W"].trainable = True
    assert trained(model.parameters) == ["block.a.W", *left]


def test_layers_that_a_block_builds_without_having_adopted_them(tmp_path):
    """Their parameters were called None.W, and two of them were refused for having one name."""

    class Two(Block):
        def __init__(self):
            super().__init__()
            self.first, self.second = Dense(4), Dense(3)

        def make_parameters(self, input_shape):
            self.build_child(self.second, self.build_child(self.first, input_shape))

        def output_shape(self, input_shape):
            return (3,)

        def forward(self, X, training=False):
            return self.second.forward(self.first.forward(X, training), training)

        def backward(self, delta):
            return self.first.backward(self.second.backward(delta))

    X = np.random.default_rng(0).normal(size=(20, 5))
    model = bp.Sequential([Two(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], verbose=0)
    names = [p.name for p in model.parameters]
    assert names[:4] == [f"two_1.dense_{k}.{name}" for k in (1, 2) for name in "Wb"]
    assert [layer.name for layer in model.layers[0].children] == ["dense_1", "dense_2"]
    model.save(tmp_path / "m.npz")
    again = bp.load_model(tmp_path / "m.npz", custom_objects={"Two": Two})
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
