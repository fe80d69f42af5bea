"""Writes files of weights with Keras 3, and ``keras.npz``: inputs, and what Keras makes of them.

    KERAS_BACKEND=tensorflow python tests/data/weights/make_keras_files.py

needs Keras 3.15 and TensorFlow, which the tests themselves do not. For each model the ``.npz`` has
``<model>/x`` and ``<model>/y``. All is in float32.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers as k

HERE = Path(__file__).parent


def images() -> keras.Model:
    return keras.Sequential(
        [
            *(keras.Input((6, 6, 2)), k.Conv2D(3, 3, padding="same"), k.BatchNormalization()),
            *(k.PReLU(shared_axes=[1, 2]), k.SeparableConv2D(4, 2), k.DepthwiseConv2D(2)),
            *(k.GroupNormalization(2), k.Conv2DTranspose(2, 2, strides=2), k.MaxPooling2D()),
            *(k.Conv2D(4, 1, use_bias=False), k.Flatten(), k.PReLU()),
            *(k.Dense(4), k.BatchNormalization(scale=False), k.Dense(3)),
        ]
    )


def words() -> keras.Model:
    return keras.Sequential(
        [
            *(keras.Input((5,)), k.Embedding(7, 4)),
            k.Bidirectional(k.LSTM(3, return_sequences=True)),
            k.GRU(3),
            keras.Sequential([k.Dense(4), keras.Sequential([k.LayerNormalization(), k.Dense(4)])]),
            k.Dense(2),
        ]
    )


def states() -> keras.Model:
    return keras.Sequential(
        [
            *(keras.Input((5, 3)), k.SimpleRNN(4, return_sequences=True), k.RMSNormalization()),
            *(
                k.TimeDistributed(k.Dense(3)),
                k.GRU(3, reset_after=False),
                k.Dense(2, use_bias=False),
            ),
        ]
    )


def series() -> keras.Model:
    """With two sums around layers."""
    X = keras.Input((5, 4))
    H = k.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1, 2, 3, 4])(X)
    H = k.Conv1D(4, 2, padding="causal")(H)
    A = k.LayerNormalization()(H)
    H = k.Add()([H, k.MultiHeadAttention(2, 2)(A, A)])
    H = k.Add()([H, k.Dense(4)(k.ReLU()(k.Dense(6)(k.LayerNormalization()(H))))])
    return keras.Model(X, k.GlobalAveragePooling1D()(H))


def windows() -> keras.Model:
    return keras.Sequential(
        [
            *(keras.Input((7, 3)), k.DepthwiseConv1D(2, depth_multiplier=2)),
            *(k.SeparableConv1D(4, 3), k.Conv1DTranspose(2, 3, 2), k.Flatten()),
            *(k.RepeatVector(2), k.UnitNormalization(), k.Dense(2)),
        ]
    )


def branches() -> keras.Model:
    """With two branches; in the file the second one comes first."""
    X = keras.Input((4,))
    first, second = k.Dense(3, name="first")(X), k.Dense(3, name="second")(X)
    H = k.Add()([k.Activation("tanh")(second), k.ReLU()(first)])
    return keras.Model(X, k.Dense(2, name="last")(H))


def adapted() -> keras.Model:
    layer = k.Normalization()
    layer.adapt(np.random.default_rng(1).normal(2, 3, (50, 4)))
    return keras.Sequential([keras.Input((4,)), layer, k.Dense(2)])


def main() -> None:
    arrays = {"version": np.array(f"Keras {keras.__version__}")}
    for number, make in enumerate((images, words, states, series, branches, adapted, windows)):
        rng = np.random.default_rng(number)
        model = make()
        for w in model.weights:
            if not w.path.startswith("normalization"):  # what it was given, or adapted to
                low = 0.3 if "variance" in w.path else -0.8
                w.assign(rng.uniform(low, 0.9, w.shape).round(3))
        shape = model.input_shape[1:]
        x = rng.integers(0, 7, (3, *shape)) if make is words else rng.normal(size=(3, *shape))
        name = make.__name__
        arrays |= {f"{name}/x": x.astype("float32"), f"{name}/y": model.predict(x, verbose=0)}
        if make is words:
            model.compile("adam", "mse")
            model.save(HERE / "keras_words.keras", include_optimizer=False)
        else:
            model.save_weights(HERE / f"keras_{name}.weights.h5")
    keras.Sequential([keras.Input((4,)), k.Dense(2)]).save(HERE / "keras_old_form.h5")
    np.savez_compressed(HERE / "keras.npz", **arrays)


if __name__ == "__main__":
    main()
