"""The table of all losses, each with its formula for one sample in plain Python.

A new loss is one line in ``CASES``; ``test_losses.py`` puts it through the checks.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop.losses import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    CosineSimilarity,
    Dice,
    HalfSquaredError,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    Quantile,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)

Array = np.ndarray[Any, Any]


def mean_squared(p, y):
    return sum((a - b) ** 2 for a, b in zip(p, y, strict=True)) / len(p)


def half_squared(p, y):
    return sum((a - b) ** 2 for a, b in zip(p, y, strict=True)) / 2


def mean_of(f):
    return lambda p, y: sum(f(a, b) for a, b in zip(p, y, strict=True)) / len(p)


def huber(a, b):  # with delta = 0.7
    d = abs(a - b)
    return d**2 / 2 if d <= 0.7 else 0.7 * (d - 0.35)


def cosine(p, y):
    return -sum(a * b for a, b in zip(p, y, strict=True)) / math.hypot(*p) / math.hypot(*y)


def divergence(p, y):
    return sum(b * math.log(b / a) for a, b in zip(p, y, strict=True))


def categorical_hinge(p, y):
    others = max((1 - b) * a for a, b in zip(p, y, strict=True))
    return max(0, 1 + others - sum(a * b for a, b in zip(p, y, strict=True)))


def smoothed(formula, n_classes=None):  # with label_smoothing = 0.3
    return lambda p, y: formula(p, [b * 0.7 + 0.3 / (n_classes or len(y)) for b in y])


def binary(p, y):
    terms = [b * math.log(a) + (1 - b) * math.log(1 - a) for a, b in zip(p, y, strict=True)]
    return -sum(terms) / len(terms)


def categorical(p, y):
    return -sum(b * math.log(a / sum(p)) for a, b in zip(p, y, strict=True))


def sparse(p, c):
    return -math.log(p[c] / sum(p))


def binary_focal(p, y):  # with alpha = 0.3, gamma = 1.5
    return sum(
        (0.3 * b + 0.7 * (1 - b)) * (a + b - 2 * a * b) ** 1.5 * binary([a], [b])
        for a, b in zip(p, y, strict=True)
    ) / len(p)


def categorical_focal(p, y):  # with alpha = 0.4, gamma = 1.5
    shares = [a / sum(p) for a in p]
    return -sum(0.4 * b * (1 - q) ** 1.5 * math.log(q) for q, b in zip(shares, y, strict=True))


def generalized(p, c):  # with q = 0.7
    return (1 - p[c] ** 0.7) / 0.7


def tversky(p, y, missed=0.5, outside=0.5, smallest=0.5e-7):
    hits = sum(a * b for a, b in zip(p, y, strict=True))
    cost = missed * (sum(y) - hits) + outside * (sum(p) - hits)
    return 1 - hits / (hits + cost + smallest)


def logarithmic(a, b):
    return (math.log(max(a, 1e-7) + 1) - math.log(b + 1)) ** 2


def on_sigmoid(formula):
    return lambda z, y: formula([1 / (1 + math.exp(-v)) for v in z], y)


def on_exponentials(formula):  # the formulas divide by the sum themselves
    return lambda z, y: formula([math.exp(v) for v in z], y)


def numbers(rng, *shape):
    return rng.standard_normal(shape)


def probabilities(rng, *shape):
    return rng.uniform(0.05, 0.95, shape)


def rates(rng, *shape):
    return rng.uniform(0.1, 4, shape)


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


def classes(rng, *shape):
    return rng.integers(0, shape[-1], shape[:-1])


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[], Loss]
    formula: Callable[[list[float], Any], float]
    prediction: Callable[..., Array] = numbers
    target: Callable[..., Array] = numbers
    sizes: tuple[int, ...] = (1, 3)
    of_mean: Callable[[float], float] = float  # E from the mean of the samples' values
    whole: bool = False  # whether ℓ is that of a sample whatever its axes


CASES = [
    Case("mse", MeanSquaredError, mean_squared),
    Case("half", HalfSquaredError, half_squared),
    Case("rmse", RootMeanSquaredError, mean_squared, of_mean=math.sqrt),
    Case("mae", MeanAbsoluteError, mean_of(lambda a, b: abs(a - b))),
    Case(
        "mape",
        MeanAbsolutePercentageError,
        mean_of(lambda a, b: 100 * abs(a - b) / b),
        target=rates,
    ),
    Case("msle", MeanSquaredLogarithmicError, mean_of(logarithmic), target=rates),
    Case(
        "quantile", lambda: Quantile(0.8), mean_of(lambda a, b: max(0.8 * (b - a), 0.2 * (a - b)))
    ),
    Case("huber", lambda: Huber(0.7), mean_of(huber)),
    Case("log_cosh", LogCosh, mean_of(lambda a, b: math.log(math.cosh(a - b)))),
    Case("cosine", CosineSimilarity, cosine, sizes=(2, 3)),
    Case("poisson", Poisson, mean_of(lambda a, b: a - b * math.log(a + 1e-7)), rates, rates),
    Case("kl", KLDivergence, divergence, probabilities, probabilities, (2, 3)),
    Case("hinge", Hinge, mean_of(lambda a, b: max(0, 1 - a * b)), target=signs),
    Case("squared_hinge", SquaredHinge, mean_of(lambda a, b: max(0, 1 - a * b) ** 2), target=signs),
    Case(
        "categorical_hinge",
        CategoricalHinge,
        categorical_hinge,
        target=probabilities,
        sizes=(2, 3),
    ),
    Case("bce", BinaryCrossentropy, binary, probabilities, probabilities),
    Case(
        "bce_logits",
        lambda: BinaryCrossentropy(from_logits=True),
        on_sigmoid(binary),
        target=probabilities,
    ),
    Case("cce", CategoricalCrossentropy, categorical, probabilities, probabilities, (2, 3)),
    Case(
        "cce_logits",
        lambda: CategoricalCrossentropy(from_logits=True),
        on_exponentials(categorical),
        target=probabilities,
        sizes=(2, 3),
    ),
    Case(
        "bce_smooth",
        lambda: BinaryCrossentropy(label_smoothing=0.3),
        smoothed(binary, 2),
        probabilities,
        probabilities,
    ),
    Case(
        "bce_smooth_logits",
        lambda: BinaryCrossentropy(from_logits=True, label_smoothing=0.3),
        on_sigmoid(smoothed(binary, 2)),
        target=probabilities,
    ),
    Case(
        "cce_smooth",
        lambda: CategoricalCrossentropy(label_smoothing=0.3),
        smoothed(categorical),
        probabilities,
        probabilities,
        sizes=(2, 3),
    ),
    Case(
        "cce_smooth_logits",
        lambda: CategoricalCrossentropy(from_logits=True, label_smoothing=0.3),
        on_exponentials(smoothed(categorical)),
        target=probabilities,
        sizes=(2, 3),
    ),
    Case(
        "focal_bce",
        lambda: BinaryFocalCrossentropy(True, 0.3, 1.5),
        binary_focal,
        probabilities,
        probabilities,
    ),
    Case(
        "focal_bce_logits",
        lambda: BinaryFocalCrossentropy(True, 0.3, 1.5, from_logits=True),
        on_sigmoid(binary_focal),
        target=probabilities,
    ),
    Case(
        "focal_cce",
        lambda: CategoricalFocalCrossentropy(0.4, 1.5),
        categorical_focal,
        probabilities,
        probabilities,
        (2, 3),
    ),
    Case(
        "focal_cce_logits",
        lambda: CategoricalFocalCrossentropy(0.4, 1.5, from_logits=True),
        on_exponentials(categorical_focal),
        target=probabilities,
        sizes=(2, 3),
    ),
    Case("dice", Dice, tversky, probabilities, probabilities, whole=True),
    Case(
        "tversky",
        lambda: Tversky(0.3, 0.8),
        lambda p, y: tversky(p, y, 0.3, 0.8, 1e-7),
        probabilities,
        probabilities,
        whole=True,
    ),
    Case(
        "generalized",
        lambda: CategoricalGeneralizedCrossEntropy(0.7),
        generalized,
        probabilities,
        classes,
        (2, 3),
    ),
    Case("scce", SparseCategoricalCrossentropy, sparse, probabilities, classes, (2, 3)),
    Case(
        "scce_logits",
        lambda: SparseCategoricalCrossentropy(from_logits=True),
        on_exponentials(sparse),
        target=classes,
        sizes=(2, 3),
    ),
]


def batch(case: Case, *shape: int, seed: int = 1) -> tuple[Array, Array, Array]:
    """Predictions of that shape, targets, and sample weights, one of which is 0."""
    rng = np.random.default_rng(seed)
    prediction, target = case.prediction(rng, *shape), case.target(rng, *shape)
    weight = rng.uniform(0.2, 3, shape[0])
    weight[1:2] = 0
    return prediction, target, weight


def train(loss: Loss, *arrays: Array | None) -> tuple[float, Array]:
    """E and its gradient, as a training step computes them."""
    value = loss.forward(*arrays)
    return value, loss.backward().copy()
