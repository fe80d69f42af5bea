"""Real data to start with: four small sets that come with the package, and MNIST."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.datasets.bundled import load_breast_cancer, load_digits, load_iris, load_wine
    from backprop.datasets.mnist import load_mnist
    from backprop.datasets.splitting import standardize, stratified_split
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        bundled=["load_breast_cancer", "load_digits", "load_iris", "load_wine"],
        mnist=["load_mnist"],
        splitting=["standardize", "stratified_split"],
    )

__all__ = [
    "load_breast_cancer",
    "load_digits",
    "load_iris",
    "load_mnist",
    "load_wine",
    "standardize",
    "stratified_split",
]
