"""Self-attention against the node cases of ONNX's ``Attention``.

The operator is given queries, keys and values; the layer makes them of its input. So the three
stand side by side in X, and the weights only pick them out. Queries stand at the step that they see
the keys from, so that the layer's causal order is the operator's.
"""

import math
from typing import Any

import numpy as np
import pytest
from onnx_cases import NodeCase, cases

from backprop.layers import MultiHeadAttention

Array = np.ndarray[Any, Any]


def why_not(case: NodeCase) -> str | None:
    """Why the layer cannot express a case; None if it can."""
    _, _, _, M, past, *_ = [*case.inputs, None, None]
    if case.inputs[0].dtype != np.float32:
        return "its outputs are rounded to half precision"
    if past is not None:
        return "it goes on from keys and values of before"
    if M is not None:
        return "the mask is one of pairs of steps, and no key is hidden from all"
    if "softcap" in case.attributes:
        return "scores are capped"
    if max(case.attributes.get(f"{side}_window_size", -1) for side in ("left", "right")) >= 0:
        return "steps that are far apart do not see each other"
    return None


CASES = list(cases("Attention"))
EXPRESSIBLE = [case for case in CASES if why_not(case) is None]


def heads_apart(A: Array, n: int | None) -> Array:
    """(N, heads, T, size) of an array that may be (N, T, heads · size)."""
    return A if A.ndim == 4 else A.reshape(*A.shape[:2], n, -1).transpose(0, 2, 1, 3)


def picking(n_heads: int, size: int, C: int, start: int, own: int) -> Array:
    """Weights (C, heads, size) that pick out columns from ``start`` on, where ``own`` heads are."""
    W = np.zeros((C, n_heads, size))
    for head in range(n_heads):
        first = start + head * own // n_heads * size  # several heads may share keys and values
        W[first : first + size, head] = np.eye(size)
    return W


@pytest.mark.parametrize("case", EXPRESSIBLE, ids=lambda case: case.name)
def test_attention_computes_the_cases_of_the_standard(case: NodeCase) -> None:
    given = case.attributes
    Q, K, V = (
        heads_apart(A, given.get(name))
        for A, name in zip(case.inputs, ["q_num_heads", *["kv_num_heads"] * 2], strict=False)
    )
    (N, h, T_q, d), (_, own, T, v) = Q.shape, V.shape
    causal = bool(given.get("is_causal", 0))
    n_keys = case.inputs[6] if len(case.inputs) > 6 else None
    # with keys that are padded, the last query stands at the last key; else the first at the first
    first = np.zeros(N, int) if n_keys is None or not causal else n_keys - T_q
    before = max(0, -int(first.min()))
    widths = h * d, own * d, own * v, h * v
    X = np.zeros((N, before + T, sum(widths)))
    mask = np.zeros(X.shape[:2], bool)
    for n in range(N):
        start = before + first[n]
        X[n, start : start + T_q, : h * d] = Q[n].transpose(1, 0, 2).reshape(T_q, -1)
        keys = np.concatenate([A[n].transpose(1, 0, 2).reshape(T, -1) for A in (K, V)], axis=1)
        X[n, before:, h * d : sum(widths[:3])] = keys
        mask[n, before : before + (T if n_keys is None else n_keys[n])] = True

    layer: Any = MultiHeadAttention(h, d, v, use_bias=False, causal=causal)
    layer.build(X.shape[1:], np.random.default_rng(0), "float64")
    C = X.shape[2]
    layer.W_query = picking(h, d, C, 0, h) * given.get("scale", 1 / math.sqrt(d)) * math.sqrt(d)
    layer.W_key = picking(h, d, C, h * d, own)
    layer.W_value = picking(h, v, C, h * d + own * d, own)
    layer.W_output = np.eye(h * v, C, sum(widths[:3])).reshape(h, v, C)
    O = layer.forward(X, mask=mask)[..., -h * v :]  # noqa: E741
    A = layer.attention_weights(X, mask)
    expected = heads_apart(case.outputs[0], h)  # the standard's outputs are rounded to float32
    for n in range(N):
        at = slice(before + first[n], before + first[n] + T_q)
        found = O[n, at].reshape(T_q, h, v).transpose(1, 0, 2)
        np.testing.assert_allclose(found, expected[n], rtol=1e-5, atol=1e-6)
        if given.get("qk_matmul_output_mode") == 3:
            shares = A[n, :, at, before:]
            np.testing.assert_allclose(shares, case.outputs[-1][n], rtol=1e-5, atol=1e-6)


def test_most_of_the_forms_that_there_are_can_be_expressed() -> None:
    names = {case.name for case in EXPRESSIBLE}
    assert {
        "attention_3d",
        "attention_4d_causal",
        "attention_4d_diff_heads_sizes_scaled",
        "attention_4d_gqa",
        "attention_4d_causal_nonpad_batch_prefill",
        "attention_4d_causal_nonpad_negative_offset_structural_empty",  # rows that see nothing
    } <= names
    reasons = [why_not(case) for case in CASES if case.name not in names]
    print(f"{len(names)} of {len(CASES)} cases; of the others:", sorted(set(map(str, reasons))))
