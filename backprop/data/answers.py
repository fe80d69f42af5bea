"""Metrics of yes and no, and targets that are neither."""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop import metrics
from backprop.core import console
from backprop.core.own_functions import interval_of
from backprop.data.samples import WIDE, Data
from backprop.layers.chain import ending
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
        interval = interval_of(ending(model.layers))
        if interval is None or interval[0] < 0:  # else all outputs are above 0
            advice = "pass an object of its class with the threshold 0, or targets of 0 and 1"
        elif model.loss.unjoined.decision_threshold == 0:  # a hinge: its middle is at ½ then
            return
        found = [m for m in found if halves(m, y.shape[-1])]
    for metric in found[:1]:
        first = ", ".join(f"{v:g}" for v in np.unique(y)[:3])
        console.warn(
            f"metric {metric.name!r} takes numbers above 0.5 for yes and others for no, in outputs "
            f"and in targets, but y holds {first}, …: {advice}."
        )


def halves(metric: Any, n_outputs: int) -> bool:
    """Whether a metric takes outputs for yes from ½ on, and compares them with no other one."""
    if isinstance(metric, metrics.classification.DecisionMetric):
        largest = metric.top_k is not None or metric.chooses_largest(n_outputs)
    else:
        largest = isinstance(metric, metrics.ranking.Ranking)
    given = getattr(metric, "threshold", getattr(metric, "thresholds", None))
    return not largest and given in (None, 0.5)
