"""The formulas of ``model.explain``: each comes from its class and gives the numbers shown."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from element_formulas import compare
from explained import VECTORS, Array, assert_sound_latex, compiled
from formula_values import unread_formulas
from layer_cases import PACKAGE
from layer_cases import Case as LayerCase
from loss_cases import CASES as LOSSES
from loss_cases import Case as LossCase
from optimizer_cases import EVERY as OPTIMIZERS
from rows import each

from backprop import explain, layers, losses, optimizers
from backprop.explain import Explanation
from backprop.explain.stated import stated
from backprop.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GroupNormalization,
    Identity,
    Layer,
    Normalization,
    Rescaling,
    Reshape,
    Sigmoid,
    Softmax,
    Tanh,
)
from backprop.layers.block import Block
from backprop.layers.standardization import Standardization
from backprop.losses import (
    CategoricalCrossentropy,
    CategoricalHinge,
    CrossEntropy,
    Formula,
    Hinge,
    KLDivergence,
    Loss,
    MeanSquaredError,
    Poisson,
    Tversky,
)
from backprop.optimizers import SGD, Optimizer

# ------------------------------------------------------------------------ what is printed is true


def letters_of(explanation: Explanation) -> dict[str, Array]:
    """What only the docstring of the second layer says: M of noise, μ and v of normalisation."""
    own: Any = explanation.layers[1]
    kind = type(own.layer).__name__
    if "Dropout" in kind:
        return {"M": np.broadcast_to(own.layer.M, own.X.shape)}
    if kind == "GaussianNoise":
        return {"ε": own.Y - own.X}
    if kind == "Sparsemax":  # what is taken from all that are not 0
        return {"τ": np.max(np.where(own.Y > 0, own.X - own.Y, -np.inf), axis=1, keepdims=True)}
    if kind == "Columns":
        return {"S": np.eye(own.X.shape[1])[:, own.layer.which]}
    if kind == "GLU":
        first, second = np.split(np.eye(own.X.shape[1]), 2, axis=1)
        return {"S": first, "T": second}
    if isinstance(own.layer, Standardization):
        together = own.X  # normalised along the axis 1, or over the batch along the axis 0
        if isinstance(own.layer, GroupNormalization):
            together = own.X.reshape(len(own.X) * own.layer.groups, -1)
        axis = 0 if isinstance(own.layer, BatchNormalization) else 1
        mean, variance = (f(together, axis=axis, keepdims=True) for f in (np.mean, np.var))
        if isinstance(own.layer, GroupNormalization):
            size = together.shape[1]
            mean, variance = (
                np.repeat(m, size, axis=1).reshape(own.X.shape) for m in (mean, variance)
            )
        if axis == 0 and not own.layer.trainable:
            mean, variance = own.moving_mean, own.moving_variance
        return {"μ": mean, "v": variance, "ε": own.layer.epsilon}
    return {}


@pytest.mark.parametrize("n", [1, 4])
@each("case", VECTORS, ids=str)
def test_formulas_of_layers_give_the_numbers_shown(
    case: LayerCase, n: int, rng: np.random.Generator
) -> None:
    model = compiled(Dense(*case.shape), case.make(), Dense(2))
    for p in model.parameters:
        p.value += 0.1 * np.abs(rng.standard_normal(p.shape))
    explanation = model.explain(rng.normal(0, 4, (n, 2)), rng.normal(size=(n, 2)))
    layer = explanation.layers[1].layer
    unread = unread_formulas(explanation, **letters_of(explanation))
    if isinstance(layer, Block):
        return  # its f stands for layers that are not printed
    general = [f for f in unread if "∂h⁽¹⁾/∂z⁽¹⁾" in f.lower()]
    assert bool(general) == isinstance(layer, Standardization)
    assert [f for f in unread if f not in general and "← P(" not in f] == []


@pytest.mark.parametrize(
    ("layer", "formula"),
    [
        (Rescaling(-2, -1), "h⁽¹⁾ = −2 z⁽¹⁾ − 1"),
        (Rescaling(0.5), "h⁽¹⁾ = 0.5 z⁽¹⁾"),
        (
            Normalization(mean=[1, 2], variance=[0, 4]),  # what never changes is only shifted
            "h⁽¹⁾ = (z⁽¹⁾ − mean⁽¹⁾) / √(variance⁽¹⁾ + [variance⁽¹⁾ = 0])",
        ),
    ],
    ids=["negative", "without_offset", "constant_feature"],
)
def test_scales_at_their_edges(layer: Layer, formula: str, rng: np.random.Generator) -> None:
    model = compiled(Dense(2), layer, Dense(2))
    explanation = model.explain(rng.normal(size=2), rng.normal(size=2))
    assert unread_formulas(explanation) == []
    assert re.search(rf"^  {re.escape(formula)}(  |$)", str(explanation), re.M)


PLACES = [case for case in PACKAGE if "_{{" in case.make().definition and case.mask is None]
LARGE = [case for case in PLACES if str(case) == "conv_of_tiles"]  # 20 s of single elements


@each("case", [case for case in PLACES if case not in LARGE], ids=str)
def test_formulas_of_single_elements_give_the_numbers_of_the_layer(case: LayerCase) -> None:
    check_elements(case)


@pytest.mark.long
@each("case", LARGE, ids=str)
def test_formulas_of_many_single_elements_give_the_numbers_of_the_layer(case: LayerCase) -> None:
    check_elements(case)


def check_elements(case: LayerCase) -> None:
    layer = case.built()
    X, delta = case.samples(2)
    Y, dX, *_ = case.train(layer, X, delta)
    learned = {f"d{p.name}" for p in layer.parameters}
    assert {*compare(layer, X, Y, delta, dX)} >= {"definition", "dX", *learned}


def test_parts_that_are_not_there_leave_no_trace(rng: np.random.Generator) -> None:
    """A bias, a stride of 1, a border of 0, groups; for one sample there is no sum over samples."""
    body = (Reshape((4, 4, 2)), Conv2D(2, 3, 2, "same", groups=2, use_bias=False), Flatten())
    explanation = compiled(*body, n_in=32).explain(rng.normal(size=32), rng.normal(size=8))
    text = str(explanation)
    for formula in (
        "conv2d(x)_{ijk} = Σ_{uvc} x_{2i+u, 2j+v, ⌊k/1⌋+c} W_{uvck}, zeros lie outside",
        "∂E/∂W⁽¹⁾_{uvck} = Σ_{ij} h⁽⁰⁾_{2i+u, 2j+v, ⌊k/1⌋+c} δ⁽¹⁾_{ijk}",
        "∂E/∂h⁽⁰⁾_{abd} = Σ_{2i+u=a, 2j+v=b, ⌊k/1⌋+c=d, k} δ⁽¹⁾_{ijk} W⁽¹⁾_{uvck}",
    ):
        assert f"  {formula}\n" in text
    tex = explanation.latex()
    assert_sound_latex(tex)
    assert r"\sum _{uvc} x_{2i+u, 2j+v, \lfloor k/1\rfloor +c} W_{uvck}" in tex
    assert r"x \text{ with all numbers in one row }" in tex


def endings(case: LossCase) -> list[Any]:
    """What a model may end with for this loss: Identity, so logits, or probabilities."""
    if getattr(case.make(), "from_logits", False):
        return [Identity]
    bounded = isinstance(case.make(), CrossEntropy | Poisson | KLDivergence | Tversky)
    return [Sigmoid, Softmax] if bounded else [Identity, Sigmoid, Softmax]


@pytest.mark.parametrize(
    ("n", "weighted"),
    [
        *((1, False), (4, True)),
        pytest.param(1, True, marks=pytest.mark.long),
        pytest.param(4, False, marks=pytest.mark.long),
    ],
)
@each(
    ("case", "end"),
    [pytest.param(c, end, id=f"{c.name}-{end.__name__}") for c in LOSSES for end in endings(c)],
)
def test_formulas_of_losses_give_the_numbers_shown(
    case: LossCase, end: Any, n: int, weighted: bool, rng: np.random.Generator
) -> None:
    loss = case.make()
    model = compiled(Dense(3), end(), loss=loss)
    X, y = rng.normal(size=(n, 2)), case.target(rng, n, 3)
    targets = [y]
    if isinstance(loss, CategoricalCrossentropy):  # rows that sum to 1 get a simpler formula
        targets.append(y / y.sum(axis=1, keepdims=True))
    if isinstance(loss, Hinge):
        targets.append((y > 0).astype(float))
    for target in targets:
        explanation = model.explain(X, target, rng.uniform(1, 2, n) if weighted else None)
        letters = {}
        if isinstance(loss, CategoricalHinge):
            P = explanation.prediction
            letters["j"] = ((1 - target) * P).argmax(axis=1)[:, np.newaxis]
            letters["ℓ"] = loss.values(P, target)[:, np.newaxis]
        assert unread_formulas(explanation, **letters) == []
        assert f" {loss}(" not in str(explanation)


@pytest.mark.parametrize(
    ("options", "read"),
    [
        ({}, True),
        ({"weight_decay": 0.25}, True),
        ({"momentum": 0.5}, False),
        ({"clipvalue": 0.1}, False),
        ({"nesterov": True, "momentum": 0.5}, False),
    ],
)
def test_update_of_gradient_descent_gives_the_numbers_shown(
    options: Any, read: bool, rng: np.random.Generator
) -> None:
    model = compiled(Dense(3), optimizer=SGD(0.5, **options))
    explanation = model.explain(rng.normal(size=(4, 2)), rng.normal(size=(4, 3)))
    assert (unread_formulas(explanation) == []) == read


# ------------------------------------------------------------------------ every class says its own


@each("case", PACKAGE, ids=str)
def test_every_layer_says_its_formulas(case: LayerCase) -> None:
    layer = case.built()
    if layer.runs_own_code:
        return  # the user's function
    named = ("forward", "f")
    assert (
        stated(layer, "definition", *named)
        or "Y" in stated(layer, "formulas", *named)
        or (
            type(layer) is Tanh  # which is a word of mathematics
        )
    )
    formulas = stated(layer, "formulas", "backward")
    if isinstance(layer, Block):
        return  # its parameters are those of its layers, which say theirs
    for p in layer.parameters:
        assert not p.learned or f"d{p.name}" in formulas
    if isinstance(layer, Activation):
        assert isinstance(layer, Identity) or stated(layer, "slope", "f", "f_prime")
    elif not (case.integers or isinstance(layer, Standardization)):
        assert formulas.keys() & {"dX", "J"}


@each("case", LOSSES, ids=lambda case: case.name)
def test_every_loss_says_its_formula(case: LossCase) -> None:
    assert stated(case.make(), "formula", "values", "gradient", "reduce") is not None


@each("name", OPTIMIZERS)
def test_every_optimizer_says_its_step(name: str) -> None:
    kind, options = OPTIMIZERS[name]
    formula = stated(kind(**options), "formula", "update")(0.1, True)
    assert "{theta}" in formula


def test_no_file_of_explain_knows_a_layer_a_loss_or_an_optimizer() -> None:
    """Formulas live with their class: only the families' contracts are named here."""
    contracts = {"Layer", "Activation", "Chain", "Loss", "Formula", "Optimizer", "get", "Input"}
    families = {*layers.__all__, *losses.__all__, *optimizers.__all__} - contracts
    folder = Path(explain.__file__).parent
    for file in folder.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        used = {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(tree)}
        used |= {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert used & families == set(), file.name


# ----------------------------------------------------------------------------------- one's own


class Blend(Layer):
    """Y = s X V + shift: a layer of the user's own that says its formulas."""

    symbol = "β"
    definition = "β(x) = {self.share:g} x V + {shift}"
    formulas = {
        "Y": "{self.share:g} {x} {V} + {shift}",
        "dX": "{self.share:g} {delta} {V}ᵀ",
        "dV": "{self.share:g} {x}ᵀ {delta}",
        "dshift": "Σ_N {delta}",
    }

    def __init__(self, share: float = 0.5, shifts: bool = True, name: str | None = None) -> None:
        super().__init__(name)
        self.share, self.shifts = share, shifts

    def make_parameters(self, input_shape: Any) -> None:
        self.V = self.add_parameter("V", (input_shape[-1], 2))
        if self.shifts:
            self.shift = self.add_parameter("shift", (2,), "ones")

    def output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 2)

    def forward(self, X: Array, training: bool = False) -> Array:
        if training:
            self.X = X
        return self.share * X @ self.V.value + (self.shift.value if self.shifts else 0)

    def backward(self, delta: Array) -> Array:
        self.V.gradient[...] = self.share * self.X.T @ delta
        if self.shifts:
            self.shift.gradient[...] = delta.sum(axis=0)
        return self.share * delta @ self.V.value.T


