"""Writes files of weights with PyTorch, and ``torch.npz``: inputs, and what PyTorch makes of them.

    python tests/data/weights/make_torch_files.py

needs PyTorch and safetensors, which the tests themselves do not. For each model the ``.npz`` has
``<model>/x`` with channels last, and ``<model>/y``. All is in float32.
"""

from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn

HERE = Path(__file__).parent


class First(nn.Module):
    """The outputs of a recurrent layer without its last state."""

    def forward(self, pair: tuple[torch.Tensor, object]) -> torch.Tensor:
        return pair[0]


class Turned(nn.Module):
    """(N, C, T) from (N, T, C), and back."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X.transpose(1, 2)


class Last(nn.Module):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X[:, -1]


class SelfAttention(nn.MultiheadAttention):
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return super().forward(X, X, X)[0]


class Named(nn.Module):
    """A model whose layers have names, and a sum around some of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.inner, self.out = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        H = torch.relu(self.first(X))
        return self.out(H + torch.tanh(self.inner(H)))


def recurrent() -> nn.Module:
    return nn.Sequential(
        *(nn.Embedding(7, 4), nn.LSTM(4, 3, 2, batch_first=True, bidirectional=True), First()),
        *(nn.GRU(6, 4, batch_first=True), First(), nn.RNN(4, 4, batch_first=True), First()),
        *(SelfAttention(4, 2, batch_first=True), nn.LayerNorm(4), nn.RMSNorm(4, eps=1e-6)),
        *(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 4, bias=False))),),
        *(nn.LSTM(4, 3, batch_first=True, bias=False), First(), Last(), nn.Linear(3, 2)),
    )


MODELS = {
    "images": (
        (6, 5, 2),
        lambda: nn.Sequential(
            *(nn.Conv2d(2, 3, (3, 2)), nn.BatchNorm2d(3), nn.PReLU(3), nn.LayerNorm([3, 4, 4])),
            *(nn.Conv2d(3, 6, 2, groups=3, bias=False), nn.Conv2d(6, 4, 1), nn.GroupNorm(2, 4)),
            *(nn.Conv2d(4, 8, 2, groups=4), nn.ConvTranspose2d(8, 3, 2, stride=2), nn.ReLU()),
            *(nn.Conv2d(3, 4, (2, 3), groups=1), nn.Flatten(), nn.BatchNorm1d(24), nn.PReLU(24)),
            *(nn.Dropout(), nn.LayerNorm(24), nn.Linear(24, 4), nn.PReLU(), nn.Linear(4, 3)),
            nn.Softmax(1),
        ),
    ),
    "series": (
        (6, 3),
        lambda: nn.Sequential(
            *(Turned(), nn.Conv1d(3, 4, 2), nn.BatchNorm1d(4), nn.PReLU(4), nn.MaxPool1d(2, 1)),
            *(nn.Conv1d(4, 6, 2, groups=2, dilation=2), nn.Flatten(), nn.Linear(12, 2)),
        ),
    ),
    "words": ((5,), recurrent),
    "named": ((4,), Named),
    "half": ((4,), lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).bfloat16()),
    "many": ((2,), lambda: nn.Sequential(*(nn.Linear(2, 2) for _ in range(12)))),
    "windows": (
        (7, 3),
        lambda: nn.Sequential(
            *(Turned(), nn.Conv1d(3, 6, 2, groups=3), nn.Tanh()),
            *(nn.Conv1d(6, 12, 3, groups=6, bias=False), nn.Conv1d(12, 4, 1)),
            *(nn.ConvTranspose1d(4, 2, 3, stride=2), nn.Flatten(), nn.Linear(18, 2)),
        ),
    ),
}


def main() -> None:
    arrays = {"version": np.array(f"PyTorch {torch.__version__}")}
    for number, (name, (shape, make)) in enumerate(MODELS.items()):
        rng = np.random.default_rng(number)
        torch.manual_seed(number)
        model = make().eval()
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                low = 0.3 if "var" in key else -0.8
                value.copy_(torch.tensor(rng.uniform(low, 0.9, value.shape).round(3)))
        safetensors.torch.save_file(model.state_dict(), HERE / f"torch_{name}.safetensors")
        x = rng.integers(0, 7, (3, *shape)) if name == "words" else rng.normal(size=(3, *shape))
        X = torch.tensor(x if name == "words" else x.astype("float32"))
        with torch.no_grad():
            Y = model.float()(X.permute(0, 3, 1, 2) if len(shape) == 3 else X)
        arrays |= {f"{name}/x": X.numpy(), f"{name}/y": Y.numpy()}
    np.savez_compressed(HERE / "torch.npz", **arrays)


if __name__ == "__main__":
    main()
