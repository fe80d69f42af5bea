"""An explanation as a table: aligned text for the terminal, HTML for notebooks."""

import textwrap
from collections.abc import Sequence

import numpy as np

from backprop.core.types import Array
from backprop.explain.names import Row, Section

Part = tuple[str, list[Section]]

_MOST = 6  # rows of a matrix; of a larger one the first few are shown
_MOST_PIXELS = 8  # rows and columns of an image
_WIDEST = 48  # characters; a longer formula stands above its numbers instead of beside them


def as_text(head: str, parts: Sequence[Part]) -> str:
    """The derivation as an aligned table: formula, shape, values."""
    rows = [row for _, sections in parts for section in sections for row in section.rows]
    left = max(len(row.formula) for row in rows if len(row.formula) <= _WIDEST)
    middle = max(len(_shape(row)) for row in rows)
    lines = [head.replace("`", "")]
    for part, sections in parts:
        lines += ["", part.replace("`", ""), "─" * (left + middle + 30)]
        for section in sections:
            lines.append(section.title.replace("`", ""))
            for row in section.rows:
                formula, values = row.formula, block(row)
                if len(formula) > left:
                    lines.append(f"  {formula}")
                    formula = ""
                for number, value in enumerate(values or [""]):
                    cells = (formula, _shape(row)) if number == 0 else ("", "")
                    line = f"  {cells[0]:<{left}}  {cells[1]:<{middle}}  {value}"
                    lines += [line.rstrip()] if line.strip() else []
            lines += [f"  {line}" for line in _wrap(section.remark.replace("`", ""))]
    return "\n".join(lines)


def as_html(head: str, parts: Sequence[Part]) -> str:
    """The same table for a notebook."""
    style = 'style="text-align: left; vertical-align: top"'

    def wide(words: str, tag: str) -> str:
        text = _escape(words.replace("`", ""))
        return f'<tr><td colspan="3" {style}><{tag}>{text}</{tag}></td></tr>'

    caption = _escape(head.replace("`", ""))
    lines = [f'<table style="font-family: monospace"><caption>{caption}</caption>']
    for part, sections in parts:
        lines.append(wide(part, "h4"))
        for section in sections:
            lines.append(wide(section.title, "b"))
            for row in section.rows:
                values = _escape("\n".join(block(row)))
                cells = (_escape(row.formula), _shape(row), f"<pre>{values}</pre>")
                lines.append(f"<tr>{''.join(f'<td {style}>{cell}</td>' for cell in cells)}</tr>")
            if section.remark:
                lines.append(wide(section.remark, "i"))
    return "\n".join([*lines, "</table>"])


def block(row: Row) -> list[str]:
    """The lines of a row's numbers: the matrix, or before and after an update side by side."""
    if row.value is None:
        return []
    if row.after is None:
        return _lines(table(row.value))
    before, after = _lines(table(row.value, 3)), _lines(table(row.after, 3))
    arrow = ["→", *[" "] * (len(before) - 1)]
    return [f"{a}  {b}  {c}" for a, b, c in zip(before, arrow, after, strict=True)]


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


def _lines(rows: list[list[str]]) -> list[str]:
    """The rows with their columns aligned."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(f"{text:>{width}}" for text, width in zip(row, widths, strict=True))
        for row in rows
    ]


def _escape(text: str) -> str:
    # html.escape would do the same, but importing it loads a table of all HTML entities
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, 88)


def _shape(row: Row) -> str:
    return str(row.value.shape) if row.value is not None and row.value.ndim else ""
