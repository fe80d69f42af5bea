"""Files that an explanation is saved to, and what of the page can be seen without a browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explained import Doubling, Quoting, Scale, classifier, compiled, data_of, one_hot

import backprop as bp
from backprop import __main__
from backprop.explain import Explanation
from backprop.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    Identity,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from backprop.optimizers import SGD


def saved(explanation: Explanation, folder: Path) -> str:
    explanation.save(folder / "lesson.html")
    return (folder / "lesson.html").read_text(encoding="utf-8")


class Rows(HTMLParser):
    """The numbers in the rows of a page, the rows' keys, the elements, and what these load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.numbers: list[str] = []
        self.loading: list[tuple[str, str | None]] = []
        self.elements: set[str] = set()
        self.keys: set[str | None] = set()
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "pre"
        self.elements.add(tag)
        self.keys.add(dict(attributes).get("data-key"))
        self.numbers += [""] * self.inside
        self.loading += [pair for pair in attributes if pair[0] in ("src", "href", "srcset")]

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.numbers[-1] += data


# ------------------------------------------------------------------------------------------ files


def test_ending_of_the_path_names_the_form(example: Explanation, tmp_path: Path) -> None:
    for suffix in ("txt", "tex", "png", "svg", "html", "HTML"):
        example.save(str(tmp_path / f"a.{suffix}"))
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == f"{example}\n"
    assert (tmp_path / "a.tex").read_text(encoding="utf-8") == example.latex()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert (tmp_path / "a.HTML").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("name", ["lesson", "lesson.pdf", ".html"])
def test_other_ending_is_an_error(name: str, example: Explanation, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"let it end with \.html, \.tex, \.txt, \.png or \.svg"):
        example.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_failed_save_leaves_the_old_file(
    example: Explanation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lesson.tex"
    path.write_text("old")
    monkeypatch.setattr(Explanation, "latex", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        example.save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError, match="create the folder"):
        example.save(tmp_path / "missing" / "lesson.html")


# ------------------------------------------------------------------------------------------- page


def test_page_is_small_and_loads_nothing(example: Explanation, tmp_path: Path) -> None:
    page = saved(example, tmp_path)
    assert len(page.encode()) < 200_000
    assert Rows(page).loading == [("href", "data:,")]  # no icon is asked for
    assert re.findall(r"https?://[^\"]*", page) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"@import|url\((?!#)|\bfetch\b|XMLHttpRequest|\{\{", page)


def test_page_has_words_symbols_and_digits_of_the_text(
    example: Explanation, tmp_path: Path
) -> None:
    page = saved(example, tmp_path)
    text = " ".join(str(example).split())
    for block in Rows(page).numbers:
        for line in block.split("\n"):
            assert " ".join(line.split()) in text
    plain = re.sub("<[^>]*>", "", page).replace("&gt;", ">")
    for formula in ("z⁽¹⁾ = x W⁽¹⁾ + b⁽¹⁾", "E_k = ½ (ŷ_k − y_k)²", "W⁽²⁾ ← W⁽²⁾ − 0.5 ∂E/∂W⁽²⁾"):
        assert formula in text
        assert formula in plain
    for words in ("b⁽¹⁾ is frozen (trainable = False).", "sigmoid_1 (Sigmoid)", "Update by SGD("):
        assert words in text
        assert words in plain


def test_rows_belong_to_the_five_steps(example: Explanation, tmp_path: Path) -> None:
    page = saved(example, tmp_path)
    rows = re.findall(r"data-step='(\w+)' data-key='(\w+)'", page)
    steps: dict[str, list[str]] = {}
    for step, key in rows:
        steps.setdefault(step, []).append(key)
    assert steps == {
        "forward": ["A0", "W0", "b0", "A1", "A2", "W2", "b2", "A3", "A4"],
        "loss": ["A4", "target", "parts", "E"],
        "backward": ["D4", "S3", "D3", "D2", "S1", "D1", "D0"],
        "gradients": ["dW2", "db2", "dW0", "db0"],
        "update": ["W0", "b0", "W2", "b2"],
    }


def test_numbers_stand_in_the_place_of_symbols(example: Explanation, tmp_path: Path) -> None:
    page = saved(example, tmp_path).replace("&#39;", "'")
    inserted = dict(re.findall(r"data-key='(\w+)'[^>]*data-inserted='(.*?)'>", page))
    found = {key: json.loads(text) for key, text in inserted.items()}
    assert found["A1"] == ["", ["A0"], " ", ["W0"], " + ", ["b0"], ""]
    assert found["dW2"] == ["", ["A2", "T"], " ", ["D3"], ""]
    assert found["D1"] == ["", ["D2"], " ⊙ ", ["S1"], ""]
    assert found["parts"] == ["½ (", ["A4"], " − ", ["y"], ")²"]
    assert found["W2"] == ["", ["W2"], " − ", ["eta"], " ", ["dW2"], ""]


def test_float32_keeps_its_short_digits(tmp_path: Path) -> None:
    model = compiled(Dense(1), dtype="float32")
    data = data_of(saved(model.explain([0.1, 0.2], [0.3]), tmp_path))
    assert data["values"]["A0"] == [[0.1, 0.2]]
    assert data["digits"] == 7


