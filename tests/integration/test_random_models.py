"""Random models: recorded steps equal steps by the layers bit for bit, on one thread and on two."""

import numpy as np
import pytest
from sharing import share_every_step

import backprop as bp
from backprop.engine import recorded as replay
from backprop.layers import (
    ELU,
    GRU,
    LSTM,
    AveragePooling2D,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    LayerNormalization,
    LeakyReLU,
    MaxPooling2D,
    ReLU,
    Residual,
    RMSNormalization,
    Sigmoid,
    SimpleRNN,
    Softmax,
    Softplus,
    Tanh,
)
from backprop.optimizers import SGD, Adagrad, Adam, AdamW, Nadam, RMSprop
from backprop.training.step import Step

ACTIVATIONS = [ReLU, Tanh, Sigmoid, ELU, LeakyReLU, Softplus]
OPTIMIZERS = [
    lambda: SGD(0.05),
    lambda: SGD(0.05, momentum=0.9, nesterov=True),
    lambda: SGD(0.05, weight_decay=0.01, use_ema=True),
    lambda: Adam(0.01, clipnorm=0.5),
    lambda: AdamW(0.01),
    lambda: Nadam(0.01),
    lambda: RMSprop(0.01, global_clipnorm=1.0),
    lambda: Adagrad(0.05),
]


def between_layers(rng):
    """Some layers that take and give samples of one axis."""
    found = []
    for _ in range(rng.integers(0, 3)):
        kind = rng.integers(7)
        units = int(rng.integers(1, 9))
        found += [
            [Dense(units, use_bias=bool(rng.integers(2)))],
            [Dense(units, kernel_regularizer="l2"), rng.choice(ACTIVATIONS)()],
            [Dense(units), BatchNormalization()],
            [Dense(units), LayerNormalization()],
            [Dense(units), RMSNormalization(), Dropout(0.3)],
            [Dense(units), Residual([Dense(units), rng.choice(ACTIVATIONS)()])],
            [GaussianNoise(0.1)],
        ][kind]
    return found


def front(rng, n):
    """Inputs of n samples, and layers that make vectors of them."""
    kind = rng.integers(5)
    features = int(rng.integers(1, 7))
    if kind == 0:
        return rng.normal(size=(n, features)), []
    if kind == 1:
        layers = [Conv2D(int(rng.integers(1, 4)), 3, padding="same"), ReLU()]
        layers += [[MaxPooling2D()], [AveragePooling2D()], [BatchNormalization()]][rng.integers(3)]
        layers += [[Flatten()], [GlobalAveragePooling2D()]][rng.integers(2)]
        return rng.normal(size=(n, 6, 5, features)), layers
    if kind == 2:
        cell = rng.choice([SimpleRNN, LSTM, GRU])(int(rng.integers(1, 5)))
        return rng.normal(size=(n, 4, features)), [Bidirectional(cell) if features > 3 else cell]
    if kind == 3:
        return rng.normal(size=(n, 7, features)), [Conv1D(3, 2), Tanh(), GlobalAveragePooling1D()]
    return rng.integers(0, 9, (n, 3)), [Embedding(9, features), Flatten()]


