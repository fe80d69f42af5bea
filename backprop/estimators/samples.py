"""The samples of a fit, what is set aside of them, and their order in the epochs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from backprop.core.types import Array

Fit = TypeVar("Fit", bound=Callable[..., Any])


class Samples(NamedTuple):
    """Samples in rows: inputs, encoded targets, and weights if there are any."""

    X: Any
    y: Array
    weight: Array | None

    def rows(self, which: Array) -> Samples:
        """Some of them."""
        weight = None if self.weight is None else self.weight[which]
        return Samples(self.X[which], self.y[which], weight)


def unchanged_by_errors(fit: Fit) -> Fit:
    """The same fit, but one that leaves the estimator as it was if an error or Ctrl-C ends it."""

    @wraps(fit)
    def leaving(estimator: Any, *arguments: Any, **named: Any) -> Any:
        before = dict(vars(estimator))
        try:
            return fit(estimator, *arguments, **named)
        except BaseException:  # Ctrl-C among them
            vars(estimator).clear()
            vars(estimator).update(before)
            raise

    return cast(Fit, leaving)


def set_aside(
    samples: Samples, share: float, random: Any, labels: Array | None
) -> tuple[Samples, Samples]:
    """Training and validation samples, the split that scikit-learn makes with this random state.

    Args:
        samples: All of them.
        share: The share for validation.
        random: The ``RandomState`` to draw from.
        labels: True or False for each sample, whose proportions both parts keep; None for a split
            by chance alone.

    Raises:
        ValueError: There are too few samples, or none that count.
    """
    from sklearn.model_selection import train_test_split

    numbers = np.arange(samples.X.shape[0])
    trained, held_out = train_test_split(
        numbers, random_state=random, test_size=share, stratify=labels
    )
    if len(held_out) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    parts = samples.rows(trained), samples.rows(held_out)
    if any(part.weight is not None and not part.weight.any() for part in parts):
        raise ValueError(
            "early_stopping sets samples aside, but all of these, or all others, have the weight "
            "0: leave out samples without weight, or pass validation_data."
        )
    return parts


class Order:
    """Draws the order of the samples in each epoch, the one that scikit-learn's MLP would take.

    It shuffles the order of the epoch before, and not the numbers from 0 to n − 1.

    Args:
        random: The ``RandomState`` to draw from.
    """

    def __init__(self, random: Any) -> None:
        self._random = random
        self._order: Array | None = None

    def permutation(self, n: int) -> Array:
        """The numbers of the samples in the order of the next epoch."""
        drawn = np.arange(n)
        self._random.shuffle(drawn)
        self._order = drawn if self._order is None else self._order[drawn]
        return self._order

    def state(self) -> dict[str, Any]:
        """Where it is."""
        return {"random": self._random.get_state(), "order": self._order}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there."""
        self._random.set_state(state["random"])
        self._order = state["order"]
