"""backprop's MLPClassifier and MLPRegressor beside scikit-learn's: the same data and arguments.

Twenty splits of seven data sets with scikit-learn's defaults: scores on the held-out quarter,
epochs, and how long ``fit`` takes. Then the loss that ``solver="lbfgs"`` ends with, the launch of a
process that fits a small problem, and what ten networks cost beside one. Both take turns, with one
BLAS thread, and seconds are those that the processor was busy.

    python benchmarks/bench_sklearn.py [--quick]
"""

import argparse
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from report import cores, cpu, table
from sklearn import datasets, neural_network
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from backprop import estimators

HIDDEN = ((100,), (50,), (20,), (20, 20))
LAUNCH = """\
from {module} import MLPClassifier
X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 10
MLPClassifier((10,), max_iter=20, random_state=0).fit(X, [0, 1, 1, 0] * 10)
"""


def data() -> dict[str, tuple[str, np.ndarray, np.ndarray]]:
    """Kind, inputs and targets of each data set."""
    found = {}
    for name in ("digits", "wine", "breast_cancer", "iris"):
        found[name] = "MLPClassifier", *getattr(datasets, f"load_{name}")(return_X_y=True)
    found["diabetes"] = "MLPRegressor", *datasets.load_diabetes(return_X_y=True)
    for n in (1, 5):
        made = datasets.make_regression(1000, 20, n_targets=n, noise=10.0, random_state=0)
        found[f"{n} output{'s' * (n > 1)}"] = "MLPRegressor", *made
    return found


def split(kind: str, X: np.ndarray, y: np.ndarray, seed: int) -> list[np.ndarray]:
    """Training and test parts, standardised by the training part."""
    parts = train_test_split(X, y, test_size=0.25, random_state=seed)
    parts[:2] = (StandardScaler().fit(parts[0]).transform(part) for part in parts[:2])
    if kind == "MLPRegressor":
        mean, spread = parts[2].mean(axis=0), parts[2].std(axis=0)
        parts[2:] = ((part - mean) / spread for part in parts[2:])
    return parts


def fitted(package: Any, kind: str, X: np.ndarray, y: np.ndarray, **arguments: Any) -> Any:
    """A fitted MLP, and the seconds that it took."""
    mlp = getattr(package, kind)(**arguments)
    start = time.process_time()
    mlp.fit(X, y)
    return mlp, time.process_time() - start


def compare(hidden: tuple[int, ...], splits: int, names: list[str], **arguments: Any) -> list[Any]:
    """A row of the table for each data set."""
    rows = []
    for name in names:
        kind, X, y = data()[name]
        scores, seconds, epochs = [], [], []
        for seed in range(splits):
            X_train, X_test, y_train, y_test = split(kind, X, y, seed)
            common = {"hidden_layer_sizes": hidden, "random_state": seed, **arguments}
            pair = [
                fitted(package, kind, X_train, y_train, **common)
                for package in (estimators, neural_network)
            ]
            scores.append([mlp.score(X_test, y_test) for mlp, _ in pair])
            seconds.append([taken for _, taken in pair])
            epochs.append([mlp.n_iter_ for mlp, _ in pair])
        scores, seconds = np.array(scores), np.array(seconds)
        ratio = np.median(seconds[:, 0] / seconds[:, 1])
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(scores.mean(0), scores.std(0), strict=True)]
        worst = np.abs(scores[:, 0] - scores[:, 1]).max()
        same = sum(a == b for a, b in epochs)
        took = [f"{1e3 * t:.0f}" for t in np.median(seconds, axis=0)]
        of_them = f"{np.mean(epochs):.0f}", f"{same} of {splits}"
        rows.append(["-".join(map(str, hidden)), name, *cells, f"{worst:.4f}", *of_them, *took])
        rows[-1].append(f"**{ratio:.2f}**")
        print(*rows[-1], flush=True)
    return rows


