"""Real data to start with: four small sets that come with the package, and MNIST."""

from backprop.datasets.bundled import load_breast_cancer, load_digits, load_iris, load_wine
from backprop.datasets.mnist import load_mnist
from backprop.datasets.splitting import standardize, stratified_split

__all__ = [
    "load_breast_cancer",
    "load_digits",
    "load_iris",
    "load_mnist",
    "load_wine",
    "standardize",
    "stratified_split",
]
