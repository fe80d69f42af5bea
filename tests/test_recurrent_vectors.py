"""Recurrent layers and Embedding against PyTorch's and Keras's numbers."""

from typing import Any

import numpy as np
import pytest
from published import published

from backprop.layers import GRU, LSTM, Bidirectional, Embedding, SimpleRNN

Array = np.ndarray[Any, Any]

UNITS = 4
KINDS = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU}
OTHER_ORDER = {"gru": [1, 0, 2]}
"""Where PyTorch's gates r, z, n stand among Keras's z, r, h; the others' order is the same."""


def close(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def columns(A: Array, kind: str) -> Array:
    """PyTorch's ``(gates · units, …)`` in Keras's form, ``(…, gates · units)``."""
    order = OTHER_ORDER.get(kind)
    if order is not None:
        A = A.reshape(len(order), UNITS, *A.shape[1:])[order].reshape(A.shape)
    return A.T


def beginning(kind: str, states: dict[str, Array], **arguments: Any) -> Any:
    """A layer that begins with these states in the place of zeros."""

    class Begins(KINDS[kind]):  # type: ignore[misc]
        def begin(self, what, out):
            out[...] = states[what]

    return Begins(UNITS, **arguments)


def one_way(kind: str, v: dict[str, Array], k: int, suffix: str = "", **arguments: Any) -> Any:
    states = {"h_0": v["h0"][k]}
    if kind == "lstm":
        states |= {"c_0": v["c0"][k], "dc_T": v["upstream_cn"][k]}
    return beginning(kind, states, return_sequences=True, **arguments)


def set_weights(layer: Any, v: dict[str, Array], suffix: str = "") -> None:
    layer.W, layer.U = v[f"keras_kernel{suffix}"], v[f"keras_recurrent_kernel{suffix}"]
    layer.b = v[f"keras_bias{suffix}"]


def assert_gradients(layer: Any, kind: str, v: dict[str, Array], suffix: str = "") -> None:
    close(layer.dW, columns(v[f"grad_param_weight_ih_l0{suffix}"], kind))
    close(layer.dU, columns(v[f"grad_param_weight_hh_l0{suffix}"], kind))
    biases = [columns(v[f"grad_param_bias_{which}_l0{suffix}"], kind) for which in ("ih", "hh")]
    close(layer.db, np.stack(biases) if kind == "gru" else biases[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_computes_what_pytorch_does(kind: str) -> None:
    v = published("layers_sequences.npz", kind)
    layer = one_way(kind, v, 0)
    layer.build(v["x"].shape[1:], np.random.default_rng(0), "float64")
    set_weights(layer, v)
    for training in (False, True):
        close(layer.forward(v["x"], training), v["y"])
    delta = v["upstream_y"].copy()
    delta[:, -1] += v["upstream_hn"][0]
    close(layer.backward(delta), v["grad_x"])
    assert_gradients(layer, kind, v)


@pytest.mark.parametrize("kind", KINDS)
def test_both_directions(kind: str) -> None:
    v = published("layers_sequences.npz", f"{kind}_bidir")
    ways = [one_way(kind, v, k, go_backwards=k == 1) for k in (0, 1)]
    layer = Bidirectional(ways[0], backward_layer=ways[1])
    layer.build(v["x"].shape[1:], np.random.default_rng(0), "float64")
    for way, suffix in zip(ways, ("", "_reverse"), strict=True):
        set_weights(way, v, suffix)
    for training in (False, True):
        close(layer.forward(v["x"], training), v["y"])
    delta = v["upstream_y"].copy()
    delta[:, -1, :UNITS] += v["upstream_hn"][0]
    delta[:, 0, UNITS:] += v["upstream_hn"][1]
    close(layer.backward(delta), v["grad_x"])
    for way, suffix in zip(ways, ("", "_reverse"), strict=True):
        assert_gradients(way, kind, v, suffix)


def test_gru_with_the_reset_before_the_product() -> None:
    v = published("layers_sequences.npz", "gru_reset_before")
    layer = GRU(UNITS, reset_after=False, return_sequences=True)
    layer.build(v["x"].shape[1:], np.random.default_rng(0), "float64")
    layer.W, layer.U, layer.b = v["kernel"], v["recurrent_kernel"], v["bias"]
    close(layer.forward(v["x"]), v["y"])
    close(layer.forward(v["x"], training=True), v["y"])
    close(layer.backward(v["upstream"]), v["grad_x"])
    close(layer.dW, v["grad_kernel"])
    close(layer.dU, v["grad_recurrent_kernel"])
    close(layer.db, v["grad_bias"])


def test_embedding() -> None:
    v = published("layers_sequences.npz", "embedding")
    layer = Embedding(*v["param_weight"].shape)
    layer.build(v["in_idx"].shape[1:], np.random.default_rng(0), "float64")
    layer.W = v["param_weight"]
    close(layer.forward(v["in_idx"]), v["y"])
    close(layer.forward(v["in_idx"].astype(float), training=True), v["y"])
    assert layer.backward(v["upstream"]) is None
    close(layer.dW, v["grad_param_weight"])
