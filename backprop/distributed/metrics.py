"""Metrics over the samples of all workers: sums are added, for others the samples are gathered."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from backprop.core.types import Array
from backprop.core.walk import from_here
from backprop.distributed.job import Workers
from backprop.metrics import FunctionMetric, Metric


class Gathered(Metric):
    """Keeps what a metric is to be shown, since it cannot be put together from its results.

    Args:
        metric: A ranking, say, or a metric of the user's own.
    """

    runs_own_code = True  # it is shown every batch by itself, as that metric would be

    def __init__(self, metric: Metric) -> None:
        super().__init__(metric.name)
        self.metric, self.weighted = metric, metric.weighted
        self.reset()

    def reset(self) -> None:
        """Starts anew."""
        self.batches: list[list[Array]] = []

    def update(self, prediction: Array, target: Array, sample_weight: Array | None = None) -> None:
        """Keeps a copy of the batch."""
        parts = (prediction, target, sample_weight)
        self.batches.append([np.array(part) for part in parts if part is not None])

    def counted(self, batches: Sequence[Sequence[list[Array]]]) -> Metric:
        """The metric after the batches of all workers, each put together from its parts."""
        self.metric.reset()
        for parts in zip_longest(*batches):
            there = [part for part in parts if part]
            self.metric.update(*map(np.concatenate, zip(*there, strict=True)))
        return self.metric


def gathered(metrics: Sequence[Metric]) -> list[Metric]:
    """The metrics, those that are not ratios of sums inside of ``Gathered``."""
    return [metric if is_summed(metric) else Gathered(metric) for metric in metrics]


def is_summed(metric: Metric) -> bool:
    """Whether what several workers have counted can be added."""
    adds = type(metric).add_counts is not Metric.add_counts
    return adds and from_here(metric) and not isinstance(metric, FunctionMetric)


def together(
    workers: Workers, total: float, seen: int, metrics: list[Metric]
) -> tuple[float, int, list[Metric]]:
    """Σ n E, N and the metrics over the samples of all workers; the same bits on each of them."""
    kept: list[Any] = [m.batches if isinstance(m, Gathered) else counts_of(m) for m in metrics]
    found = workers.gather((total, seen, kept))
    totals, counts, states = zip(*found, strict=True)
    merged: list[Metric] = []
    for metric, parts in zip(metrics, zip(*states, strict=True), strict=True):
        if isinstance(metric, Gathered):
            merged.append(metric.counted(parts))
            continue
        one, *others = (copy.copy(metric) for _ in parts)
        for each, state in zip((one, *others), parts, strict=True):
            vars(each).update(state)
        for other in others:
            one.add_counts(other)
        merged.append(one)
    return sum(totals), sum(counts), merged


def counts_of(metric: Metric) -> dict[str, Any]:
    """What a metric has counted, and no more than that."""
    kinds = int | float | bool | np.generic | np.ndarray | None
    return {n: v for n, v in vars(metric).items() if n[0] == "_" and isinstance(v, kinds)}
