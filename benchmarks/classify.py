"""A whole program: import one of ``peers``, train a classifier, print how good it is and how large.

    python benchmarks/classify.py MODULE digits|mnist-sized

It prints the accuracy on digits that it has not seen, and the most megabytes that it ever held.
"""

import importlib
import importlib.util
import json
import os
import sys


def main(module: str, name: str) -> None:
    peer = importlib.import_module(f"peers.{module}")
    import jobs  # after the peer, whose import is to be as in a user's program
    import numpy as np

    accuracy = None
    if name == "digits":
        job, epochs = jobs.DIGITS, jobs.DIGITS_EPOCHS
        package = importlib.util.find_spec("backprop")  # for its data; it is not imported
        with np.load(os.path.join(os.path.dirname(package.origin), "datasets/digits.npz")) as f:
            X, y = f["X"].astype(np.float32) / 16, f["y"].astype(np.int64)
        order = np.random.default_rng(0).permutation(len(X))
        n = job.batch * job.steps
        X_test, y_test = X[order[n:]], y[order[n:]]
        X, y = X[order[:n]], y[order[:n]]
    else:
        job, epochs = jobs.MNIST_SIZED, 1
        X, y = jobs.data(job)
    network = peer.Network(job, jobs.weights(job))
    X, y = peer.own(X), peer.own(y)
    network.train(X, y, epochs)
    if name == "digits":
        accuracy = float((network.predict(peer.own(X_test)).argmax(axis=1) == y_test).mean())
    print(json.dumps({"accuracy": accuracy, "megabytes": peak_megabytes()}))


def peak_megabytes() -> float:
    """The most memory that this process has held."""
    try:
        # ru_maxrss would count the parent's memory too, which the child shares before it starts
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except FileNotFoundError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


if __name__ == "__main__":
    main(*sys.argv[1:])
