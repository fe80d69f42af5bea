"""Downloads the files of MNIST from a public mirror into the cache folder, and verifies them."""

import math
import os
import sys

from backprop.core import console
from backprop.core.durable import replacing
from backprop.core.errors import DataError

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
"""The mirrors of the four files; when one fails, the next is tried."""

SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}
"""The four files of MNIST and the checksum of each."""


def cache_folder() -> str:
    """The folder where downloaded files stay; it need not exist yet."""
    if chosen := os.environ.get("BACKPROP_DATA"):
        return os.path.expanduser(chosen)
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        caches = "~/Library/Caches"
    else:
        caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return os.path.join(os.path.expanduser(caches), "backprop")


def download(name: str, folder: str) -> None:
    """Puts one original file into the folder, whole and verified, or leaves nothing behind.

    Raises:
        DataError: No mirror gave the right file, or the folder cannot be written.
    """
    # Together these take some 25 ms to import, and only a first download needs them.
    import hashlib
    import http.client
    import urllib.request

    options = {"unit": "B", "unit_scale": True, "desc": name}
    if console.in_notebook():
        options["mininterval"] = math.inf  # the first state and the last, as it keeps them all
    failures = []
    for mirror in MIRRORS:
        url = mirror + name
        content = bytearray()
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                size = response.length  # as announced, else None
                with console.new_bar(console.STDERR, total=size, **options) as bar:
                    while chunk := response.read(1 << 16):
                        content += chunk
                        bar.update(len(chunk))
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{url}: {reason(error)}")
            continue
        checksum = hashlib.sha256(content).hexdigest()
        if checksum == SHA256[name]:
            _write(content, folder, name)
            return
        if size is not None and size != len(content):
            failures.append(f"{url}: truncated, expected {size} bytes, received {len(content)}")
        else:
            failures.append(
                f"{url}: wrong checksum, expected SHA-256 {SHA256[name]}, received {checksum}"
            )
    raise DataError(
        "MNIST could not be downloaded (" + "; ".join(failures) + "). Check the connection and "
        f"call again, or download {', '.join(SHA256)} by hand, from {' or '.join(MIRRORS)}, and "
        f"put them into the cache folder {folder!r}, or anywhere and pass that folder as path."
    )


def reason(error: Exception) -> str:
    """What went wrong in a download, in a few words."""
    inner = getattr(error, "reason", error)  # that of urllib's errors
    code = getattr(error, "code", None)
    if code is not None:
        return f"the server answered {code}, {inner}"
    return str(getattr(inner, "strerror", None) or inner or type(error).__name__)


def _write(content: bytes | bytearray, folder: str, name: str) -> None:
    """Writes a file whole or not at all."""
    try:
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, name)
        with replacing(path) as temporary, open(temporary, "wb") as file:
            file.write(content)
    except OSError as error:
        raise DataError(
            f"{name} was downloaded but cannot be kept in the cache folder {folder!r} "
            f"({reason(error)}): "
            f"make room or set the environment variable BACKPROP_DATA to another folder."
        ) from error
