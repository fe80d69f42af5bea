"""Real data to start with: four small sets and a text that come with the package, and MNIST."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.datasets.bundled import load_breast_cancer, load_digits, load_iris, load_wine
    from backprop.datasets.files import from_image_folder, from_parquet
    from backprop.datasets.mnist import load_mnist
    from backprop.datasets.sequences import pad_sequences, windows
    from backprop.datasets.splitting import standardize, stratified_split
    from backprop.datasets.text import load_shakespeare
    from backprop.datasets.vocabulary import Vocabulary
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        bundled=["load_breast_cancer", "load_digits", "load_iris", "load_wine"],
        files=["from_image_folder", "from_parquet"],
        mnist=["load_mnist"],
        sequences=["pad_sequences", "windows"],
        splitting=["standardize", "stratified_split"],
        text=["load_shakespeare"],
        vocabulary=["Vocabulary"],
    )

__all__ = [
    "Vocabulary",
    "from_image_folder",
    "from_parquet",
    "load_breast_cancer",
    "load_digits",
    "load_iris",
    "load_mnist",
    "load_shakespeare",
    "load_wine",
    "pad_sequences",
    "standardize",
    "stratified_split",
    "windows",
]
