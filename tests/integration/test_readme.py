"""The Python examples of the README and the pages run, and print what stands below them."""

import contextlib
import io
import re
from inspect import isclass
from pathlib import Path
from typing import NamedTuple

import pytest

import backprop as bp

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "notebooks").glob("*.md"))]
WITH_EXAMPLES = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]

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


def run(block, namespace, page):
    """What the block prints; its tracebacks and warnings name the page's own lines."""
    source = "\n" * (block.line - 1) + block.text
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(source, str(page), "exec"), namespace)
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


def check_examples(markdown, page=README):
    namespace = {"__name__": "__main__"}
    for block, expected in examples(markdown):
        printed = run(block, namespace, page)
        if expected is not None and not says(expected, printed):
            pytest.fail(
                f"the Python block in line {block.line} of {page.name} prints\n\n{printed}\n"
                f"but should print\n\n{expected}"
            )


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.stem)
def test_examples_run_and_print_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_examples(page.read_text(encoding="utf-8"), page)


def test_the_readme_has_examples_and_fits_one_sitting():
    assert README in WITH_EXAMPLES
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 250


def public_names(room):
    """The classes that a room offers, functions of data and pictures too."""
    module = getattr(bp, room)
    names = getattr(module, "__all__", None) or vars(module)
    for name in names:
        part = getattr(module, name)
        own_class = isclass(part) and part.__module__.startswith(f"backprop.{room}")
        if own_class or room in ("datasets", "plotting"):
            yield name


ROOMS = ["layers", "losses", "metrics", "optimizers", "schedules", "initializers", "regularizers",
         "constraints", "callbacks", "datasets", "plotting"]  # fmt: skip
INSIDE = {"CallbackList", "Formula"}  # which users neither make nor subclass


@pytest.mark.parametrize("room", ROOMS)
def test_the_vocabulary_names_every_part(room):
    page = (ROOT / "notebooks" / "vocabulary.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", page))))
    assert not set(public_names(room)) - named - INSIDE


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
