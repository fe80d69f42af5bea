"""Recurrent layers: masks, dropout, order of the steps, weights as in Keras, errors."""

import functools
from typing import Any

import numpy as np
import pytest
from mistakes import assert_speaks

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.engine.recorded import RecordedStep
from backprop.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Chain,
    Dense,
    Embedding,
    Masking,
    SimpleRNN,
    Softmax,
    TimeDistributed,
)
from backprop.layers.recurrent import AT_ONCE
from backprop.training.step import Step

Array = np.ndarray[Any, Any]

KINDS = {
    "simple_rnn": SimpleRNN,
    "lstm": LSTM,
    "gru": GRU,
    "gru_reset_before": functools.partial(GRU, reset_after=False),
}
each_kind = pytest.mark.parametrize("kind", KINDS)
each_return = pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
each_way = pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])


def built(layer: Any, shape: tuple[int, ...], dtype: str = "float64") -> Any:
    layer.build(shape, np.random.default_rng(7), dtype)
    noise = np.random.default_rng(8)
    for p in layer.parameters:
        p.value += (0.3 * noise.standard_normal(p.shape)).astype(dtype)
    return layer


def both_ways(units: int, **arguments: Any) -> Bidirectional:
    return Bidirectional(GRU(units, **arguments), "mul")


# --- masks ----------------------------------------------------------------------------------------

LENGTHS = [5, 1, 7, 0, 3, 7]


def masks(T: int, rng: np.random.Generator) -> dict[str, Array]:
    steps, lengths = np.arange(T), np.array(LENGTHS)[:, np.newaxis]
    return {
        "behind": steps < lengths,
        "in front": steps >= T - lengths,
        "anywhere": rng.permuted(steps < lengths, axis=1),
    }


@pytest.mark.parametrize("where", ["behind", "in front", "anywhere"])
@each_return
@each_way
@each_kind
def test_a_padded_batch_gives_what_each_sequence_gives_alone(
    kind: str, backwards: bool, sequences: bool, where: str, rng: np.random.Generator
) -> None:
    arguments = {"return_sequences": sequences, "go_backwards": backwards}
    check_alone(lambda: KINDS[kind](3, **arguments), where, rng)


@pytest.mark.parametrize("where", ["behind", "in front", "anywhere"])
@each_return
def test_a_padded_batch_in_both_directions(
    sequences: bool, where: str, rng: np.random.Generator
) -> None:
    check_alone(lambda: both_ways(3, return_sequences=sequences), where, rng)


def check_alone(make: Any, where: str, rng: np.random.Generator) -> None:
    """Outputs and all gradients, to 1e-12; what stands in the padded steps does not matter."""
    T = max(LENGTHS)
    mask = masks(T, rng)[where]
    X = rng.standard_normal((len(LENGTHS), T, 2))
    X[~mask] = 1e3
    layer = built(make(), X.shape[1:])
    Y = layer.forward(X, training=True, mask=mask)
    np.testing.assert_array_equal(layer.forward(X, mask=mask), Y)
    delta = rng.standard_normal(Y.shape)
    known = layer.output_mask(X, mask)
    if known is not None:
        assert known.shape == Y.shape[:2]
        delta[~known] = 0  # the loss leaves padded steps out
    dX = layer.backward(delta)
    found = [p.gradient.copy() for p in layer.parameters]

    sums = [np.zeros_like(gradient) for gradient in found]
    assert not dX[~mask].any()
    for n, length in enumerate(LENGTHS):
        if length == 0:
            assert not Y[n].any()  # h_0 = 0
            continue
        alone = built(make(), X.shape[1:])
        y = alone.forward(X[n : n + 1, mask[n]], training=True)
        d = delta[n] if known is None else delta[n, known[n]]
        dx = alone.backward(d[np.newaxis])
        np.testing.assert_allclose(Y[n] if known is None else Y[n, known[n]], y[0], atol=1e-12)
        np.testing.assert_allclose(dX[n, mask[n]], dx[0], rtol=1e-12, atol=1e-12)
        for total, p in zip(sums, alone.parameters, strict=True):
            total += p.gradient
    for gradient, total in zip(found, sums, strict=True):
        np.testing.assert_allclose(gradient, total, rtol=1e-12, atol=1e-12)