@pytest.mark.parametrize(
    "body",
    [
        (Dense(3), Tanh(), Dense(2), Sigmoid()),
        (Dense(2), Identity()),
        (Dense(3, use_bias=False), ReLU(), Dense(2), Softmax()),
    ],
)
def test_plain_networks_run(body: Any, tmp_path: Path) -> None:
    loss = "categorical_crossentropy" if isinstance(body[-1], Softmax) else "mse"
    assert data_of(saved(compiled(*body, loss=loss).explain([1, 2], [0, 1]), tmp_path))["runs"]


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": "adam"},
        {"optimizer": SGD(0.1, momentum=0.9)},
        {"optimizer": SGD(0.1, weight_decay=0.1)},
        {"optimizer": SGD(0.1, clipnorm=1.0)},
        {"optimizer": SGD(bp.schedules.ExponentialDecay(0.1, 10, 0.9))},
        {"loss": bp.losses.BinaryCrossentropy(label_smoothing=0.1)},
        {"body": (Dense(2, kernel_regularizer="l2"), Sigmoid())},
        {"body": (Dense(2, kernel_constraint="non_neg"), Sigmoid())},
        {"body": (Dense(9), Dense(2), Sigmoid())},
        {"body": (Dense(2), Scale(), Sigmoid())},
        {"weight": [0.5]},
    ],
)
def test_others_show_the_numbers_of_python(change: dict[str, Any], tmp_path: Path) -> None:
    body = change.get("body", (Dense(2), Sigmoid()))
    loss = change.get("loss", "binary_crossentropy")
    model = compiled(*body, loss=loss, optimizer=change.get("optimizer"))
    explanation = model.explain([[1, 2]], [[0, 1]], change.get("weight"))
    page = saved(explanation, tmp_path)
    data = data_of(page)
    known = all(layer["kind"] for layer in data["layers"])
    assert not (data["runs"] and known)
    assert len(Rows(page).numbers) > 8


def test_layer_of_a_users_own_is_not_taken_for_ours(tmp_path: Path) -> None:
    class Sigmoid(Doubling):
        pass

    model = compiled(Dense(2), Sigmoid())
    kinds = [
        layer["kind"] for layer in data_of(saved(model.explain([1, 2], [0, 1]), tmp_path))["layers"]
    ]
    assert kinds == ["Dense", ""]


def test_network_that_cannot_be_drawn_has_its_picture(tmp_path: Path) -> None:
    model = bp.Sequential([Conv2D(2, 3), BatchNormalization(), Flatten(), Dense(2), Softmax()])
    model.compile("sgd", "sparse_categorical_crossentropy")
    X = np.random.default_rng(0).normal(size=(2, 6, 6, 1))
    page = saved(model.explain(X, [0, 1]), tmp_path)
    assert "<img src='data:image/png;base64," in page
    assert data_of(page)["stages"] == []
    assert data_of(page)["values"] == {}


def test_many_samples_are_not_carried_in_the_page(tmp_path: Path, rng: np.random.Generator) -> None:
    X = rng.normal(size=(500, 4))
    page = saved(classifier().explain(X, one_hot(rng.integers(0, 3, 500), 3)), tmp_path)
    assert len(page.encode()) < 200_000
    assert len(data_of(page)["values"]["A0"]) == 32
    assert not data_of(page)["runs"]


def test_signs_of_html_in_names_are_written_out(tmp_path: Path) -> None:
    model = compiled(Dense(2, name="<b>'&"), Sigmoid())
    page = saved(model.explain([1, 2], [0, 1]), tmp_path)
    assert "&lt;b&gt;'&amp; (Dense)" in page
    assert data_of(page)["layers"][0]["name"] == "<b>'&"


def test_signs_of_html_in_names_of_parameters_are_written_out(tmp_path: Path) -> None:
    page = Rows(saved(compiled(Quoting(), Dense(2)).explain([1, 2], [0, 1]), tmp_path))
    assert {'it\'s <b> & "so"0', 'dit\'s <b> & "so"0'} <= page.keys
    assert "b" not in page.elements


# ---------------------------------------------------------------------------- the worked example


def test_lesson_is_written_and_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []

    def open_new_tab(uri: str) -> bool:
        opened.append(uri)
        return len(opened) == 1

    monkeypatch.setattr(__main__, "open_new_tab", open_new_tab)
    path = tmp_path / "new" / "lesson.html"
    __main__.main(["lesson", "--output", str(path.parent)])
    assert opened == []
    assert capsys.readouterr().out == f"A page to step through: {path}\n"
    data = data_of(path.read_text(encoding="utf-8"))
    assert data["runs"]
    assert data["values"]["E"] == pytest.approx(0.298371109, abs=1e-9)  # as published
    path.unlink()
    __main__.main(["--output", str(path.parent), "lesson", "--open"])
    assert opened == [path.as_uri()]
    assert len(path.read_bytes()) < 200_000
    assert "browser" not in capsys.readouterr().out
    __main__.main(["lesson", "--open", "--output", str(path.parent)])
    assert "No browser could be started: open the page yourself." in capsys.readouterr().out


def test_folder_of_the_lesson_must_be_writable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        __main__.main(["lesson", "--output", str(tmp_path / "file")])
    assert "no page can be written there: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["training.png", "digits.png", "lesson.html"])
def test_folders_in_the_place_of_files_are_found_before_the_training(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(__main__, "classify_digits", lambda *arguments: None)
    (tmp_path / name).mkdir()
    command = ["lesson"] if name == "lesson.html" else []
    with pytest.raises(SystemExit) as caught:
        __main__.main([*command, "--output", str(tmp_path)])
    assert caught.value.code == 2
    assert f"{name}', a folder: name a file." in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--epochs", "--seed"])
def test_what_the_lesson_does_not_use_is_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        __main__.main(["--output", str(tmp_path), option, "3", "lesson"])
    assert "--epochs and --seed are for the training" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
