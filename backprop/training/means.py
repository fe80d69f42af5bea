"""The sums behind an epoch's numbers, which a backup in its middle must hold."""

from typing import Any

from backprop import storage
from backprop.callbacks import Callback
from backprop.core.walk import from_here, objects_in
from backprop.metrics import Metric


class EpochMeans(Callback):
    """The sums that the loss and the metrics of an epoch are made of, while it lasts.

    They are a callback without hooks, as a backup holds the state of every callback.

    Attributes:
        total: Σ loss · n over the steps so far.
        seen: Σ n, the samples so far.
        in_epoch: Whether steps of an epoch are behind, and its end is not.
    """

    watched = False

    def __init__(self) -> None:
        self.total, self.seen, self.in_epoch = 0.0, 0, False

    def state(self) -> dict[str, Any]:
        """The sums, and what the metrics have counted."""
        if not self.in_epoch:
            return {}
        metrics = self.model.metrics
        return {
            "total": self.total,
            "seen": self.seen,
            "metrics": {metric.name: counted(metric) for metric in metrics},
            "inside": {
                metric.name: {way: counted(each) for way, each in inside(metric).items()}
                for metric in metrics
            },
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on counting."""
        self.total, self.seen = state["total"], state["seen"]
        for metric in self.model.metrics:
            go_on(metric, state["metrics"].get(metric.name, {}))
            others = state.get("inside", {}).get(metric.name, {})
            for way, each in inside(metric).items():
                go_on(each, others.get(way, {}))


def counted(metric: Metric) -> dict[str, Any]:
    """The attributes of a metric that a file can hold."""
    return {key: value for key, value in vars(metric).items() if storage.files.holds(value)}


def inside(metric: Metric) -> dict[str, Metric]:
    """The metrics that one of the user's own is made of, by the way to each."""
    if from_here(metric):
        return {}
    found = objects_in(metric)
    return {way: each for way, each in found if way and isinstance(each, Metric)}


def go_on(metric: Metric, counts: dict[str, Any]) -> None:
    """Gives a metric the counts of a backup; a ``Counter`` stays one."""
    for key, value in counts.items():
        mine = vars(metric).get(key)
        if isinstance(mine, dict) and isinstance(value, dict):
            items = dict(value)
            mine.clear()
            mine.update(items)
        else:
            vars(metric)[key] = value
