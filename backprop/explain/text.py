"""An explanation as a table: aligned text for the terminal, HTML for notebooks."""

import textwrap
from collections.abc import Sequence

import numpy as np

from backprop.core.console import aligned
from backprop.core.types import Array
from backprop.explain.names import Row, Section

Part = tuple[str, list[Section]]

_MOST = 6  # rows of a matrix; of a larger one the first few are shown
_MOST_PIXELS = 8  # rows and columns of an image
_MOST_BELOW = 3  # images, or matrices of a kernel, below each other
_WIDE = 72  # characters of the pictures beside each other
_WIDEST = 48  # characters; a longer formula stands above its numbers instead of beside them


def as_text(head: str, parts: Sequence[Part]) -> str:
    """The derivation as an aligned table: formula, shape, values."""
    rows = [row for _, sections in parts for section in sections for row in section.rows]
    left = max(len(row.formula) for row in rows if len(row.formula) <= _WIDEST)
    middle = max(len(_shape(row)) for row in rows)
    kernels = parameters(parts)
    lines = [head.replace("`", "")]
    for part, sections in parts:
        lines += ["", part.replace("`", ""), "─" * (left + middle + 30)]
        for section in sections:
            lines.append(section.title.replace("`", ""))
            for row in section.rows:
                formula, values = row.formula, block(row, symbol(row) in kernels)
                if len(formula) > left:
                    lines.append(f"  {formula}")
                    formula = ""
                for number, value in enumerate(values or [""]):
                    cells = (formula, _shape(row)) if number == 0 else ("", "")
                    line = f"  {cells[0]:<{left}}  {cells[1]:<{middle}}  {value}"
                    lines += [line.rstrip()] if line.strip() else []
            remark = textwrap.wrap(section.remark.replace("`", ""), 88)
            lines += [f"  {line}" for line in remark]
    return "\n".join(lines)


def as_html(head: str, parts: Sequence[Part]) -> str:
    """The same table for a notebook."""
    style = 'style="text-align: left; vertical-align: top"'

    def wide(words: str, tag: str) -> str:
        text = escape(words.replace("`", ""))
        return f'<tr><td colspan="3" {style}><{tag}>{text}</{tag}></td></tr>'

    kernels = parameters(parts)
    caption = escape(head.replace("`", ""))
    lines = [f'<table style="font-family: monospace"><caption>{caption}</caption>']
    for part, sections in parts:
        lines.append(wide(part, "h4"))
        for section in sections:
            lines.append(wide(section.title, "b"))
            for row in section.rows:
                values = escape("\n".join(block(row, symbol(row) in kernels)))
                cells = (escape(row.formula), _shape(row), f"<pre>{values}</pre>")
                lines.append(f"<tr>{''.join(f'<td {style}>{cell}</td>' for cell in cells)}</tr>")
            if section.remark:
                lines.append(wide(section.remark, "i"))
    return "\n".join([*lines, "</table>"])


def parameters(parts: Sequence[Part]) -> set[str]:
    """The symbols of the layers' parameters: rows of a layer that are no formulas."""
    rows = [row for _, sections in parts for section in sections for row in section.rows]
    return {row.formula for row in rows if "=" not in row.formula and row.formula[-1:] == "⁾"}


def symbol(row: Row) -> str:
    """W⁽¹⁾ for a row about W⁽¹⁾, ∂E/∂W⁽¹⁾ or (∂E/∂W⁽¹⁾)_{uvck}, or the update W⁽¹⁾ ← …."""
    left = row.formula.partition(" = ")[0].partition(" ← ")[0].lstrip("(")
    name, level, _ = left.removeprefix("∂E/∂").partition("⁾")
    return name + level


def block(row: Row, kernel: bool = False) -> list[str]:
    """The lines of a row's numbers: the matrix, or before and after an update side by side.

    Args:
        row: The row.
        kernel: Whether an array of four axes is a kernel, and not a batch of images.
    """
    if row.value is None:
        return []
    if row.after is None:
        return pictures(row.value, kernel, _WIDE) or aligned(table(row.value))
    half = _WIDE // 2
    before = pictures(row.value, kernel, half) or aligned(table(row.value, 3))
    after = pictures(row.after, kernel, half) or aligned(table(row.after, 3))
    width = max(map(len, before))
    arrow = ["→", *[" "] * (len(before) - 1)]
    return [f"{a:<{width}}  {b}  {c}" for a, b, c in zip(before, arrow, after, strict=True)]


