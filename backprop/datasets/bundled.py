"""Four small classification sets that come with the package, ready for training.

The raw values lie in the ``.npz`` files beside this module, as scikit-learn distributes them. All
four are from the UCI Machine Learning Repository under the Creative Commons Attribution 4.0
licence (https://creativecommons.org/licenses/by/4.0/); each loader names its authors. Changes made
here: the rows are split and reordered, and the features scaled.

Each loader cuts off a fixed, stratified fifth of the samples for the test. For other splits, join
the parts and cut again::

    (X, y), (X_test, y_test) = load_wine()
    X, y = np.concatenate([X, X_test]), np.concatenate([y, y_test])
    (X, y), (X_test, y_test) = stratified_split(X, y, seed=1)
    X, X_test = standardize(X, X_test)

The last line gives what it would give on the raw values: it undoes any affine scaling made before.
"""

import os

import numpy as np

from backprop.core.checks import check_flag
from backprop.core.signatures import answered
from backprop.core.types import Array
from backprop.datasets.splitting import Parts, as_images, standardize, stratified_split


@answered
def load_digits(images: bool = False) -> Parts:
    """1,797 handwritten digits of 13 writers: images of 8×8 pixels, ten classes.

    Each pixel counts the dark points in a 4×4 block of a 32×32 scan, 0 to 16; it is divided by 16
    here. The rows are flattened images; with ``images=True`` they are ``(N, H, W, C)``. Class ``c``
    is the digit ``c``; each has 174 to 183 samples. This is the test part of the UCI set.

    Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI
    Machine Learning Repository, https://doi.org/10.24432/C50P49, CC BY 4.0.

    Args:
        images: Whether the samples are images.

    Returns:
        ``(X, y), (X_test, y_test)``: X float32 ``(N, 64)``, or ``(N, 8, 8, 1)`` with ``images``, in
        [0, 1], y int64 ``(N,)``.

    Example:
        >>> (X, y), (X_test, y_test) = bp.datasets.load_digits()
        >>> X.shape, X_test.shape, y[:5]
        ((1438, 64), (359, 64), array([4, 2, 1, 4, 5]))
    """
    (X, y), (X_test, y_test) = stratified_split(*_load("digits"))
    scale = np.float32(16)
    parts = (X / scale, y), (X_test / scale, y_test)
    return as_images(parts, (8, 8, 1)) if check_flag(images, "images") else parts


@answered
def load_iris() -> Parts:
    """150 irises of three species, four lengths in centimetres of each.

    Classes: 0 setosa, 1 versicolor, 2 virginica (50 each). Features: sepal length, sepal width,
    petal length, petal width; standardised by the training part. Samples 35 and 38 have the values
    that Fisher printed, where the file at UCI has errors.

    Source: R. A. Fisher (1936), Iris, UCI Machine Learning Repository,
    https://doi.org/10.24432/C56C76, CC BY 4.0; first in "The use of multiple measurements in
    taxonomic problems", Annals of Eugenics 7(2), 179–188.

    Returns:
        ``(X, y), (X_test, y_test)``: X float32 ``(N, 4)``, y int64 ``(N,)``.

    Example:
        >>> (X, y), (X_test, y_test) = bp.datasets.load_iris()
        >>> X.shape, X_test.shape, np.bincount(y)
        ((120, 4), (30, 4), array([40, 40, 40]))
    """
    return _load_standardized("iris")


@answered
def load_wine() -> Parts:
    """178 wines of one Italian region, from three cultivars, by 13 chemical measurements.

    Classes: cultivars 0, 1, 2 (59, 71, 48), which UCI numbers 1, 2, 3. Features: alcohol, malic
    acid, ash, alcalinity of ash, magnesium, total phenols, flavanoids, nonflavanoid phenols,
    proanthocyanins, color intensity, hue, OD280/OD315 of diluted wines, proline; standardised by
    the training part.

    Source: S. Aeberhard and M. Forina (1992), Wine, UCI Machine Learning Repository,
    https://doi.org/10.24432/C5PC7J, CC BY 4.0.

    Returns:
        ``(X, y), (X_test, y_test)``: X float32 ``(N, 13)``, y int64 ``(N,)``.

    Example:
        >>> (X, y), (X_test, y_test) = bp.datasets.load_wine()
        >>> X.shape, X_test.shape, np.bincount(y)
        ((142, 13), (36, 13), array([47, 57, 38]))
    """
    return _load_standardized("wine")


@answered
def load_breast_cancer() -> Parts:
    """569 breast tumours, malignant or benign, by 30 measurements of their cell nuclei.

    Classes: 0 malignant (212), 1 benign (357). Features: radius, texture, perimeter, area,
    smoothness, compactness, concavity, concave points, symmetry, fractal dimension of the nuclei
    in one image: first the ten means, then their ten standard errors, then the ten largest
    ("worst") values; standardised by the training part.

    Source: W. Wolberg, O. Mangasarian, N. Street and W. Street (1993), Breast Cancer Wisconsin
    (Diagnostic), UCI Machine Learning Repository, https://doi.org/10.24432/C5DW2B, CC BY 4.0.

    Returns:
        ``(X, y), (X_test, y_test)``: X float32 ``(N, 30)``, y int64 ``(N,)``.

    Example:
        >>> (X, y), (X_test, y_test) = bp.datasets.load_breast_cancer()
        >>> X.shape, X_test.shape, np.bincount(y)
        ((456, 30), (113, 30), array([170, 286]))
    """
    return _load_standardized("breast_cancer")


def _load_standardized(name: str) -> Parts:
    (X, y), (X_test, y_test) = stratified_split(*_load(name))
    X, X_test = standardize(X, X_test)
    return (X.astype(np.float32), y), (X_test.astype(np.float32), y_test)


def _load(name: str) -> tuple[Array, Array]:
    """The raw samples of a packed set, ``(N, features)``, and their int64 classes ``(N,)``."""
    with np.load(os.path.join(os.path.dirname(__file__), f"{name}.npz")) as packed:
        return packed["X"], packed["y"].astype(np.int64)
