"""The sums behind an epoch's numbers, which a backup in its middle must hold."""

from typing import Any

from backprop.callbacks import Callback
from backprop.storage.files import holds


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
        counted = {
            metric.name: {key: value for key, value in vars(metric).items() if holds(value)}
            for metric in self.model.metrics
        }
        return {"total": self.total, "seen": self.seen, "metrics": counted}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on counting."""
        self.total, self.seen = state["total"], state["seen"]
        for metric in self.model.metrics:
            vars(metric).update(state["metrics"].get(metric.name, {}))