class Swing(Activation):
    """An activation of the user's own."""

    is_activation = True
    symbol = "φ"
    definition = "φ(z) = z³"
    slope = "3 {z}²"

    def f(self, Z: Array, out: Array | None = None) -> Array:
        return np.power(Z, 3, out=out)

    def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
        return np.multiply(3, Z * Z, out=out)


class Cubic(Loss):
    """ℓ = Σ_k s |ŷ_k − y_k|³: a loss of the user's own."""

    formula = Formula("{self.scale:g} |{p}{i} − {y}{i}|³", "({p} − {y}) ⊙ |{p} − {y}|", times="6")
    scale = 2.0

    def values(self, prediction: Array, target: Array) -> Array:
        return 2 * np.sum(np.abs(prediction - target) ** 3, axis=-1)

    def gradient(self, prediction: Array, target: Array) -> Array:
        D = prediction - target
        return 6 * D * np.abs(D)


class Decayed(Optimizer):
    """An optimizer of the user's own."""

    def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
        theta *= 0.75
        theta -= 0.5 * g

    def formula(self, eta: float, decays: bool) -> str:
        return "0.75 {theta} − 0.5 {g}"


@pytest.mark.parametrize("n", [1, 3])
def test_what_users_wrote_is_printed_with_its_formulas(n: int, rng: np.random.Generator) -> None:
    body = (Blend(), Swing(), Dense(3), Blend(0.25, False))
    model = compiled(*body, loss=Cubic(), optimizer=Decayed(0.1))
    explanation = model.explain(rng.normal(size=(n, 2)), rng.normal(size=(n, 2)))
    assert unread_formulas(explanation) == []
    assert explanation.loss_parts.shape == (n, 2)
    text = str(explanation)
    x, sums = ("x", "") if n == 1 else ("X", "Σ_N ")
    z, h, a = "zha" if n == 1 else "ZHA"
    for formula in (
        "β(x) = 0.5 x V + shift",
        f"{h}⁽⁰⁾ = 0.5 {x} V⁽⁰⁾ + shift⁽⁰⁾",
        f"{a}⁽⁰⁾ = φ({h}⁽⁰⁾)",
        f"φ′({h}⁽⁰⁾) = 3 {h}⁽⁰⁾²",
        f"{h}⁽¹⁾ = 0.25 {z}⁽¹⁾ V⁽¹⁾",
        f"∂E/∂V⁽⁰⁾ = 0.5 {x}ᵀ ∂E/∂{h}⁽⁰⁾",
        f"∂E/∂shift⁽⁰⁾ = {sums}∂E/∂{h}⁽⁰⁾",
        f"∂E/∂{x} = 0.5 ∂E/∂{h}⁽⁰⁾ V⁽⁰⁾ᵀ",
        "V⁽⁰⁾ ← 0.75 V⁽⁰⁾ − 0.5 ∂E/∂V⁽⁰⁾",
    ):
        assert f"  {formula}" in text
    if n == 1:
        assert "  E_k = 2 |ŷ_k − y_k|³  " in text
        assert "= 6 ((ŷ − y) ⊙ |ŷ − y|)  " in text
    tex = explanation.latex()
    assert tex.isascii()
    if n == 1:
        assert r"&= 0.5 \cdot \begin{bmatrix}" in tex  # the formula with its numbers put in


