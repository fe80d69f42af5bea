"""Attention against PyTorch's numbers, against loops, and against what must not change anything."""

import copy
import pickle
from typing import Any

import attention_by_loops as by_loops
import numpy as np
import pytest
from published import published

import backprop as bp
from backprop.core.errors import ShapeError
from backprop.engine.recorded import RecordedStep
from backprop.layers import (
    Chain,
    Dense,
    Dropout,
    GlobalAveragePooling1D,
    Masking,
    MultiHeadAttention,
    TransformerBlock,
)
from backprop.training.step import Step

Array = np.ndarray[Any, Any]
ORDER = ["query", "key", "value", "output"]

FORMS = {
    "plain": {},
    "causal": {"causal": True},
    "one_head": {"num_heads": 1},
    "window": {"sliding_window": 2},
    "causal_window": {"sliding_window": 3, "causal": True},
    "other_values": {"key_dim": 2, "value_dim": 5},
    "without_bias": {"use_bias": False, "causal": True},
}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def built(C: int = 6, dtype: str = "float64", **form: Any) -> Any:
    """A layer with weights none of which is 0."""
    layer = MultiHeadAttention(**{"num_heads": 2, "key_dim": 3, **form})
    layer.build((5, C), np.random.default_rng(0), dtype)
    return with_noise(layer)


def with_noise(layer: Any) -> Any:
    rng = np.random.default_rng(1)
    for p in layer.parameters:
        p.value += (0.5 * rng.standard_normal(p.shape)).astype(layer.dtype)
    return layer


def random_lengths(rng: np.random.Generator, N: int, T: int) -> tuple[Array, Array]:
    """Lengths from 1 to T, T among them, and the mask of sequences that are as long."""
    lengths = rng.integers(1, T + 1, N)
    lengths[0] = T
    return lengths, np.arange(T) < lengths[:, np.newaxis]


# ------------------------------------------------------------------------------ published numbers


