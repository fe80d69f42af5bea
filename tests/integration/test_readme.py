"""The README's Python examples run, in order, and print what the README says they print."""

import contextlib
import io
import re
from pathlib import Path
from typing import NamedTuple

import pytest

README = Path(__file__).parents[2] / "README.md"

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ \t]*$", flags=re.MULTILINE | re.DOTALL)
DURATION = re.compile(r" *\b\d+(\.\d+)? (ms|s)\b")  # with the spaces that align it
ROUNDING = re.compile(r"\b\d\.\de-1[5-9]\b|\b0\.0e\+00\b")  # what no two processors share
ELISION = "…"  # a line that stands for any number of printed ones


class Block(NamedTuple):
    language: str
    text: str
    line: int  # of its first line in the file


def fenced_blocks(markdown):
    return [
        Block(found[1], found[2], markdown.count("\n", 0, found.start(2)) + 1)
        for found in FENCE.finditer(markdown)
    ]


def examples(markdown):
    """Each Python block with the ``text`` block that is the next one after it, or None."""
    blocks = fenced_blocks(markdown)
    return [
        (block, after.text if after is not None and after.language == "text" else None)
        for block, after in zip(blocks, [*blocks[1:], None], strict=True)
        if block.language == "python"
    ]


def run(block, namespace):
    """What the block prints; its tracebacks and warnings name the README's own lines."""
    source = "\n" * (block.line - 1) + block.text
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(source, str(README), "exec"), namespace)
    return printed.getvalue()


def comparable(text):
    """Without durations and rounding errors, which differ, and without spaces at ends of lines."""
    text = ROUNDING.sub("<rounding>", DURATION.sub(" <duration>", text))
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def says(expected, printed):
    """Whether the README's text is what was printed, but for durations and elided lines."""
    parts = comparable(expected).split(f"\n{ELISION}\n")
    pattern = r"\n(?:.*\n)*".join(map(re.escape, parts))
    return re.fullmatch(pattern, comparable(printed)) is not None


def check_examples(markdown):
    namespace = {"__name__": "__main__"}
    for block, expected in examples(markdown):
        printed = run(block, namespace)
        if expected is not None and not says(expected, printed):
            pytest.fail(
                f"the Python block in line {block.line} of {README.name} prints\n\n{printed}\n"
                f"but should print\n\n{expected}"
            )


def test_readme_examples_run_and_print_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    markdown = README.read_text(encoding="utf-8")
    assert examples(markdown), f"{README.name} has no ```python block yet: it needs an example"
    check_examples(markdown)


SAMPLE = """\
# title
```python
for epoch in range(1, 5):
    print(f"Epoch {epoch}/4,   20 ms, loss: {0.5 / epoch}")
x = 1
```
It prints:
```text
Epoch 1/4, 1.3 s, loss: 0.5
…
Epoch 4/4, 100 ms, loss: 0.125
```
```sh
exit 1
```
```python
print(x + 1)
```
```text
ANSWER
```
"""


def test_later_blocks_see_earlier_ones_and_neither_durations_nor_elided_lines_count():
    check_examples(SAMPLE.replace("ANSWER", "2"))


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [("ANSWER", "3", 17), ("loss: 0.125", "loss: 0.126", 3), ("loss: 0.5\n", "loss: 0.6\n", 3)],
)
def test_another_output_than_the_readme_says_fails(right, wrong, line):
    with pytest.raises(pytest.fail.Exception, match=f"line {line} of README"):
        check_examples(SAMPLE.replace(right, wrong))
