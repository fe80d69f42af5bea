"""The table of a model's layers, output shapes and parameters."""

from backprop.core.types import Shape
from backprop.layers import Layer


def summary(layers: list[Layer], input_shape: Shape | None, title: str = "Sequential") -> str:
    """A table of the layers: name and kind, shape of the output, number of parameters.

    Args:
        layers: The layers in order.
        input_shape: The shape of one sample; None for a model that is not built.
        title: What stands above the table.

    Returns:
        The table, with the totals below it.
    """
    rows: list[tuple[str, str, str]] = []
    counts = {True: 0, False: 0}
    n_bytes = 0
    shape = input_shape
    for layer in layers:
        shape = layer.output_shape(shape) if shape else None
        size = sum(p.value.size for p in layer.parameters)
        for p in layer.parameters:
            counts[p.trainable] += p.value.size
            n_bytes += p.value.nbytes
        known = str((None, *shape)) if shape else "?"
        rows.append(
            (
                f"{layer.name} ({type(layer).__name__})",
                known,
                f"{size:,}" if input_shape or not isinstance(size, int) else "?",
            )
        )
    heads = ("Layer (type)", "Output shape", "Parameters")
    widths = [max(len(row[k]) for row in [heads, *rows]) for k in range(3)]

    def line(cells: tuple[str, str, str]) -> str:
        return (
            f"{cells[0]:<{widths[0]}}   {cells[1]:<{widths[1]}}   {cells[2]:>{widths[2]}}".rstrip()
        )

    rule = "─" * (sum(widths) + 6)
    text = [title, rule, line(heads), rule, *map(line, rows), rule]
    if input_shape is None:
        text.append("not built: the number of parameters follows from the first data it sees")
    else:
        total = counts[True] + counts[False]
        text.append(f"Parameters: {total:,} ({show_bytes(n_bytes)})")
        text.append(f"Trainable: {counts[True]:,}   Non-trainable: {counts[False]:,}")
    return "\n".join(text)


def show_bytes(n: int) -> str:
    """``2.5 KiB``."""
    size, units = float(n), ["B", "KiB", "MiB", "GiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{n} B" if units[0] == "B" else f"{size:.1f} {units[0]}"
