"""PyTorch, eager: tensors that are indexed, not a DataLoader; its fused Adam.

Its fused SGD is no faster here than the default one.
"""

from itertools import pairwise

import numpy as np
import torch
from jobs import BETA_1, BETA_2, EPSILON, Job
from torch import nn
from torch.nn import functional as F

VERSION = f"PyTorch {torch.__version__}"


def own(X: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(X)


class Network:
    """``nn.Sequential`` and its training loop."""

    def __init__(self, job: Job, weights: list[np.ndarray]) -> None:
        self.batch = job.batch
        layers = []
        for n_in, n_out in pairwise(job.sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        self.model = nn.Sequential(*layers[:-1])
        with torch.no_grad():
            for parameter, w in zip(self.model.parameters(), weights, strict=True):
                parameter.copy_(torch.from_numpy(w.T))  # a weight is (n_out, n_in) here
        self.optimizer = torch.optim.SGD(self.model.parameters(), job.learning_rate)
        if job.optimizer == "adam":
            self.optimizer = torch.optim.Adam(
                self.model.parameters(), job.learning_rate, (BETA_1, BETA_2), EPSILON, fused=True
            )

    def train(self, X: torch.Tensor, y: torch.Tensor, epochs: int) -> float:
        """The usual loop."""
        n, batch = len(X), self.batch
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

    @torch.inference_mode()
    def predict(self, X: torch.Tensor) -> np.ndarray:
        """All samples at once."""
        return torch.softmax(self.model(X), 1).numpy()
