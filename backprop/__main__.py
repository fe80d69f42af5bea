"""``python -m backprop``: trains a classifier of handwritten digits and shows what it learnt.

``python -m backprop lesson`` writes a page that runs the worked example of backpropagation.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from webbrowser import open_new_tab

import numpy as np

from backprop import plotting
from backprop.core import console
from backprop.core.durable import check_path, check_target, replacing
from backprop.datasets import load_digits
from backprop.layers import Dense, Input, ReLU, Sigmoid, Softmax
from backprop.optimizers import SGD
from backprop.plotting.style import load_matplotlib
from backprop.sequential import Sequential


def main(arguments: list[str] | None = None) -> None:
    """Trains and writes two pictures, or writes the lesson."""
    parser = argparse.ArgumentParser(
        prog="python -m backprop",
        description="Train a classifier of handwritten digits (1797 of 8 by 8 pixels) and "
        "write two pictures: how training went, and what the network says of unseen digits.",
    )
    parser.add_argument("--epochs", type=int, help="passes over the data (30)")
    parser.add_argument("--seed", type=int, help="of weights and shuffling (0)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("backprop-output"),
        metavar="DIR",
        help="folder for the pictures, or for the page of the lesson (backprop-output)",
    )
    parser.add_argument(
        "what",
        nargs="?",
        choices=["lesson"],
        metavar="lesson",
        help="write lesson.html instead, a page that runs a small network step by step",
    )
    parser.add_argument("--open", action="store_true", help="open the lesson in the browser")
    options = parser.parse_args(arguments)
    lesson = options.what == "lesson"
    if options.open and not lesson:
        parser.error("--open is for the lesson, and not for the training")
    if lesson and (options.epochs, options.seed) != (None, None):
        parser.error("--epochs and --seed are for the training, and not for the lesson")
    epochs = 30 if options.epochs is None else options.epochs
    seed = 0 if options.seed is None else options.seed
    if epochs < 1:
        parser.error(f"--epochs must be 1 or more, but it is {epochs}")
    if seed < 0:
        parser.error(f"--seed must be 0 or more, but it is {seed}")
    try:
        options.output = Path(check_path(options.output, "--output"))
        options.output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=options.output):  # before an epoch is spent
            pass
        for name in ["lesson.html"] if lesson else ["training.png", "digits.png"]:
            check_target(options.output / name)
    except OSError as error:
        reason = error.strerror or error
        files = "page" if lesson else "pictures"
        parser.error(f"--output {options.output}: no {files} can be written there: {reason}")
    if lesson:
        write_lesson(options.output / "lesson.html", options.open)
        return
    try:
        load_matplotlib()
    except ValueError as error:
        parser.error(str(error))
    classify_digits(options.output, epochs, seed)


def write_lesson(path: Path, show: bool) -> None:
    """Writes the page of M. Mazur's "A step by step backpropagation example" (2015).

    Args:
        path: Where to.
        show: Whether to open it in the browser.
    """
    model = Sequential([Input(2), Dense(2), Sigmoid(), Dense(2), Sigmoid()], dtype="float64")
    W1, b1 = [[0.15, 0.25], [0.20, 0.30]], [0.35, 0.35]
    W2, b2 = [[0.40, 0.50], [0.45, 0.55]], [0.60, 0.60]
    model.set_weights([np.array(values) for values in (W1, b1, W2, b2)])
    model.compile(SGD(0.5), loss="half_squared_error")
    model.explain([0.05, 0.10], [0.01, 0.99]).save(path)
    console.write(f"A page to step through: {path}")
    if show and not open_new_tab(path.resolve().as_uri()):
        console.write("No browser could be started: open the page yourself.")


def classify_digits(output: Path, epochs: int, seed: int) -> None:
    """Trains, prints the summary and the test accuracy, and writes two pictures."""
    (X, y), (X_test, y_test) = load_digits()
    model = Sequential(
        [
            Input(X.shape[1]),
            Dense(128, kernel_initializer="he_normal"),
            ReLU(),
            Dense(64, kernel_initializer="he_normal"),
            ReLU(),
            Dense(10),
            Softmax(),
        ],
        seed=seed,
    )
    model.summary()
    model.compile(
        optimizer=SGD(learning_rate=0.1, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(X, y, epochs=epochs, validation_data=(X_test, y_test))
    probabilities = model.predict(X_test)
    predictions = probabilities.argmax(axis=1)
    correct = predictions == y_test
    score = f"{correct.sum()} of {len(y_test)} unseen digits"
    console.write(f"Test accuracy: {correct.mean():.4f} ({score})")

    curves = output / "training.png"
    history.plot(curves)
    console.write(f"Loss and accuracy by epoch: {curves}")
    digits = output / "digits.png"
    shown = correct.argsort(kind="stable")[:50]  # the mistakes come first
    figure = plotting.predictions_grid(
        X_test[shown], y_test[shown], predictions[shown], probabilities[shown]
    )
    title = f"{score} correct; the mistakes first, then some of the others"
    figure.axes[0].set_title(title)  # instead of the count among the images that are shown
    with replacing(digits) as temporary:
        figure.savefig(temporary, dpi=150)
    console.write(f"Test digits and predictions: {digits}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell reports Ctrl-C
