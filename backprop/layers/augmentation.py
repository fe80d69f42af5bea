"""Augmentation: images that are changed at random in training, and left as they are otherwise.

Once drawn, every change is linear in the image, Y_n = S_n X_n, and so ∂E/∂X_n = S_nᵀ δ_n: what
was moved is moved back. Where an image is moved away there are zeros (Keras reflects it there).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backprop.core.checks import check_choice, check_number, check_range, check_sizes
from backprop.core.errors import ShapeError
from backprop.core.types import Array, Shape
from backprop.core.windows import check_axes
from backprop.layers.random_layer import Augmentation

Range = float | tuple[float, float]  # one number f stands for (−f, f)
MODES = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}
"""The axes of ``(N, H, W, C)`` along which a flip turns an image round."""


class RandomFlip(Augmentation):
    """Turns images round, left for right and upside down, each with probability ½.

    Args:
        mode: ``"horizontal"`` (left for right), ``"vertical"`` (upside down), or
            ``"horizontal_and_vertical"``.

    Example:
        >>> layer = bp.layers.RandomFlip("horizontal", seed=2)
        >>> layer.forward(np.arange(3.0).reshape(1, 1, 3, 1), training=True).ravel()
        array([2., 1., 0.])
        >>> layer.forward(np.arange(3.0).reshape(1, 1, 3, 1)).ravel()  # as it is in inference
        array([0., 1., 2.])
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(seed, name)
        self.mode = check_choice(mode, "mode of RandomFlip", MODES)

    def draw(self, shape: Shape) -> Any:
        """For each axis the images that are turned round along it."""
        axes = MODES[self.mode]
        return list(zip(axes, self._rng.random((len(axes), shape[0])) < 0.5, strict=True))

    def change(self, X: Array, drawn: Any, out: Array) -> None:
        """The images, some of them turned round."""
        np.copyto(out, X)
        for axis, which in drawn:
            out[which] = np.flip(out[which], axis)

    def change_back(self, delta: Array, drawn: Any, out: Array) -> None:
        """Turns δ round again."""
        self.change(delta, drawn, out)


