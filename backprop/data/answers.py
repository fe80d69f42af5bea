"""Metrics of yes and no, and targets that are neither."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop import metrics
from backprop.core import console
from backprop.data.samples import WIDE, Data
from backprop.protocol import Model


def warn_of_no_answers(data: Data, model: Model) -> None:
    """Warns of metrics that take each target for a yes or no where targets are other numbers.

    Args:
        data: What it learns from or is evaluated on; what lies between 0 and 1 passes, and what has
            no weight.
        model: The model.
    """
    if not model.metrics:
        return
    of_yes = metrics.classification.DecisionMetric, metrics.ranking.Ranking
    kinds = metrics.Accuracy, metrics.BinaryAccuracy, metrics.BinaryIoU, *of_yes
    y, several = data.y, data.y.shape[-1] > 1
    found = [m for m in model.metrics if m.of_package and isinstance(m, kinds)]
    if several:
        found = [m for m in found if m.outputs == "answers" or not isinstance(m, metrics.Accuracy)]
    if not found or y.dtype.kind != "f" or model.makes_mask:
        return
    if data.weight is not None:
        y = y[data.weight.reshape(len(y), -1).any(axis=1)]
    if y.min(initial=0) >= -WIDE and y.max(initial=0) <= 1 + WIDE:
        return
    advice = "for numbers take 'mae' or 'r2_score'"
    if len(np.unique(y)) == 2:
        advice = f"pass targets of 0 and 1, or {advice}"
    if (np.abs(y) == 1).all():
        advice = "pass an object of its class with the threshold 0, or targets of 0 and 1"
        found = [] if several else [m for m in found if halves(m)]
    for metric in found[:1]:
        first = ", ".join(f"{v:g}" for v in np.unique(y)[:3])
        console.warn(
            f"metric {metric.name!r} takes numbers above 0.5 for yes and others for no, in outputs "
            f"and in targets, but y holds {first}, …: {advice}."
        )


def halves(metric: Any) -> bool:
    """Whether a metric takes outputs for yes from ½ on."""
    given = getattr(metric, "threshold", getattr(metric, "thresholds", None))
    return not isinstance(metric, metrics.ranking.Ranking) and given in (None, 0.5)
