"""Files: weights, snapshots of a training, whole models."""