@pytest.mark.parametrize("case", ["mha_plain", "mha_causal", "mha_keypad"])
def test_it_equals_pytorch(case: str) -> None:
    """PyTorch's output, weights of attention, and gradients of Σ y · upstream."""
    of = published("attention.npz", case)
    X = of["x"]
    layer = MultiHeadAttention(2, 3, causal=case == "mha_causal")
    layer.build(X.shape[1:], np.random.default_rng(0), "float64")
    for what, short in zip(ORDER, ("q", "k", "v", "out"), strict=True):
        setattr(layer, f"W_{what}", of[f"keras_{short}_kernel"])
        setattr(layer, f"b_{what}", of[f"keras_{short}_bias"])
    mask = {"mask": ~of["blocked"]} if case == "mha_keypad" else {}
    near = {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(layer.forward(X, True, **mask), of["y"], **near)
    np.testing.assert_allclose(layer.backward(of["upstream"]), of["grad_x"], **near)
    np.testing.assert_allclose(layer.attention_weights(X, **mask), of["attn"], **near)
    # PyTorch has (out, in), and queries, keys and values in one matrix
    W = of["grad_param_in_proj_weight"].reshape(3, 6, 6)
    b = of["grad_param_in_proj_bias"].reshape(3, 2, 3)
    for k, what in enumerate(ORDER[:3]):
        dW = W[k].T.reshape(6, 2, 3)
        np.testing.assert_allclose(getattr(layer, f"dW_{what}"), dW, **near)
        np.testing.assert_allclose(getattr(layer, f"db_{what}"), b[k], **near)
    dW = of["grad_param_out_proj_weight"].T.reshape(2, 3, 6)
    np.testing.assert_allclose(layer.dW_output, dW, **near)
    np.testing.assert_allclose(layer.db_output, of["grad_param_out_proj_bias"], **near)


def test_the_weights_have_the_shapes_and_the_order_of_keras() -> None:
    layer = MultiHeadAttention(2, 3, value_dim=4)
    layer.build((5, 6))
    assert [(p.name, p.shape) for p in layer.parameters] == [
        ("W_query", (6, 2, 3)),
        ("b_query", (2, 3)),
        ("W_key", (6, 2, 3)),
        ("b_key", (2, 3)),
        ("W_value", (6, 2, 4)),
        ("b_value", (2, 4)),
        ("W_output", (2, 4, 6)),
        ("b_output", (6,)),
    ]
    assert [p.decays for p in layer.parameters] == [True, False] * 4
    bare = MultiHeadAttention(2, 3, use_bias=False)
    bare.build((5, 6))
    assert [p.name for p in bare.parameters] == [f"W_{what}" for what in ORDER]


# --------------------------------------------------------------------------------------- formulas


@each_form
@pytest.mark.parametrize("masked", [False, True], ids=["all_steps", "masked"])
def test_it_equals_loops_over_samples_heads_and_steps(
    form: dict[str, Any], masked: bool, rng: np.random.Generator
) -> None:
    layer = built(**form)
    X = rng.standard_normal((3, 5, 6))
    mask = rng.random((3, 5)) < 0.6 if masked else None
    Y, A = by_loops.attention(layer, X, mask)
    np.testing.assert_allclose(layer.forward(X, mask=mask), Y, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(layer.attention_weights(X, mask), A, rtol=1e-12, atol=1e-14)


@each_form
def test_each_step_shares_out_its_whole_attention(
    form: dict[str, Any], rng: np.random.Generator
) -> None:
    X = 10 * rng.standard_normal((2, 7, 6))
    A = built(**form).attention_weights(X)
    np.testing.assert_allclose(A.sum(axis=-1), 1, rtol=1e-14)
    assert (A >= 0).all()


def test_without_an_order_of_the_steps_the_outputs_only_change_places(
    rng: np.random.Generator,
) -> None:
    layer, X = built(), rng.standard_normal((2, 6, 6))
    order = rng.permutation(6)
    np.testing.assert_allclose(layer.forward(X[:, order]), layer.forward(X)[:, order], rtol=1e-12)


def test_the_scores_are_as_exact_in_float32_as_that_is(rng: np.random.Generator) -> None:
    X = rng.standard_normal((4, 9, 6))
    exact, rough = built(), built(dtype="float32")
    mask = random_lengths(rng, 4, 9)[1]
    Y = rough.forward(X.astype("float32"), training=True, mask=mask)
    np.testing.assert_allclose(Y, exact.forward(X, training=True, mask=mask), atol=1e-5)
    delta = rng.standard_normal(X.shape)
    dX = rough.backward(delta.astype("float32"))
    np.testing.assert_allclose(dX, exact.backward(delta), atol=1e-4)


def test_scores_of_any_size_neither_overflow_nor_hide_a_step(rng: np.random.Generator) -> None:
    """The largest score is subtracted before the exponential, in each row by itself."""
    layer = built(dtype="float32", causal=True)
    X = rng.standard_normal((2, 5, 6)).astype("float32")
    X[0] *= 1e6
    A = layer.attention_weights(X, random_lengths(rng, 2, 5)[1])
    np.testing.assert_allclose(A.sum(axis=-1), 1, rtol=1e-6)
    assert np.isfinite(layer.forward(X)).all()


# ------------------------------------------------------------------------------------------ masks

MAKES = {
    "attention": lambda: MultiHeadAttention(2, 3),
    "causal": lambda: MultiHeadAttention(2, 2, 4, causal=True),
    "block": lambda: TransformerBlock(3, 8),
    "stack": lambda: Chain([TransformerBlock(2, 8, causal=True), Dense(6), TransformerBlock(1, 4)]),
}


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_padding_changes_nothing(make: Any, rng: np.random.Generator) -> None:
    """Outputs and gradients are those of each sequence by itself, whatever the padding holds."""
    T = 7
    lengths, mask = random_lengths(rng, 6, T)
    X = rng.standard_normal((6, T, 6))
    X[~mask] = 1e3 * rng.standard_normal((np.count_nonzero(~mask), 6))
    delta = np.where(mask[..., np.newaxis], rng.standard_normal(X.shape), 0)
    layer: Any = make()
    layer.build((T, 6), np.random.default_rng(0), "float64")
    with_noise(layer)
    Y = layer.forward(X, training=True, mask=mask).copy()
    dX = layer.backward(delta).copy()
    found = [p.gradient.copy() for p in layer.parameters]
    expected = [np.zeros(p.shape) for p in layer.parameters]
    for n, length in enumerate(lengths):
        own = slice(n, n + 1), slice(length)
        np.testing.assert_allclose(
            Y[own], layer.forward(X[own], training=True), rtol=1e-12, atol=1e-12
        )
        np.testing.assert_allclose(dX[own], layer.backward(delta[own]), rtol=1e-12, atol=1e-12)
        for total, p in zip(expected, layer.parameters, strict=True):
            total += p.gradient
    assert not dX[~mask].any()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_padding_changes_nothing_in_a_model(rng: np.random.Generator) -> None:
    """From the layer that makes the mask to the one that uses it up."""
    model = bp.Sequential(
        [Masking(), TransformerBlock(2, 8), GlobalAveragePooling1D(), Dense(2)],
        seed=0,
        dtype="float64",
    )
    lengths, mask = random_lengths(rng, 5, 7)
    X = np.where(mask[..., np.newaxis], rng.standard_normal((5, 7, 6)), 0)
    together = model.forward(X)
    for n, length in enumerate(lengths):
        alone = model.forward(X[n : n + 1, :length])
        np.testing.assert_allclose(together[n : n + 1], alone, rtol=1e-12, atol=1e-12)


def test_a_step_that_may_see_nothing_sees_0(rng: np.random.Generator) -> None:
    layer, X = built(causal=True), rng.standard_normal((2, 4, 6))
    mask = np.array([[False, False, True, True], [False] * 4])
    unseen = np.array([[True, True, False, False], [True] * 4])
    A = layer.attention_weights(X, mask)
    assert not A[np.broadcast_to(unseen[:, np.newaxis], (2, 2, 4))].any()
    Y = layer.forward(X, training=True, mask=mask)
    assert (Y[unseen] == layer.b_output).all()
    delta = rng.standard_normal(X.shape)
    delta[~unseen] = 0  # only what sees nothing counts: nothing but b_output has a gradient
    assert not layer.backward(delta).any()
    gradients = {p.name: p.gradient for p in layer.parameters}
    np.testing.assert_allclose(gradients.pop("b_output"), delta.sum((0, 1)), rtol=1e-12)
    assert not any(gradient.any() for gradient in gradients.values())


def test_a_mask_of_all_steps_is_none(rng: np.random.Generator) -> None:
    layer, X = built(), rng.standard_normal((2, 4, 6))
    np.testing.assert_array_equal(layer.forward(X, mask=np.ones((2, 4), bool)), layer.forward(X))


@pytest.mark.parametrize(
    "mask",
    [np.ones((2, 3), bool), np.ones((4, 2), bool), np.ones((2, 4, 4), bool)],
    ids=["short", "turned", "of_pairs"],
)
def test_masks_that_do_not_fit(mask: Array, rng: np.random.Generator) -> None:
    layer, X = built(), rng.standard_normal((2, 4, 6))
    for call in (layer.forward, layer.attention_weights):
        with pytest.raises(ShapeError, match=r"with a mask of.*True or False for each.*\(2, 4\)"):
            call(X, mask=mask)


def test_it_takes_masks_and_hands_them_on() -> None:
    mask = np.ones((2, 4), bool)
    for layer in (MultiHeadAttention(2, 3), TransformerBlock(2, 4)):
        assert layer.takes_mask
        assert layer.output_mask(np.zeros((2, 4, 6)), mask) is mask


# ----------------------------------------------------------------------------------------- causal


@pytest.mark.parametrize(
    "make",
    [lambda: MultiHeadAttention(2, 3, causal=True), lambda: TransformerBlock(2, 8, causal=True)],
    ids=["attention", "block"],
)
def test_no_output_depends_on_a_later_input(make: Any, rng: np.random.Generator) -> None:
    """Not by a single bit; and no δ reaches back from an earlier output."""
    layer: Any = make()
    layer.build((6, 4), np.random.default_rng(0), "float32")
    with_noise(layer)
    X = rng.standard_normal((3, 6, 4)).astype("float32")
    Y = layer.forward(X)
    for t in range(5):
        other = X.copy()
        other[:, t + 1 :] = 1e3 * rng.standard_normal(other[:, t + 1 :].shape)
        changed = layer.forward(other)
        np.testing.assert_array_equal(changed[:, : t + 1], Y[:, : t + 1])
        assert (changed[:, t + 1] != Y[:, t + 1]).any()
        layer.forward(X, training=True)
        delta = rng.standard_normal(X.shape).astype("float32")
        delta[:, t + 1 :] = 0
        assert not layer.backward(delta)[:, t + 1 :].any()


# ---------------------------------------------------------------------------------------- dropout


def test_dropout_drops_shares_of_attention_in_training_alone(rng: np.random.Generator) -> None:
    layer = built(dropout=0.25)
    X = rng.standard_normal((40, 20, 6))
    layer.forward(X, training=True)
    factors, counts = np.unique(layer._factor, return_counts=True)
    np.testing.assert_allclose(factors, [0, 1 / 0.75])
    assert abs(counts[0] / counts.sum() - 0.25) < 0.01
    plain = MultiHeadAttention(2, 3)
    plain.build((20, 6), dtype="float64")
    for p, other in zip(plain.parameters, layer.parameters, strict=True):
        p.value = other.value
    np.testing.assert_array_equal(layer.forward(X), plain.forward(X))
    np.testing.assert_array_equal(layer.attention_weights(X), plain.attention_weights(X))
    Y = layer.forward(X, training=True)
    factors = layer._factor.transpose(1, 2, 3, 0)  # kept with the keys in front
    V = np.einsum("ntc,chd->nhtd", X, layer.W_value) + layer.b_value[:, np.newaxis]
    seen = (layer.attention_weights(X) * factors) @ V
    expected = np.einsum("nhtd,hdc->ntc", seen, layer.W_output) + layer.b_output
    np.testing.assert_allclose(Y, expected, rtol=1e-11, atol=1e-12)
    Y = np.array([layer.forward(X, training=True) + 0 for _ in range(200)])
    far = 6 * Y.std(axis=0) / np.sqrt(len(Y)) + 1e-12
    assert (abs(Y.mean(axis=0) - plain.forward(X)) < far).all()


def test_dropout_has_a_generator_of_its_own() -> None:
    """What other layers draw is the same with and without it."""

    def masks(dropout: float) -> Array:
        model = bp.Sequential([MultiHeadAttention(2, 3, dropout=dropout), Dropout(0.5)], seed=3)
        model.forward(np.ones((2, 4, 6)), training=True)
        layer: Any = model.layers[1]
        return np.array(layer.M)

    assert not MultiHeadAttention(2, 3).random
    assert MultiHeadAttention(2, 3, dropout=0.1).random
    model = bp.Sequential([MultiHeadAttention(2, 3, dropout=0.5)], seed=3)
    model.build((None, 4, 6))
    without = bp.Sequential([MultiHeadAttention(2, 3)], seed=3)
    without.build((None, 4, 6))
    np.testing.assert_array_equal(model.parameters.values, without.parameters.values)
    np.testing.assert_array_equal(masks(0.3), masks(0.6))
    two = bp.Sequential([MultiHeadAttention(2, 3, dropout=0.5) for _ in range(2)], seed=3)
    two.build((None, 4, 6))
    one, other = (layer._rng for layer in two.layers)
    assert one is not other
    assert one.random() != other.random()


# ------------------------------------------------------------------------------------ looking at it


def test_looking_at_the_weights_changes_nothing(rng: np.random.Generator) -> None:
    layer, X = built(dropout=0.5), rng.standard_normal((3, 4, 6))
    layer.forward(X, training=True)
    delta = rng.standard_normal(X.shape)
    before, expected = pickle.dumps(layer), copy.deepcopy(layer).backward(delta)
    A = layer.attention_weights(X[:2], mask=np.ones((2, 4), bool))
    assert A.shape == (2, 2, 4, 4)
    assert A.flags.c_contiguous
    assert pickle.dumps(layer) == before
    np.testing.assert_array_equal(layer.backward(delta), expected)


# --------------------------------------------------------------------------------- recorded steps


@pytest.mark.parametrize("causal", [False, True], ids=["whole", "causal"])
def test_recorded_steps_follow_the_mask_of_each_batch(
    causal: bool, rng: np.random.Generator
) -> None:
    """The mask is an array like all others: a replayed step gives the bits of one by the layers."""
    model = bp.Sequential([Masking(), TransformerBlock(2, 8, 0.2, causal), Dense(3)], seed=0)
    model.compile(loss="mse")
    X, y = np.zeros((5, 6, 4), "float32"), np.zeros((5, 6, 3), "float32")

    def draw() -> None:
        X[...] = rng.standard_normal(X.shape)
        X[~random_lengths(rng, 5, 6)[1]] = 0
        y[...] = rng.standard_normal(y.shape)

    draw()
    model.build((None, 6, 4))
    Step(model).gradients(X, y, None)
    by_layers = copy.deepcopy(model)
    recorded = RecordedStep(model, X, y, None)
    assert recorded.works, recorded.tape.failure
    Step(by_layers).gradients(X, y, None)
    for _ in range(3):
        draw()
        for call in recorded.calls:
            call()
        loss, prediction = Step(by_layers).gradients(X, y, None)
        np.testing.assert_array_equal(recorded.prediction, prediction)
        np.testing.assert_array_equal(model.parameters.gradients, by_layers.parameters.gradients)
        assert float(recorded.total) / recorded.size == loss


# ----------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 0}, r"num_heads\) must be an integer of 1 or more, but it is 0"),
        ({"num_heads": 2.0}, r"num_heads\) must be an integer"),
        ({"key_dim": 0}, r"key_dim\) must be an integer of 1 or more"),
        ({"value_dim": -1}, r"value_dim\) must be an integer of 1 or more"),
        ({"dropout": 1.0}, r"dropout\) must be 0 or more and below 1, but it is 1"),
        ({"dropout": -0.1}, r"dropout\) must be 0 or more"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(**{"num_heads": 2, "key_dim": 3, **arguments})


@pytest.mark.parametrize("shape", [(6,), (3, 4, 6)])
def test_samples_must_be_sequences(shape: tuple[int, ...]) -> None:
    layer = MultiHeadAttention(2, 3, name="attention")
    for call in (layer.output_shape, layer.build):
        with pytest.raises(ShapeError, match=r"'attention' takes arrays of shape \(N, T, C\) but"):
            call(shape)
    model = bp.Sequential([MultiHeadAttention(2, 3)])
    model.compile(loss="mse")
    with pytest.raises(ShapeError, match=r"takes arrays of shape \(N, T, C\)"):
        model.fit(np.zeros((2, *shape)), np.zeros((2, *shape)), verbose=0)


def test_inputs_of_another_shape_than_it_was_built_for() -> None:
    layer = built()
    with pytest.raises(ShapeError, match=r"received an array of shape \(2, 4, 5\)"):
        layer.forward(np.zeros((2, 4, 5)))
    with pytest.raises(ShapeError, match=r"takes arrays of shape \(N, T, C\) but received"):
        layer.forward(np.zeros((2, 6)))
