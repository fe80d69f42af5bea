"""PyTorch on the deep jobs, eager, its own modules; images in the memory format that is faster."""

import time

import numpy as np
import torch
from deep import DeepJob, with_shapes
from torch import nn
from torch.nn import functional as F

VERSION = f"PyTorch {torch.__version__}"
FORMATS = (torch.contiguous_format, torch.channels_last)
TRIED = 3
"""Steps with each memory format; the fastest one counts."""


def own(X: np.ndarray) -> torch.Tensor:
    """Labels as they are; channels in front of rows and columns, or of the steps of a signal."""
    channels_first = X.ndim == 4 or (X.ndim == 3 and X.shape[-1] == 1)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(X, -1, 1)) if channels_first else X)


class Last(nn.Module):
    """A recurrent module's output at the last step."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """h_T."""
        return self.module(X)[0][:, -1]


class Block(nn.Module):
    """X + attention(norm(X)), then the same with an MLP."""

    def __init__(self, c: int, heads: int, units: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(c, 1e-3), nn.LayerNorm(c, 1e-3)])
        self.attention = nn.MultiheadAttention(c, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(c, units), nn.ReLU(), nn.Linear(units, c))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Both sums."""
        A = self.norms[0](X)
        H = X + self.attention(A, A, A, need_weights=False)[0]
        return H + self.mlp(self.norms[1](H))


class Mean(nn.Module):
    """The mean over the steps."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """``(N, T, C)`` to ``(N, C)``."""
        return X.mean(1)


def module(part: tuple, before: tuple[int, ...], behind: tuple[int, ...]) -> nn.Module:
    """The module that a layer of the job stands for."""
    c = before[-1]
    match part:
        case ("conv2d", filters, size, padding):
            return nn.Conv2d(c, filters, size, padding=padding)
        case ("conv1d", filters, size, strides, zeros):
            return nn.Conv1d(c, filters, size, strides, zeros)
        case ("pool", size):
            return nn.MaxPool2d(size)
        case ("dense", units):
            return nn.Linear(c, units)
        case ("lstm", units):
            return Last(nn.LSTM(c, units, batch_first=True))
        case ("gru", units):
            return Last(nn.GRU(c, units, batch_first=True))
        case ("block", heads, units):
            return Block(c, heads, units)
    return {"relu": nn.ReLU, "flatten": nn.Flatten, "mean": Mean}[part[0]]()


def as_here(part: tuple, given: list[np.ndarray], flat: tuple[int, ...]) -> list[np.ndarray]:
    """Keras's weights of a layer in the order and shapes of the module's parameters.

    Args:
        part: The layer.
        given: Its weights.
        flat: The shape that was flattened in front of a dense layer, whose rows are in another
            order where the channels stand first; else empty.
    """
    match part[0]:
        case "conv2d" | "conv1d":
            W, b = given
            return [np.moveaxis(W, (-1, -2), (0, 1)), b]
        case "dense":
            W, b = given
            if flat:
                W = np.moveaxis(W.reshape(*flat, -1), -2, 0).reshape(W.shape)
            return [W.T, b]
        case "lstm":
            W, U, b = given
            return [W.T, U.T, b, np.zeros_like(b)]  # two biases that are added
        case "gru":
            W, U, b = (swap_gates(w) for w in given)
            return [W.T, U.T, b[0], b[1]]
        case "block":
            c = len(given[0])
            W = [w.reshape(c, c).T for w in given[2:8:2]]
            b = [w.reshape(c) for w in given[3:8:2]]
            norms = [given[0], given[1], given[10], given[11]]
            attention = [np.concatenate(W), np.concatenate(b), given[8].reshape(c, c).T, given[9]]
            return [*norms, *attention, given[12].T, given[13], given[14].T, given[15]]
    return []


def swap_gates(w: np.ndarray) -> np.ndarray:
    """Keras's gates z, r, h of a GRU as r, z, h."""
    z, r, h = np.split(w, 3, axis=-1)
    return np.concatenate([r, z, h], axis=-1)


class Network:
    """``nn.Sequential`` and its training loop."""

    def __init__(self, job: DeepJob, weights: list[list[np.ndarray]]) -> None:
        self.batch, self.format = job.batch, torch.contiguous_format
        modules, flat = [], ()
        for (part, before, behind), given in zip(with_shapes(job), weights, strict=True):
            flat = before if part == ("flatten",) else flat
            made = module(part, before, behind)
            with torch.no_grad():
                mine = as_here(part, given, flat)
                for parameter, w in zip(made.parameters(), mine, strict=True):
                    parameter.copy_(torch.from_numpy(np.ascontiguousarray(w)))
            flat = () if part[0] == "dense" else flat
            modules.append(made)
        self.model = nn.Sequential(*modules)
        self.optimizer = torch.optim.SGD(self.model.parameters(), job.learning_rate)
        self.images = len(job.shape) == 3
        if self.images:
            self.choose_format(torch.zeros((self.batch, job.shape[2], *job.shape[:2])))

    def choose_format(self, X: torch.Tensor) -> None:
        """Keeps the memory format with which a forward and a backward pass take less time."""
        best = {}
        for form in FORMATS:
            self.model.to(memory_format=form)
            seconds = []
            for _ in range(TRIED):
                start = time.perf_counter()
                self.model(X.contiguous(memory_format=form)).sum().backward()
                seconds.append(time.perf_counter() - start)
            best[form] = min(seconds)
        self.format = min(best, key=best.get)
        self.model.to(memory_format=self.format)
        self.optimizer.zero_grad(set_to_none=True)

    def train(self, X: torch.Tensor, y: torch.Tensor, epochs: int) -> float:
        """The usual loop."""
        n, batch = len(X), self.batch
        if self.images:
            X = X.contiguous(memory_format=self.format)
        for _ in range(epochs):
            order, total = torch.randperm(n), torch.zeros(())
            for start in range(0, n, batch):
                index = order[start : start + batch]
                loss = F.cross_entropy(self.model(X[index]), y[index])
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()
                self.optimizer.step()
                total += loss.detach()
        return float(total) * batch / n
