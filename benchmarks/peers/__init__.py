"""Those who are timed: one module for each, imported only in a process of its own.

A module has ``VERSION``, a text; ``own(X)``, a NumPy array as the kind of array it computes on; and
``Network(job, weights)``, which keeps neither data nor more than it must, with

- ``train(X, y, epochs) -> float | None``: trains on its own kind of arrays, in batches drawn anew
  in each epoch, and returns the mean loss of the last epoch (None where there is no loss);
- ``predict(X)``: the probabilities of the classes, finished when it returns.
"""
