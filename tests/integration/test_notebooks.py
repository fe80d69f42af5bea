"""Each notebook opens with a question and ends with three exercises, whose answers are checked."""

import contextlib
import importlib.util
import io
import re
from pathlib import Path

import nbformat
import pytest
from exercise_answers import ANSWERS
from matplotlib import pyplot

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
NOT_YET = "not yet: write your answer in place of None, and run the cell again\n"


def cells(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def test_every_notebook_has_answers():
    assert sorted(ANSWERS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_a_question_and_ends_with_three_exercises(name):
    title, _, question = cells(name)[0].source.split("\n")[:3]
    assert title.startswith(f"# {name[1]} · ")
    assert re.fullmatch(r"\*\*[A-Z].*\?\*\*", question)
    heading, *exercises = cells(name)[-7:]
    assert heading.source.startswith("## Exercises\n")
    for number, text, cell in zip("123", exercises[::2], exercises[1::2], strict=True):
        assert text.source.startswith(f"**{number}.** ")
        assert re.search(r"^answer = None  # \w", cell.source, flags=re.MULTILINE)
        assert printed(cell) == NOT_YET


@pytest.mark.parametrize("name", NAMES)
def test_its_outputs_are_those_of_one_run_from_top_to_bottom(name):
    code = [cell for cell in cells(name) if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [cell for cell in code for output in cell.outputs if output.output_type == "error"]


@pytest.fixture
def check():
    spec = importlib.util.spec_from_file_location("exercises", FOLDER / "exercises.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.check


@pytest.mark.parametrize(
    ("answer", "right", "says"),
    [
        (0.5004, 0.5, "right"),
        (0.51, 0.5, "not right"),
        (-0.5, 0.5, "not right"),
        (256, 256, "right"),
        (257, 256, "not right"),
        ((1, 6), (1, 6), "right"),
        ((6, 1), (1, 6), "not right"),
        (1, (1, 6), "not right"),
        ("256", 256, "not right"),
        (3, lambda number: number > 2, "right"),
        (1, lambda number: number > 2, "not right"),
        (None, 256, "not yet"),
    ],
)
def test_check_says_whether_an_answer_is_right(check, capsys, answer, right, says):
    check(answer, right)
    assert capsys.readouterr().out.rstrip("\n").partition(":")[0] == says


def last_line(source, namespace):
    with contextlib.redirect_stdout(io.StringIO()) as heard:
        exec(source, namespace)
    return heard.getvalue().splitlines()[-1]


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_right_answers_are_told_from_wrong_ones(name, monkeypatch):
    monkeypatch.chdir(FOLDER)  # where Jupyter runs them
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(pyplot, "show", lambda: None)
    namespace = {"__name__": "__main__", "display": lambda figure: None}
    code = [cell.source for cell in cells(name) if cell.cell_type == "code"]
    for source in code[:-3]:
        exec(source, namespace)
        pyplot.close("all")
    for source, (right, wrong) in zip(code[-3:], ANSWERS[name], strict=True):
        assert last_line(source, namespace) == NOT_YET.rstrip()
        before, _, after = re.split(r"^(answer = None .*)$", source, flags=re.MULTILINE)
        for answer, says in ((wrong, "not right: try again"), (right, "right")):
            assert last_line(f"{before}{answer}{after}", namespace) == says, answer
