"""``model.explain`` on a published example, and what it returns."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest
from explained import compiled

import backprop as bp
from backprop.explain import Explanation, explain
from backprop.layers import Dense
from backprop.losses import MeanSquaredError

MAZUR = {
    "z⁽¹⁾ = x W⁽¹⁾ + b⁽¹⁾": ["0.3775"],
    "a⁽¹⁾ = σ(z⁽¹⁾)": ["0.593269992", "0.596884378"],
    "z⁽²⁾ = a⁽¹⁾ W⁽²⁾ + b⁽²⁾": ["1.105905967"],
    "a⁽²⁾ = σ(z⁽²⁾)": ["0.75136507", "0.772928465"],
    "E_k = ½ (ŷ_k − y_k)²": ["0.274811083", "0.023560026"],
    "E = Σ_k E_k": ["0.298371109"],
    "∂E/∂a⁽²⁾ = ŷ − y": ["0.74136507"],
    "δ⁽²⁾ = ∂E/∂z⁽²⁾ = ∂E/∂a⁽²⁾ ⊙ σ′(z⁽²⁾)": ["0.138498562"],
    "∂E/∂W⁽²⁾ = a⁽¹⁾ᵀ δ⁽²⁾": ["0.082167041"],
    "∂E/∂a⁽¹⁾ = δ⁽²⁾ W⁽²⁾ᵀ": ["0.036350306"],
    "∂E/∂W⁽¹⁾ = xᵀ δ⁽¹⁾": ["0.000438568"],
    "W⁽²⁾ ← W⁽²⁾ − 0.5 ∂E/∂W⁽²⁾": ["0.35891648", "0.408666186", "0.511301270", "0.561370121"],
    "W⁽¹⁾ ← W⁽¹⁾ − 0.5 ∂E/∂W⁽¹⁾": ["0.149780716", "0.19956143", "0.24975114", "0.29950229"],
}


def printed_under(text: str, formula: str) -> list[float]:
    """The numbers of the row that starts with the formula."""
    lines = text.split("\n")
    (start,) = [k for k, line in enumerate(lines) if line.strip().startswith(f"{formula}  ")]
    rows = [lines[start].split(formula)[1]]
    for line in lines[start + 1 :]:
        if not line.startswith(" " * 12):  # no formula on it: the matrix goes on
            break
        rows.append(line)
    block = re.sub(r"\(\d[\d, ]*\)", " ", "\n".join(rows))  # the shape
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", block)]


@pytest.mark.parametrize(("formula", "digits"), MAZUR.items(), ids=MAZUR)
def test_print_shows_published_digits_in_their_row(
    example: Explanation, formula: str, digits: list[str]
) -> None:
    numbers = printed_under(str(example), formula)
    for expected in digits:
        decimals = len(expected.partition(".")[2])
        assert expected in [f"{number:.{decimals}f}" for number in numbers]


def test_nine_decimals_stand_literally_in_the_print(example: Explanation) -> None:
    text = str(example)
    for digits in ("0.593269992", "1.105905967", "0.298371109", "0.000438568", "0.511301270"):
        assert digits in text


def test_published_numbers_as_arrays(example: Explanation) -> None:
    hidden, output = example["dense_1"], example["dense_2"]
    np.testing.assert_allclose(hidden.Z, [[0.3775, 0.3925]])
    np.testing.assert_allclose(hidden.A, [[0.593269992, 0.596884378]], atol=5e-10)
    np.testing.assert_allclose(output.delta[0, 0], 0.138498562, atol=5e-10)
    np.testing.assert_allclose(example["sigmoid_2"].delta[0, 0], 0.74136507, atol=5e-10)
    np.testing.assert_allclose(hidden.dW[0, 0], 0.000438568, atol=5e-10)
    np.testing.assert_allclose(output.W_new[0], [0.35891648, 0.511301270], atol=5e-10)
    np.testing.assert_allclose(example.loss_parts, [[0.274811083, 0.023560026]], atol=5e-10)
    np.testing.assert_allclose(example.loss, 0.298371109, atol=5e-10)
    np.testing.assert_array_equal(output.b_new, output.b)


def test_frozen_parameters_are_said_to_stay(example: Explanation) -> None:
    assert "b⁽¹⁾ is frozen" in str(example)
    assert printed_under(str(example), "b⁽¹⁾ ← b⁽¹⁾") == [0.35, 0.35]


def test_layers_are_found_by_name_and_position(example: Explanation) -> None:
    assert example["sigmoid_1"] is example[1] is example.layers[1]
    assert example[-1].name == "sigmoid_2"
    np.testing.assert_array_equal(example["sigmoid_1"].Z, example["dense_1"].Z)
    np.testing.assert_array_equal(example["sigmoid_1"].A, example["dense_1"].A)
    with pytest.raises(KeyError, match=r"dense_7.*dense_1, sigmoid_1, dense_2, sigmoid_2"):
        example["dense_7"]
    with pytest.raises(IndexError, match="4 layers"):
        example[4]
    with pytest.raises(AttributeError, match=r"no 'gamma'.* W, b"):
        _ = example["dense_1"].gamma


def test_explain_is_the_function_behind_the_method() -> None:
    model = compiled(Dense(1), loss=MeanSquaredError())
    assert str(explain(model, [1.0, 2.0], 3.0)) == str(model.explain([1.0, 2.0], 3.0))


def test_repr_is_short(example: Explanation) -> None:
    assert "dense_1, sigmoid_1, dense_2, sigmoid_2: loss 0.298371" in repr(example)
    assert repr(example["dense_1"]) == "<LayerRecord of Dense 'dense_1'>"


def test_records_can_be_copied_and_pickled(example: Explanation) -> None:
    for twin in (copy.deepcopy(example), pickle.loads(pickle.dumps(example))):
        assert str(twin) == str(example)


@pytest.mark.parametrize("form", ["text", "html", "latex", "page", "picture", "paths"])
def test_numbers_that_overflow_are_shown_without_a_warning_of_numpys(tmp_path, form):
    """As the pass itself, so whatever is computed of it when it is shown."""
    layers = [bp.layers.LSTM(3, kernel_regularizer="l2"), bp.layers.Dense(2)]
    X, y = np.ones((1, 4, 3)), np.ones((1, 2))
    if form == "paths":
        layers, X = [bp.layers.Dense(3, kernel_regularizer="l2"), bp.layers.Dense(2)], X[:, 0]
    model = bp.Sequential(layers, seed=0)
    model.compile("sgd", "mse")
    model.build((None, *X.shape[1:]))
    model.set_weights([np.full(w.shape, 3e38) for w in model.get_weights()])
    with np.errstate(all="warn"):
        explanation = model.explain(X, y)
        {
            "text": lambda: str(explanation),
            "html": explanation._repr_html_,
            "latex": explanation.latex,
            "page": lambda: explanation.save(tmp_path / "a.html"),
            "picture": lambda: explanation.save(tmp_path / "a.png"),
            "paths": lambda: str(explanation.paths("x")),
        }[form]()
