"""What a model's metrics are made of, and what ``compile`` tells them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

from backprop import losses, metrics
from backprop.core import console
from backprop.core.lookup import takes
from backprop.core.types import Outputs
from backprop.data.endings import check_endings, check_not_alone
from backprop.layers import Layer
from backprop.layers.chain import deciding, ending
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


def check_anew(loss: str | Loss | None, before: Loss | None) -> None:
    """Checks that ``compile`` is given a loss if it stands in the place of another one.

    Args:
        loss: What it was given; None stands for the mean squared error.
        before: The loss that the model was compiled with until now, if it was.

    Raises:
        ValueError: The mean squared error would take the place of another loss without a word.
    """
    if loss is None and type(before) not in (type(None), losses.MeanSquaredError):
        raise ValueError(
            f"compile needs loss=…: the model was compiled with {before}, and would go on with the "
            f"mean squared error. Pass the loss again, and metrics if there were any; the learning "
            f"rate alone is changed by model.optimizer.learning_rate = …."
        )


def check_all(
    given: Iterable[Any], found: Sequence[Metric], last: Layer, threshold: float | None
) -> None:
    """Checks that metrics can take what a model ends with.

    Args:
        given: What ``compile`` was given.
        found: The metrics that this stands for.
        last: The layer that makes the outputs.
        threshold: By the loss outputs above it mean yes; None for ½.

    Raises:
        ValueError: One cannot.
    """
    check_endings(found, last)
    if threshold is not None:
        objects = [m for one, m in zip(given, found, strict=True) if not isinstance(one, str)]
        warn_of_halves(objects, last, threshold)


def warn_of_halves(given: Iterable[Any], last: Layer, threshold: float) -> None:
    """Warns of metrics that go by ½ where outputs above another number mean yes.

    Args:
        given: Metrics that were given as objects; one given by its name has the right number.
        last: The layer that makes the outputs.
        threshold: The other number.
    """
    several = getattr(last, "units", 1) > 1
    for metric in given:
        names = [name for name in ("threshold", "thresholds") if takes(type(metric), name)]
        if not (metric.of_package and names):
            continue
        limit = getattr(metric, names[0])
        scores = isinstance(metric, metrics.FBetaScore)
        compares = isinstance(metric, metrics.Accuracy) or (scores and not limit)
        largest = several and metric.outputs != "answers" and compares
        if limit in (None, 0.5) and not (largest or getattr(metric, "top_k", None)):
            console.warn(
                f"metric {metric.name!r} takes outputs above 0.5 for yes, but by the loss those "
                f"above {threshold:g} are yes: pass {names[0]}={threshold:g} to "
                f"{type(metric).__name__}, or the name of the metric to compile."
            )


def outputs_of(layers: Sequence[Layer], loss: Loss) -> Outputs | None:
    """What the outputs are: a Softmax gives probabilities of classes, whatever the loss.

    Raises:
        ShapeError: It is built, and gives one alone.
    """
    last = deciding(layers) if layers else None
    if last is not None and last.input_shape is not None:
        check_not_alone(last, last.output_shape(last.input_shape))
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
