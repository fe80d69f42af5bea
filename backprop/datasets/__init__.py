"""Real data to start with: four small sets and a text that come with the package, and MNIST."""

from typing import TYPE_CHECKING

from backprop.core.lazy import lazy_names

if TYPE_CHECKING:
    from backprop.datasets.bundled import load_breast_cancer as load_breast_cancer
    from backprop.datasets.bundled import load_digits as load_digits
    from backprop.datasets.bundled import load_iris as load_iris
    from backprop.datasets.bundled import load_wine as load_wine
    from backprop.datasets.files import from_image_folder as from_image_folder
    from backprop.datasets.files import from_parquet as from_parquet
    from backprop.datasets.mnist import load_mnist as load_mnist
    from backprop.datasets.sequences import pad_sequences as pad_sequences
    from backprop.datasets.sequences import windows as windows
    from backprop.datasets.splitting import standardize as standardize
    from backprop.datasets.splitting import stratified_split as stratified_split
    from backprop.datasets.text import load_shakespeare as load_shakespeare
    from backprop.datasets.vocabulary import Vocabulary as Vocabulary
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        bundled=["load_breast_cancer", "load_digits", "load_iris", "load_wine"],
        files=["from_image_folder", "from_parquet"],
        mnist=["load_mnist"],
        sequences=["pad_sequences", "windows"],
        splitting=["standardize", "stratified_split"],
        text=["load_shakespeare"],
        vocabulary=["Vocabulary"],
    )