def compare_lbfgs(splits: int, names: list[str], max_iter: int) -> list[Any]:
    """Rows with the loss at the end, ours over theirs, and the time."""
    rows = []
    for name in names:
        kind, X, y = data()[name]
        losses, times = [], []
        for seed in range(splits):
            X_train, _, y_train, _ = split(kind, X, y, seed)
            common = {"solver": "lbfgs", "random_state": seed, "max_iter": max_iter, "alpha": 0.1}
            (a, s), (b, t) = (
                fitted(package, kind, X_train, y_train, **common)
                for package in (estimators, neural_network)
            )
            losses.append(a.loss_ / b.loss_)
            times.append(s / t)
        cells = [f"{np.median(losses):.4f}", f"{max(losses):.4f}", f"**{np.median(times):.2f}**"]
        rows.append([name, *cells])
        print(*rows[-1], flush=True)
    return rows


def launches(rounds: int) -> list[Any]:
    """Rows with the seconds from the launch of Python to a fitted MLP: busy, and on the clock."""
    found: dict[str, list[tuple[float, float]]] = {}
    root = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for round_ in range(rounds + 1):
        for module in ("backprop.estimators", "sklearn.neural_network"):
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            code = [sys.executable, "-W", "ignore", "-c", LAUNCH.format(module=module)]
            subprocess.run(code, check=True, env=environment)
            after, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
            busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            if round_:  # the first import may have had to compile the modules
                found.setdefault(module, []).append((busy, clock))
    rows = [[module, *(f"{s:.2f}" for s in np.median(t, axis=0))] for module, t in found.items()]
    print(*rows, sep="\n", flush=True)
    return rows


def ensembles(rounds: int) -> list[Any]:
    """Rows with the time of ten networks over that of one."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-3, 3, (200, 1))
    y = np.sin(2 * X[:, 0]) + 0.2 * rng.normal(size=200)
    rows = []
    for units, batch in ((4, 8), (8, 8), (8, 32), (20, 32), (50, 32), (50, 200)):
        common = {"hidden_layer_sizes": (units,), "batch_size": batch, "random_state": 0}
        common["n_iter_no_change"] = np.inf
        times = [
            [
                fitted(estimators, "MLPRegressor", X, y, n_members=k, max_iter=100, **common)[1]
                for k in (1, 10)
            ]
            for _ in range(rounds)
        ]
        one, ten = np.median(times, axis=0)
        rows.append([f"1-{units}-1 @ {batch}", f"{1e3 * one:.0f}", f"{1e3 * ten:.0f}"])
        rows[-1].append(f"**{ten / one:.1f}**")
        print(*rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="backprop's MLPs beside scikit-learn's.")
    parser.add_argument("--quick", action="store_true", help="few splits of small data sets")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    names = ["iris", "5 outputs"] if quick else list(data())
    splits = 2 if quick else 20
    arguments = {"max_iter": 30} if quick else {}
    with threadpool_limits(1):
        rows = [
            row
            for hidden in (HIDDEN[1:2] if quick else HIDDEN)
            for row in compare(hidden, splits, names, **arguments)
        ]
        lbfgs = compare_lbfgs(2 if quick else 10, names, 20 if quick else 200)
        together = ensembles(1 if quick else 7)
    launched = launches(1 if quick else 9)
    print(
        f"\n- {cpu()}, {cores()} cores, NumPy {np.__version__}, scikit-learn {sklearn.__version__}"
    )
    print("- float64, one BLAS thread; medians of the splits' processor times\n")
    head = ["hidden", "data", "score, ours", "score, theirs", "largest difference", "epochs"]
    print(table([*head, "same epochs", "ours, ms", "theirs, ms", "ours / theirs"], rows))
    print("\nsolver='lbfgs', α = 0.1: the loss at the end and the time, ours / theirs\n")
    print(table(["data", "loss, median", "loss, largest", "time"], lbfgs))
    print("\nTen networks trained in step, milliseconds\n")
    print(table(["network @ batch", "one", "ten", "ten / one"], together))
    print("\nFrom the launch of Python to a fitted classifier of 40 samples, seconds\n")
    print(table(["module", "busy", "on the clock"], launched))


if __name__ == "__main__":
    main()