def case(seed):
    """A function that makes a model, and what it is trained on."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 40))
    x, _ = front(rng, n)
    outputs = int(rng.integers(1, 5))
    loss = ["mse", "mae", "huber", "sparse_categorical_crossentropy", "binary_crossentropy"]
    loss = loss[rng.integers(5)]
    if loss.startswith("sparse"):
        outputs, y = outputs + 1, rng.integers(0, outputs + 1, n)
    elif loss.startswith("binary"):
        y = rng.integers(0, 2, (n, outputs))
    else:
        y = rng.normal(size=(n, outputs))
    optimizer, dtype = OPTIMIZERS[rng.integers(len(OPTIMIZERS))], rng.choice(["float32", "float64"])
    dtypes = [np.float32, np.float64] if x.dtype.kind == "f" else [np.int32, np.int64]
    x = np.asarray(x, dtypes[rng.integers(2)], order="CF"[rng.integers(2)])
    fit = {
        "batch_size": int(rng.integers(1, n + 3)),
        "epochs": 4,
        "shuffle": bool(rng.integers(4)),
        "sample_weight": rng.random(n) if rng.integers(3) == 0 else None,
        "verbose": 0,
    }

    def make():
        again = np.random.default_rng(seed)
        again.integers(5, 40)
        layers = front(again, n)[1] + between_layers(np.random.default_rng(seed)) + [Dense(outputs)]
        ends = {"s": [Softmax()], "b": [Sigmoid()]}
        model = bp.Sequential(layers + ends.get(loss[0], []), seed=seed, dtype=str(dtype))
        model.compile(optimizer(), loss, metrics=["accuracy"] if loss[0] in "sb" else ["mae"])
        return model

    return make, x, y, fit


class Watched(replay.RecordedSteps):
    """Checks what every step says of the size of g, and counts what was recorded and shared."""

    count = shared = 0

    def update(self):
        Watched.count += self._current is not None
        Watched.shared += self._shared is not None
        super().update()
        if not (self.late or self.model.optimizer.clips):  # which changes g
            largest = np.abs(self.model.parameters.gradients).max(initial=0).astype(float) ** 2
            assert float(self.square) >= largest * (1 - 1e-5)


def compare(seeds, monkeypatch):
    """Trains each model by the layers, by recorded steps, and by steps that two threads share."""
    monkeypatch.setattr(replay, "RECORD_AFTER", 1)
    monkeypatch.setattr("backprop.sequential.model.RecordedSteps", Watched)
    monkeypatch.setattr("backprop.engine.magnitudes.FEW", 10)
    Watched.count = Watched.shared = 0
    for seed in seeds:
        make, x, y, fit = case(seed)
        found = []
        for way in ("layers", "recorded", "shared"):
            with monkeypatch.context() as patch, np.errstate(all="ignore"):
                if way == "layers":
                    patch.setattr(
                        "backprop.sequential.model.RecordedSteps", lambda model, **_: Step(model)
                    )
                if way == "shared":
                    share_every_step(patch)
                patch.setattr(replay, "several", lambda way=way: 1 + (way == "shared"))
                model = make()
                history = model.fit(x, y, **fit)
            found.append((history.history, [model.parameters.values]))
            if (
                len(history.epoch) == fit["epochs"]
            ):  # the g of a step that diverged is looked for anew
                found[-1][1].append(model.parameters.gradients)
            found[-1][1].extend(model.optimizer.state.values())
            found[-1][1].append(model.predict(x))
        for numbers, arrays in found[1:]:
            assert numbers == found[0][0], seed
            for one, other in zip(arrays, found[0][1], strict=True):
                np.testing.assert_array_equal(one, other, err_msg=f"seed {seed}")
    return Watched.count, Watched.shared


@pytest.mark.filterwarnings("ignore:.*batch of one", "ignore:training has diverged")
@pytest.mark.filterwarnings("ignore:LayerNormalization.* normalises single numbers")
@pytest.mark.filterwarnings("ignore:RMSNormalization.* divides single numbers")
@pytest.mark.parametrize("start", [0, pytest.param(1_000, marks=pytest.mark.long)])
def test_thirty_random_models(start, monkeypatch):
    recorded, shared = compare(range(start, start + 30), monkeypatch)
    assert recorded > 300
    assert shared > 50


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*batch of one", "ignore:training has diverged")
@pytest.mark.filterwarnings("ignore:LayerNormalization.* normalises single numbers")
@pytest.mark.filterwarnings("ignore:RMSNormalization.* divides single numbers")
@pytest.mark.parametrize("start", range(10_000, 14_000, 200))
def test_four_thousand_random_models(start, monkeypatch):
    compare(range(start, start + 200), monkeypatch)