@each_kind
def test_a_padded_step_repeats_the_output_before_it(kind: str, rng: np.random.Generator) -> None:
    layer = built(KINDS[kind](3, return_sequences=True), (5, 2))
    mask = np.array([[False, True, False, False, True]])
    Y = layer.forward(rng.standard_normal((1, 5, 2)), mask=mask)[0]
    assert not Y[0].any()
    np.testing.assert_array_equal(Y[2], Y[1])
    np.testing.assert_array_equal(Y[3], Y[1])
    assert not np.allclose(Y[4], Y[1])


def test_a_padded_step_is_zero_behind_both_directions_as_in_keras(rng: np.random.Generator) -> None:
    for mode in ("concat", "sum", "ave", "mul"):
        layer = built(Bidirectional(LSTM(3, return_sequences=True), mode), (4, 2))
        mask = np.array([[True, True, False, False], [False, True, False, True]])
        Y = layer.forward(rng.standard_normal((2, 4, 2)), mask=mask)
        np.testing.assert_array_equal(Y.any(axis=-1), mask)


@each_kind
def test_a_mask_of_true_changes_nothing(kind: str, rng: np.random.Generator) -> None:
    X, delta = rng.standard_normal((4, 5, 2)), rng.standard_normal((4, 3))
    results = []
    for mask in (None, np.ones((4, 5), bool)):
        layer = built(KINDS[kind](3), X.shape[1:])
        Y = layer.forward(X, training=True, mask=mask).copy()
        results.append([Y, layer.backward(delta), *(p.gradient for p in layer.parameters)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_which_steps_there_are_behind_a_layer() -> None:
    X, mask = np.ones((2, 3, 4)), np.array([[True, True, False], [True, False, False]])
    assert LSTM(2).output_mask(X, mask) is None
    assert LSTM(2, return_sequences=True).output_mask(X, None) is None
    np.testing.assert_array_equal(GRU(2, return_sequences=True).output_mask(X, mask), mask)
    reversed_ = GRU(2, return_sequences=True, go_backwards=True).output_mask(X, mask)
    np.testing.assert_array_equal(reversed_, mask[:, ::-1])
    assert Bidirectional(LSTM(2)).output_mask(X, mask) is None
    twice = Bidirectional(LSTM(2, return_sequences=True))
    np.testing.assert_array_equal(twice.output_mask(X, mask), mask)
    np.testing.assert_array_equal(TimeDistributed(Dense(2)).output_mask(X, mask), mask)


@pytest.mark.parametrize("first", ["embedding", "masking"])
def test_a_chain_hands_the_mask_on(first: str, rng: np.random.Generator) -> None:
    """Stacked layers read a padded sequence as they read it alone."""

    def chain() -> Chain:
        front = Embedding(9, 3, mask_zero=True) if first == "embedding" else Masking()
        return built(
            Chain(
                [
                    front,
                    Bidirectional(LSTM(3, return_sequences=True)),
                    TimeDistributed(Dense(3)),
                    GRU(2),
                ]
            ),
            (6,) if first == "embedding" else (6, 3),
        )

    X = rng.integers(1, 9, (3, 6)) if first == "embedding" else rng.standard_normal((3, 6, 3))
    lengths = [6, 2, 4]
    for n, length in enumerate(lengths):
        X[n, length:] = 0
    Y = chain().forward(X)
    for n, length in enumerate(lengths):
        alone = chain().forward(X[n : n + 1, :length])
        np.testing.assert_allclose(Y[n], alone[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [*KINDS, "bidirectional", "lstm_dropout"])
def test_recorded_with_a_mask_it_gives_the_same_bits(kind: str, dtype: str) -> None:
    makes: dict[str, Any] = {
        **KINDS,
        "bidirectional": both_ways,
        "lstm_dropout": functools.partial(LSTM, dropout=0.2, recurrent_dropout=0.3),
    }

    def network() -> bp.Sequential:
        layers = [Embedding(9, 3, mask_zero=True), makes[kind](3, return_sequences=True), GRU(2)]
        model = bp.Sequential([Chain(layers), Dense(3), Softmax()], seed=1, dtype=dtype)
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.build((None, 6))
        return model

    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 9, (5, 6)).astype(dtype), rng.integers(0, 3, 5)
    one, other = network(), network()
    for model in (one, other):
        Step(model).gradients(X, y, None)
    recorded = RecordedStep(one, X, y, None)
    Step(other).gradients(X, y, None)
    assert recorded.tape.failure is None
    for _ in range(3):
        X[...] = rng.integers(0, 9, X.shape)
        for call in recorded.calls:
            call()
        _, prediction = Step(other).gradients(X, y, None)
        np.testing.assert_array_equal(recorded.prediction, prediction)
        np.testing.assert_array_equal(one.parameters.gradients, other.parameters.gradients)


# --- order, parts, dropout ------------------------------------------------------------------------


@each_kind
@each_return
def test_backwards_is_forwards_on_the_reversed_sequence(
    kind: str, sequences: bool, rng: np.random.Generator
) -> None:
    X = rng.standard_normal((4, 5, 2))
    one = built(KINDS[kind](3, return_sequences=sequences, go_backwards=True), X.shape[1:])
    other = built(KINDS[kind](3, return_sequences=sequences), X.shape[1:])
    Y = one.forward(X, training=True)
    np.testing.assert_array_equal(Y, other.forward(X[:, ::-1], training=True))
    delta = rng.standard_normal(Y.shape)
    np.testing.assert_array_equal(one.backward(delta), other.backward(delta)[:, ::-1])


@each_kind
def test_the_last_state_is_the_last_of_all_states(kind: str, rng: np.random.Generator) -> None:
    X = rng.standard_normal((4, 5, 2))
    all_states = built(KINDS[kind](3, return_sequences=True), X.shape[1:]).forward(X)
    np.testing.assert_array_equal(built(KINDS[kind](3), X.shape[1:]).forward(X), all_states[:, -1])


@each_kind
def test_inference_goes_through_many_sequences_part_by_part(
    kind: str, rng: np.random.Generator
) -> None:
    X = rng.standard_normal((2 * AT_ONCE + 3, 4, 2))
    mask = rng.random(X.shape[:2]) > 0.3
    layer = built(KINDS[kind](3), X.shape[1:])
    Y = layer.forward(X, mask=mask)
    np.testing.assert_allclose(Y, layer.forward(X, training=True, mask=mask), rtol=1e-13)


def test_both_directions_have_weights_of_their_own(rng: np.random.Generator) -> None:
    X = rng.standard_normal((3, 4, 2))
    layer = built(Bidirectional(LSTM(3, return_sequences=True)), X.shape[1:])
    assert [p.name for p in layer.parameters] == [
        *("forward.W", "forward.U", "forward.b"),
        *("backward.W", "backward.U", "backward.b"),
    ]
    assert not np.array_equal(layer.layer.W, layer.backward_layer.W)
    assert (layer.layer.go_backwards, layer.backward_layer.go_backwards) == (False, True)
    Y = layer.forward(X)
    np.testing.assert_array_equal(Y[..., :3], layer.layer.forward(X))
    np.testing.assert_array_equal(Y[..., 3:], layer.backward_layer.forward(X)[:, ::-1])


def test_other_units_for_the_other_direction(rng: np.random.Generator) -> None:
    layer = Bidirectional(LSTM(3), backward_layer=GRU(2, go_backwards=True))
    assert layer.output_shape((4, 2)) == (5,)
    built(layer, (4, 2))
    Y = layer.forward(rng.standard_normal((3, 4, 2)), training=True)
    assert layer.backward(np.ones_like(Y)).shape == (3, 4, 2)


def test_every_step_is_a_sample_of_the_wrapped_layer(rng: np.random.Generator) -> None:
    X = rng.standard_normal((3, 4, 2))
    wrapped, bare = built(TimeDistributed(Dense(5)), (4, 2)), built(Dense(5), (2,))
    np.testing.assert_allclose(wrapped.forward(X), bare.forward(X), rtol=1e-14)
    images = rng.standard_normal((3, 4, 2, 5))  # a sample of the wrapped layer is a sequence
    outer = built(TimeDistributed(LSTM(3)), images.shape[1:])
    assert outer.output_shape((4, 2, 5)) == (4, 3)
    inner = built(LSTM(3), (2, 5))
    np.testing.assert_array_equal(outer.forward(images)[:, 1], inner.forward(images[:, 1]))


@each_kind
def test_dropout_is_the_same_in_every_step(kind: str, rng: np.random.Generator) -> None:
    """With all steps alike, dropped features stay dropped: x ⊙ r in every step."""
    layer = built(KINDS[kind](4, dropout=0.5, seed=3), (6, 8))
    X = np.ones((5, 6, 8))
    Y = layer.forward(X, training=True).copy()
    r_x = layer._steps[3]
    assert set(np.unique(r_x)) == {0.0, 2.0}
    plain_layer = built(KINDS[kind](4), (6, 8))
    np.testing.assert_allclose(Y, plain_layer.forward(X * r_x[:, np.newaxis]), rtol=1e-13)
    again = layer.forward(X, training=True)
    assert not np.array_equal(Y, again)
    np.testing.assert_array_equal(layer.forward(X), plain_layer.forward(X))


@each_kind
def test_recurrent_dropout_leaves_the_state_itself_alone(kind: str) -> None:
    """What is dropped is what meets U: with U = 0 there is nothing to be dropped."""
    layer = built(KINDS[kind](4, recurrent_dropout=0.5), (6, 8))
    layer.U = np.zeros(layer.U.shape)
    X = np.random.default_rng(0).standard_normal((5, 6, 8))
    np.testing.assert_allclose(layer.forward(X, training=True), layer.forward(X), rtol=1e-13)


def test_the_seed_of_the_layer_determines_its_noise() -> None:
    X = np.ones((5, 6, 8))
    one, same, other = (built(GRU(4, dropout=0.5, seed=s), (6, 8)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.forward(X, True), same.forward(X, True))
    assert not np.array_equal(one.forward(X, True), other.forward(X, True))


def test_only_layers_with_dropout_are_random() -> None:
    assert not LSTM(3).random
    assert LSTM(3, dropout=0.1).random
    assert GRU(3, recurrent_dropout=0.1).random


# --- weights --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (SimpleRNN(4), [(3, 4), (4, 4), (4,)]),
        (LSTM(4), [(3, 16), (4, 16), (16,)]),
        (LSTM(4, use_bias=False), [(3, 16), (4, 16)]),
        (GRU(4), [(3, 12), (4, 12), (2, 12)]),
        (GRU(4, reset_after=False), [(3, 12), (4, 12), (12,)]),
    ],
    ids=str,
)
def test_weights_have_the_shapes_and_the_order_of_keras(layer: Any, shapes: Any) -> None:
    model = bp.Sequential([layer])
    model.build((None, 5, 3))
    assert [w.shape for w in model.get_weights()] == shapes
    assert [p.decays for p in model.parameters] == [True, True, False][: len(shapes)]


def test_initial_weights_are_those_of_keras() -> None:
    layer = LSTM(6)
    layer.build((5, 3), np.random.default_rng(0), "float64")
    np.testing.assert_allclose(layer.U @ layer.U.T, np.eye(6), atol=1e-14)
    assert np.abs(layer.W).max() <= np.sqrt(6 / (3 + 24))
    np.testing.assert_array_equal(layer.b, np.repeat([0, 1, 0, 0], 6))
    other = LSTM(6, unit_forget_bias=False, bias_initializer="ones")
    other.build((5, 3))
    assert (other.b == 1).all()


def test_penalties_and_conditions_reach_each_of_the_weights() -> None:
    layer = GRU(
        3,
        kernel_regularizer="l1",
        recurrent_regularizer="l2",
        bias_regularizer="l1_l2",
        recurrent_constraint="max_norm",
    )
    layer.build((4, 2))
    W, U, b = layer.parameters
    assert [type(p.regularizer).__name__ for p in (W, U, b)] == ["L1", "L2", "L1L2"]
    assert [p.constraint is None for p in (W, U, b)] == [True, False, True]


# --- in a model -----------------------------------------------------------------------------------


def test_a_model_learns_to_find_a_number(rng: np.random.Generator) -> None:
    X = rng.integers(0, 9, (40, 6))
    y = (X == 4).any(axis=1).astype(int)
    model = bp.Sequential([Embedding(9, 8), Bidirectional(LSTM(8)), Dense(2), Softmax()], seed=0)
    model.compile(bp.optimizers.Adam(0.02), "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(X, y, epochs=30, batch_size=8, verbose=0)
    assert history.history["accuracy"][-1] == 1.0


def test_sequences_of_another_length_in_every_batch(rng: np.random.Generator) -> None:
    layer = built(LSTM(3, return_sequences=True), (5, 2))
    for T in (5, 2, 9, 1):
        X = rng.standard_normal((4, T, 2))
        Y = layer.forward(X, training=True)
        assert Y.shape == (4, T, 3)
        assert layer.backward(np.ones_like(Y)).shape == X.shape


# --- mistakes -------------------------------------------------------------------------------------

MISTAKES = {
    "no axis of features": (
        lambda: LSTM(3, name="lstm_1").build((5,)),
        ["LSTM 'lstm_1'", "(N, T, C)", "(N, 5)", "X[..., np.newaxis] of an array"],
    ),
    "images": (lambda: GRU(3).build((5, 4, 3)), ["GRU", "(N, T, C)", "(N, 5, 4, 3)", "Reshape"]),
    "wrong mask": (
        lambda: built(LSTM(3), (5, 2)).forward(np.ones((4, 5, 2)), mask=np.ones((4, 6))),
        ["LSTM", "(4, 5, 2)", "(4, 6)", "(4, 5)"],
    ),
    "units": (lambda: LSTM(0), ["LSTM(units)", "0"]),
    "dropout": (lambda: LSTM(3, dropout=1.0), ["dropout", "1.0"]),
    "recurrent_dropout": (lambda: GRU(3, recurrent_dropout=-0.1), ["recurrent_dropout", "-0.1"]),
    "activation": (lambda: LSTM(3, activation="relu"), ["LSTM(3)", "activation", "tanh"]),
    "merge_mode": (lambda: Bidirectional(LSTM(3), "plus"), ["merge_mode", "concat", "'plus'"]),
    "no recurrent layer": (lambda: Bidirectional(Dense(3)), ["Bidirectional", "go_backwards"]),
    "the same way twice": (
        lambda: Bidirectional(LSTM(3), backward_layer=LSTM(3)),
        ["Bidirectional", "go_backwards", "[False, False]"],
    ),
    "one with all steps": (
        lambda: Bidirectional(
            LSTM(3), backward_layer=LSTM(3, go_backwards=True, return_sequences=True)
        ),
        ["Bidirectional", "return_sequences"],
    ),
    "other units": (
        lambda: Bidirectional(LSTM(3), "sum", GRU(2, go_backwards=True)).build((5, 2)),
        ["'sum'", "(3,)", "(2,)", "concat"],
    ),
    "no steps": (lambda: TimeDistributed(Dense(3)).build((4,)), ["TimeDistributed", "(N, 4)"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name: str) -> None:
    mistake, words = MISTAKES[name]
    with pytest.raises((ValueError, TypeError)) as caught:
        mistake()
    assert_speaks(caught, words)


def test_a_layer_of_a_model_is_not_taken_into_another() -> None:
    layer = built(LSTM(3, name="mine"), (5, 2))
    with pytest.raises(ValueError, match="belongs to a model"):
        Bidirectional(layer)
    assert layer.name == "mine"


def test_shapes_are_checked_before_anything_is_computed() -> None:
    layer = built(LSTM(3), (5, 2))
    with pytest.raises(ShapeError, match=r"samples of shape \(5, 2\)"):
        layer.forward(np.ones((4, 5, 3)))
