"""Whether metrics can take what a model ends with, and whether that can change."""

from collections.abc import Collection, Sequence

from backprop.core.errors import ShapeError
from backprop.core.own_functions import interval_of
from backprop.core.types import Shape
from backprop.layers import Layer
from backprop.layers.chain import unfold
from backprop.losses import Loss
from backprop.metrics import LossMetric, Metric
from backprop.metrics.decisions import check_thresholds


def check_endings(found: Collection[Metric], last: Layer) -> None:
    """Checks that metrics, and losses among them, can take what a model ends with.

    Args:
        found: The metrics.
        last: The layer that makes the outputs.

    Raises:
        ValueError: One cannot.
    """
    if not found:
        return
    interval = interval_of(last)
    check_thresholds(found, last, interval)
    for metric in found:
        if isinstance(metric, LossMetric) and isinstance(metric.loss, Loss):
            metric.loss.check_ending(last)
        logits = metric.of_package and getattr(metric, "from_logits", False)
        if logits and interval == (0, 1):
            raise ValueError(
                f"metric {metric.name!r} takes logits, as from_logits=True says, but the model "
                f"ends with {last}, whose outputs lie between 0 and 1: drop one of the two."
            )


def check_not_alone(layer: Layer, output_shape: Shape, where: str = "ends with") -> None:
    """Checks that a layer does not make a probability alone where they have the sum 1.

    Raises:
        ShapeError: It does.
    """
    if layer.sums_along_last(output_shape) and output_shape[-1:] == (1,):
        raise ShapeError(
            f"the model {where} {layer}, whose outputs are probabilities with the sum 1, or "
            f"their logarithms: one alone never changes. A single output takes Sigmoid(); two "
            f"classes can have two outputs."
        )


def about_flattened(layers: Sequence[Layer], output_shape: Shape) -> str:
    """What to do where the outputs are those of all rows or steps of a sample, side by side."""
    for layer in reversed([each for each in unfold(layers) if not each.is_activation]):
        if type(layer).make_parameters is not Layer.make_parameters:
            break
        if layer.rearranges and len(output_shape) == 1:
            return (
                f" These {output_shape[0]} outputs are those of all places of a sample, side by "
                f"side: for one prediction a sample put {layer} in front of the last layer with "
                f"weights."
            )
    return ""
