"""Models as ONNX files: how large, and how long ONNX Runtime and ``predict`` take for one row.

One thread each. The two are timed in turns, many short blocks of calls each, and of each the
fastest block is shown: the rest of the machine can only slow a block down.

    python benchmarks/bench_onnx.py [--quick]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from report import table
from threadpoolctl import threadpool_limits

import backprop as bp
from backprop.layers import (
    LSTM,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Input,
    MaxPooling2D,
    ReLU,
    Softmax,
    TransformerBlock,
)

Array = np.ndarray[Any, Any]

NETWORKS: dict[str, Callable[[], list[Any]]] = {
    "784-128-10": lambda: [Input(784), Dense(128), ReLU(), Dense(10), Softmax()],
    "784-2048-2048-10": lambda: [
        *(Input(784), Dense(2048), ReLU(), Dense(2048), ReLU(), Dense(10), Softmax()),
    ],
    "LeNet, 28 × 28": lambda: [
        *(Input((28, 28, 1)), Conv2D(6, 5, padding="same"), ReLU(), MaxPooling2D()),
        *(Conv2D(16, 5), ReLU(), MaxPooling2D(), Flatten()),
        *(Dense(120), ReLU(), Dense(84), ReLU(), Dense(10), Softmax()),
    ],
    "LSTM(64), 28 steps of 28": lambda: [Input((28, 28)), LSTM(64), Dense(10), Softmax()],
    "2 transformer blocks, 64 words": lambda: [
        *(Input(64), Embedding(1000, 64), TransformerBlock(4, 256), TransformerBlock(4, 256)),
        *(Flatten(), Dense(10), Softmax()),
    ],
}


def fastest(calls: list[Callable[[], Any]], blocks: int, seconds: float) -> list[float]:
    """Seconds of one call of each, in its fastest block."""
    best = [float("inf")] * len(calls)
    sizes = []
    for call in calls:
        call()
        start = time.perf_counter()
        call()
        sizes.append(max(1, int(seconds / (time.perf_counter() - start))))
    for _ in range(blocks):
        for k, call in enumerate(calls):
            start = time.perf_counter()
            for _ in range(sizes[k]):
                call()
            best[k] = min(best[k], (time.perf_counter() - start) / sizes[k])
    return best


def session_of(path: Path) -> Any:
    """ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def main() -> None:
    parser = argparse.ArgumentParser(description="Size and latency of ONNX files.")
    parser.add_argument("--quick", action="store_true", help="few short blocks")
    quick = parser.parse_args().quick
    blocks, seconds = (3, 0.005) if quick else (40, 0.02)
    rows = []
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        for name, make in NETWORKS.items():
            model = bp.Sequential(make(), seed=0)
            path, own = Path(folder) / "model.onnx", Path(folder) / "model.npz"
            model.export(path)
            model.save(own)
            shape = model.input_shape or ()
            x: Array = np.random.default_rng(0).random((1, *shape)).astype("float32")
            if isinstance(model.layers[0], Embedding):
                x = np.floor(1000 * x)
            session = session_of(path)
            there, here = session.run(None, {"x": x})[0], model.predict(x)
            error = float(np.abs(there - here).max())
            calls = [lambda: model.predict(x), lambda: session.run(None, {"x": x})]  # noqa: B023
            ours, theirs = fastest(calls, blocks, seconds)
            rows.append(
                [
                    name,
                    f"{model.parameters.values.size:,}",
                    f"{path.stat().st_size / 1000:,.0f} kB",
                    f"{own.stat().st_size / 1000:,.0f} kB",
                    f"{ours * 1e6:,.0f} µs",
                    f"{theirs * 1e6:,.0f} µs",
                    f"{error:.0e}",
                ]
            )
    print(f"ONNX Runtime {onnxruntime.__version__}, one thread, one row, float32")
    head = ["network", "parameters", ".onnx", ".npz", "predict", "ONNX Runtime", "difference"]
    print(table(head, rows))


if __name__ == "__main__":
    main()
