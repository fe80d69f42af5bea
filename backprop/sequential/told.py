"""What a model's metrics are made of, and what ``compile`` tells them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

from backprop import losses
from backprop.core.lookup import takes
from backprop.core.types import Outputs
from backprop.layers import Layer
from backprop.layers.chain import ending
from backprop.losses import Loss
from backprop.losses import names as loss_names
from backprop.metrics import LossMetric, Metric
from backprop.metrics import names as metric_names


class Told(NamedTuple):
    """What ``compile`` tells a metric, which keeps the very object to know whose word it is."""

    name: str
    weighted: bool
    outputs: Outputs | None
    ignored: int | None

    def __deepcopy__(self, memo: object) -> Self:
        """The same, as nothing in it changes; metrics are copied often."""
        return self


def note(metric: Metric) -> Told:
    """What a metric was told just now."""
    told = metric._told = Told(metric.name, metric.weighted, metric.outputs, metric.ignored)
    return told


def tell(metric: Metric, told: Told) -> None:
    """Tells a metric so again, which another model has told something else in between."""
    vars(metric).update(told._asdict(), _told=told)


def check_endings(metrics: Iterable[Metric], last: Layer) -> None:
    """Checks that losses among the metrics can take what a model ends with.

    Raises:
        ValueError: One cannot.
    """
    for metric in metrics:
        if isinstance(metric, LossMetric) and isinstance(metric.loss, Loss):
            metric.loss.check_ending(last)


def outputs_of(layers: Sequence[Layer], loss: Loss) -> Outputs | None:
    """What the outputs are: a Softmax gives probabilities of classes, whatever the loss."""
    classes = loss.outputs == "answers" and layers and ending(layers).sums_to_one
    return "classes" if classes else loss.outputs


def as_metric(given: Any, loss: Loss) -> Any:
    """A loss, or the name of one that is none of a metric, as a metric; most else as it is.

    The name of a cross-entropy is that of one on logits where the loss is such a one.
    """
    if not isinstance(given, str) or not loss_names.is_known(given):
        return LossMetric(given) if isinstance(given, Loss) else given
    named = losses.get(given)
    alike = (named.outputs == "answers") == (loss.outputs == "answers")
    logits = alike and getattr(loss, "from_logits", False) and takes(type(named), "from_logits")
    options = {"from_logits": True} if logits else {}
    if metric_names.is_known(given):
        made = metric_names.get(given)
        return type(made)(name=given, **options) if options else made
    return LossMetric(type(named)(**options), given)