def pictures(array: Array, kernel: bool, widest: int) -> list[str]:
    """Small images of several channels, and kernels, as their pixels lie, each below its name.

    An image's channels stand side by side, and below each other where the line is full. So do a
    kernel's matrices ``[:, :, i, k]`` for each k; those for the next i stand below. Of many the
    first few are shown.

    Args:
        array: Images ``(N, H, W, C)``, or a kernel ``(h, w, i, k)``.
        kernel: Whether it is a kernel.
        widest: How many characters a line may have.

    Returns:
        The lines; none for arrays of another form or with larger pictures.
    """
    if array.ndim != 4 or (array.shape[2 if kernel else 3] == array.shape[3] == 1):
        return []
    planes = array.transpose((2, 3, 0, 1) if kernel else (0, 3, 1, 2))  # (i, k, h, w)
    count, n_beside, height, columns = planes.shape
    if max(height, columns) > _MOST_PIXELS:
        return []
    texts = np.reshape(format_numbers(planes[:_MOST_BELOW]), (-1, *planes.shape[1:]))
    size = max(len(text) for text in texts.flat)
    width = max((size + 2) * columns - 2, 12)
    beside = max((widest + 3) // (width + 3), 1)
    starts = [(i, k) for i in range(len(texts)) for k in range(0, n_beside, beside)]
    if kernel:  # a line of matrices for each i
        starts = [(i, 0) for i in range(len(texts))]
    lines = []
    for i, start in starts[:_MOST_BELOW]:
        shown = range(start, min(start + beside, n_beside))
        more = ["…"] * (kernel and len(shown) < n_beside)
        names = [_picture_name(i, k, kernel, count) for k in shown]
        lines.append("   ".join([*(f"{name:<{width}}" for name in names), *more]))
        for y in range(height):
            pixels = ["  ".join(f"{text:>{size}}" for text in texts[i, k, y]) for k in shown]
            lines.append("   ".join(f"{text:<{width}}" for text in pixels))
    lines += ["⋮"] * (len(starts) > _MOST_BELOW or count > len(texts))
    return [line.rstrip() for line in lines]


def _picture_name(i: int, k: int, kernel: bool, count: int) -> str:
    if kernel:
        return f"[:, :, {i}, {k}]"
    return f"channel {k}" if count == 1 else f"sample {i}, channel {k}"


def table(array: Array, columns: int = 5) -> list[list[str]]:
    """An array as rows of numbers in text, of a large one the first few rows and columns.

    Leading axes stand one below the other: ``(N, T, n)`` is laid out as ``(N·T, n)``, and images
    and kernels with one channel as their pixels lie: ``(N, H, W, 1)`` as ``(N·H, W)``.
    """
    most = _MOST
    if array.ndim == 4 and array.shape[-1] == 1:
        array, most, columns = array[..., 0], _MOST_PIXELS, columns + _MOST_PIXELS - 5
        array = array[..., 0] if array.shape[-1] == 1 else array  # of a kernel (h, w, 1, 1)
    matrix = np.reshape(array, (-1, array.shape[-1])) if array.ndim else np.reshape(array, (1, 1))
    m, n = matrix.shape
    m, n = m if m <= most else most - 2, n if n <= columns else columns - 1
    texts = format_numbers(matrix[:m, :n])
    rows = [texts[i * n : (i + 1) * n] for i in range(m)]
    if n < matrix.shape[1]:
        rows = [[*row, "…"] for row in rows]
    if m < len(matrix):
        rows.append(["⋮"] * len(rows[0]))
    return rows


def format_numbers(values: Array) -> list[str]:
    """Numbers as texts, all with the same number of decimals: as few as show nine places of each.

    In float32, which has no more, seven. Where the decimals would cut off too much of the smallest
    number, or the largest one is huge, all are in scientific notation with that many digits.
    """
    flat = np.ravel(values)
    if flat.dtype.kind != "f":
        return [str(value) for value in flat]
    digits = 9 if flat.dtype.itemsize > 4 else 7
    sizes = np.abs(flat[np.isfinite(flat) & (flat != 0)])
    if sizes.size and (sizes.min() < 1e-5 or sizes.max() >= 1e6):
        texts = [np.format_float_scientific(v, digits - 1, trim="-", exp_digits=2) for v in flat]
        texts = [text.replace(".e", "e") for text in texts]  # NumPy leaves the point of 5.0…
        places = 0
    else:
        texts = [np.format_float_positional(v, digits, trim="-") for v in flat]
        places = max((len(text.partition(".")[2]) for text in texts), default=0)
    return [_pad(text, places) if v else "0" for text, v in zip(texts, flat, strict=True)]


def _pad(text: str, places: int) -> str:
    """The number with zeros up to that many decimals, so that points stand below each other."""
    whole, _, fraction = text.partition(".")
    if not places or not whole.lstrip("-").isdigit():  # nan and inf have none
        return text
    return f"{whole}.{fraction:0<{places}}"


def escape(text: str) -> str:
    """The text with what HTML reads as its own signs written out."""
    # html.escape would do the same, but importing it loads a table of all HTML entities
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _shape(row: Row) -> str:
    return str(row.value.shape) if row.value is not None and row.value.ndim else ""