def test_unknown_names_are_refused_by_name(rng: np.random.Generator) -> None:
    class Wrong(Sigmoid):
        definition = "wrong(z) = {weight} z"

    model = compiled(Dense(2), Wrong())
    with pytest.raises(ValueError, match=r"Wrong 'wrong_1'.*'weight'.*the names are f"):
        str(model.explain([1.0, 2.0], [1.0, 2.0]))


def test_who_rewrites_a_method_inherits_no_formula(rng: np.random.Generator) -> None:
    class Steep(Sigmoid):
        def f(self, Z: Array, out: Array | None = None) -> Array:
            return super().f(3 * Z, out)

        def f_prime(self, Z: Array, A: Array, out: Array) -> Array:
            return np.multiply(3 * A, 1 - A, out=out)

    class Masked(Dense):
        def forward(self, X: Array, training: bool = False) -> Array:
            return super().forward(X, training)

        def backward(self, delta: Array) -> Array | None:
            return super().backward(delta)

    class Heavy(MeanSquaredError):
        def values(self, prediction: Array, target: Array) -> Array:
            return 2 * super().values(prediction, target)

        def gradient(self, prediction: Array, target: Array) -> Array:
            return 2 * super().gradient(prediction, target)

    class Slow(SGD):
        def update(self, theta: Array, g: Array, scratch: Array, *state: Array) -> None:
            theta -= 0.001 * g

    model = compiled(Masked(2), Steep(), loss=Heavy(), optimizer=Slow(0.1))
    explanation = model.explain(rng.normal(size=(3, 2)), rng.normal(size=(3, 2)))
    text = str(explanation)
    for formula in (
        "Z⁽¹⁾ = masked(X; W⁽¹⁾, b⁽¹⁾)",
        "∂E/∂X = δ⁽¹⁾ · ∂Z⁽¹⁾/∂X",
        "A⁽¹⁾ = steep(Z⁽¹⁾)",
        "steep′(Z⁽¹⁾)",
        "E_i = (1/N) Heavy(Ŷ_i, Y_i)",
        "W⁽¹⁾ ← W⁽¹⁾ + ΔW⁽¹⁾",
    ):
        assert f"  {formula}  " in text
    assert explanation.loss_parts.shape == (3,)
    assert "w₁₁" not in str(explanation.paths("x"))


def test_who_only_adds_to_a_class_keeps_its_formulas() -> None:
    class Wide(Dense):
        def __init__(self) -> None:
            super().__init__(64)

    class Named(SGD):
        """Gradient descent under another name."""

    text = str(compiled(Wide(), optimizer=Named(0.1)).explain([1.0, 2.0], np.zeros(64)))
    assert "  z⁽¹⁾ = x W⁽¹⁾ + b⁽¹⁾  " in text
    assert "  W⁽¹⁾ ← W⁽¹⁾ − 0.1 ∂E/∂W⁽¹⁾  " in text
