"""The table of a model's layers, output shapes and parameters."""

from backprop.core.console import aligned
from backprop.core.signatures import answered
from backprop.core.types import Shape
from backprop.layers import Layer
from backprop.layers.block import walk


@answered
def summary(layers: list[Layer], input_shape: Shape | None, title: str = "Sequential") -> str:
    """A table of the layers: name and kind, shape of the output, number of parameters.

    Args:
        layers: The layers in order.
        input_shape: The shape of one sample; None for a model that is not built.
        title: What stands above the table.

    Returns:
        The table, what is inside a block indented below it, and the totals.

    Example:
        >>> model = bp.Sequential([bp.Input(784), bp.layers.Dense(10), bp.layers.Softmax()])
        >>> print(bp.inspection.summary(model.layers, model.input_shape))
        Sequential
        ───────────────────────────────────────────────
        Layer (type)          Output shape   Parameters
        ───────────────────────────────────────────────
        dense_1 (Dense)       (None, 10)          7,850
        softmax_1 (Softmax)   (None, 10)              0
        ───────────────────────────────────────────────
        Parameters: 7,850 (30.7 KiB)
        Trainable: 7,850   Non-trainable: 0
    """
    rows: list[tuple[str, str, str]] = []
    counts = {True: 0, False: 0}
    n_bytes = 0
    shape = input_shape
    for layer in layers:
        for p in layer.parameters:
            counts[p.trainable] += p.value.size
            n_bytes += p.value.nbytes
        shape = layer.output_shape(shape) if shape else None
        rows.append(row(layer, shape, input_shape is not None))
        for way, inner in walk(getattr(layer, "children", ())):  # built with the block
            made = inner.output_shape(inner.input_shape) if inner.input_shape else None
            rows.append(row(inner, made, made is not None, "  " * (1 + way.count("."))))
    heads = ("Layer (type)", "Output shape", "Parameters")
    head, *lines = aligned([heads, *rows], "<<>", "   ")
    rule = "─" * len(head)
    text = [title, rule, head, rule, *lines, rule]
    if input_shape is None:
        text.append("not built: the number of parameters follows from the first data it sees")
    else:
        total = counts[True] + counts[False]
        text.append(f"Parameters: {total:,} ({show_bytes(n_bytes)})")
        text.append(f"Trainable: {counts[True]:,}   Non-trainable: {counts[False]:,}")
    return "\n".join(text)


def row(layer: Layer, shape: Shape | None, built: bool, indent: str = "") -> tuple[str, str, str]:
    """A layer's line of the table."""
    size = sum(p.value.size for p in layer.parameters)
    return (
        f"{indent}{layer.name} ({type(layer).__name__})",
        str((None, *shape)) if shape else "?",
        f"{size:,}" if built else "?",
    )


def show_bytes(n: int) -> str:
    """``2.5 KiB``."""
    size, units = float(n), ["B", "KiB", "MiB", "GiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{n} B" if units[0] == "B" else f"{size:.1f} {units[0]}"