class RandomTranslation(Augmentation):
    """Moves images by whole pixels; what comes in is 0.

        y_{n,i,j,c} = x_{n, i−a, j−b, c} inside the image, else 0

    Args:
        height_factor: The range of a, as a share of the height: 0.1 for up to a tenth up or down,
            ``(0, 0.1)`` for down alone.
        width_factor: The range of b, as a share of the width; to the right is positive.

    Example:
        >>> layer = bp.layers.RandomTranslation(height_factor=0, width_factor=(0.5, 0.5), seed=0)
        >>> layer.forward(np.ones((1, 1, 4, 1)), training=True).ravel()  # two pixels to the right
        array([0., 0., 1., 1.])
    """

    def __init__(
        self,
        height_factor: Range,
        width_factor: Range,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(seed, name)
        self.height_factor = check_range(height_factor, "height_factor of RandomTranslation")
        self.width_factor = check_range(width_factor, "width_factor of RandomTranslation")

    def draw(self, shape: Shape) -> Any:
        """The shifts a and b of each image."""
        ranges = zip((self.height_factor, self.width_factor), shape[1:3], strict=True)
        return [np.rint(self._rng.uniform(*r, shape[0]) * size).astype(int) for r, size in ranges]

    def change(self, X: Array, drawn: Any, out: Array) -> None:
        """Moves every image."""
        out.fill(0)
        for n, (a, b) in enumerate(zip(*drawn, strict=True)):
            out[n][overlap(a), overlap(b)] = X[n][overlap(-a), overlap(-b)]

    def change_back(self, delta: Array, drawn: Any, out: Array) -> None:
        """Moves every δ back."""
        self.change(delta, [-shift for shift in drawn], out)


class RandomCrop(Augmentation):
    """Cuts a part out of each image, anywhere in training, and from the middle otherwise.

    Shapes: X ``(N, H, W, C)``, Y ``(N, height, width, C)``.

    Args:
        height: The height of the part.
        width: Its width.

    Example:
        >>> X = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> bp.layers.RandomCrop(2, 2).forward(X)[0, :, :, 0]  # in inference, the middle
        array([[ 5.,  6.],
               [ 9., 10.]])
    """

    def __init__(
        self, height: int, width: int, seed: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(seed, name)
        self.height, self.width = check_sizes((height, width), "RandomCrop(height, width)", 2)

    def output_shape(self, input_shape: Shape) -> Shape:
        """The height and width of the part.

        Raises:
            ShapeError: The images are smaller.
        """
        check_axes(self, input_shape, "HWC")
        if self.height > input_shape[0] or self.width > input_shape[1]:
            raise ShapeError(
                f"{self} cuts out {self.height} × {self.width} pixels, but received images of "
                f"shape {tuple(input_shape)}, which are smaller: cut out less, or put "
                f"ZeroPadding2D in front."
            )
        return self.height, self.width, input_shape[2]

    def unchanged(self, X: Array) -> Array:
        """The middle of each image."""
        top, left = (X.shape[1] - self.height) // 2, (X.shape[2] - self.width) // 2
        return X[:, top : top + self.height, left : left + self.width].copy()

    def draw(self, shape: Shape) -> Any:
        """Where the part of each image begins."""
        free = np.subtract(shape[1:3], (self.height, self.width))
        return self._rng.integers(0, free + 1, (shape[0], 2))

    def change(self, X: Array, drawn: Any, out: Array) -> None:
        """Cuts out the parts."""
        for n, (top, left) in enumerate(drawn):
            out[n] = X[n, top : top + self.height, left : left + self.width]

    def change_back(self, delta: Array, drawn: Any, out: Array) -> None:
        """Puts each δ where its part was, among zeros."""
        out.fill(0)
        for n, (top, left) in enumerate(drawn):
            out[n, top : top + self.height, left : left + self.width] = delta[n]


class RandomRotation(Augmentation):
    """Turns images around their middle; what comes in is 0.

    A pixel of the turned image lies between four of the image and is their mean, weighted by how
    near they are (bilinear interpolation): y = Σ_k w_k x_{i_k}; ∂E/∂x_i is Σ w_k δ over i_k = i.

    Args:
        factor: The range of the angle, as a share of a full turn: 0.1 for up to 36° to both sides;
            counter-clockwise is positive.

    Example:
        >>> layer = bp.layers.RandomRotation((0.25, 0.25), seed=0)  # always a quarter
        >>> layer.forward(np.arange(4.0).reshape(1, 2, 2, 1), training=True)[0, :, :, 0].round(4)
        array([[1., 3.],
               [0., 2.]])
    """

    def __init__(self, factor: Range, seed: int | None = None, name: str | None = None) -> None:
        super().__init__(seed, name)
        self.factor = check_range(factor, "factor of RandomRotation")

    def draw(self, shape: Shape) -> Any:
        """The four pixels that each one lies between, by their index, and their weights."""
        n, height, width, _ = shape
        angle = 2 * np.pi * self._rng.uniform(*self.factor, n)[:, np.newaxis, np.newaxis]
        i = np.arange(height)[:, np.newaxis] - (height - 1) / 2  # from the middle
        j = np.arange(width) - (width - 1) / 2
        rows = np.cos(angle) * i + np.sin(angle) * j + (height - 1) / 2  # (N, H, W)
        columns = np.cos(angle) * j - np.sin(angle) * i + (width - 1) / 2
        return list(between(rows, columns, shape))

    def change(self, X: Array, drawn: Any, out: Array) -> None:
        """The weighted mean of the four."""
        numbers, turned = X.reshape(-1), out.reshape(-1)
        turned.fill(0)
        for index, weight in drawn:
            turned += numbers.take(index) * weight.astype(X.dtype)

    def change_back(self, delta: Array, drawn: Any, out: Array) -> None:
        """δ to the four, by their weights."""
        numbers, turned = out.reshape(-1), delta.reshape(-1)
        numbers.fill(0)
        for index, weight in drawn:
            np.add.at(numbers, index, turned * weight.astype(out.dtype))


class RandomErasing(Augmentation):
    """Covers a rectangle of each image with one value.

    Its height and width are √u of the image's, with a u of each drawn from ``scale``, and it lies
    anywhere inside. Source: Zhong et al. 2017, "Random erasing data augmentation".

    Args:
        factor: The range of the probability with which an image gets one; f stands for (0, f).
        scale: The range of u.
        fill_value: The value.

    Example:
        >>> layer = bp.layers.RandomErasing(factor=(1, 1), scale=(0.25, 0.25), seed=0)
        >>> int(layer.forward(np.ones((1, 4, 4, 1)), training=True).sum())  # 2×2 of 16 are 0
        12
    """

    formulas = {"Y": "{x} ⊙ M + {self.fill_value:g} (1 − M)", "dX": "{delta} ⊙ M"}

    def __init__(
        self,
        factor: Range = 1.0,
        scale: tuple[float, float] = (0.02, 0.33),
        fill_value: float = 0.0,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(seed, name)
        self.factor = check_range(factor, "factor of RandomErasing", lowest=0)
        self.scale = check_range(scale, "scale of RandomErasing", lowest=0)
        self.fill_value = check_number(fill_value, "fill_value of RandomErasing", least=-np.inf)

    def draw(self, shape: Shape) -> Any:
        """The pixels that are covered, shape ``(N, H, W)``."""
        n = shape[0]
        covered = self._rng.random((n, 1, 1)) < self._rng.uniform(*self.factor, (n, 1, 1))
        for axis, size in enumerate(shape[1:3]):
            length = np.sqrt(self._rng.uniform(*self.scale, (n, 1))) * size
            start = self._rng.random((n, 1)) * (size - length)
            pixel = np.arange(size) + 0.5  # its middle
            inside = (pixel >= start) & (pixel < start + length)
            covered = covered & np.expand_dims(inside, 2 - axis)
        return covered

    def change(self, X: Array, drawn: Any, out: Array) -> None:
        """The images with the rectangles."""
        np.copyto(out, X)
        out[drawn] = self.fill_value

    def change_back(self, delta: Array, drawn: Any, out: Array) -> None:
        """δ with zeros there, for the value does not depend on X."""
        np.copyto(out, delta)
        out[drawn] = 0


def overlap(shift: int) -> slice:
    """Where along an axis what was moved by that many pixels still lies inside."""
    return slice(max(shift, 0), None if shift >= 0 else shift)


def between(rows: Array, columns: Array, shape: Shape) -> Any:
    """For points between pixels the four around them: flat indices of their numbers, and weights.

    Pixels outside of the image have the weight 0.
    """
    _, height, width, channels = shape
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    first = np.arange(len(rows)).reshape(-1, 1, 1) * (height * width)
    for i, by_row in ((top, 1 - down), (top + 1, down)):
        for j, by_column in ((left, 1 - right), (left + 1, right)):
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            pixel = first + i.clip(0, height - 1) * width + j.clip(0, width - 1)
            index = pixel[..., np.newaxis] * channels + np.arange(channels)
            yield index.ravel(), (by_row * by_column * inside).repeat(channels)
