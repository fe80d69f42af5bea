"""The summary of a model, to the letter."""

import backprop as bp
from backprop.layers import Dense, Input, ReLU, Residual, Softmax


def text_of(model):
    lines = []
    model.summary(print_fn=lines.append)
    return "\n".join(lines)


def layers():
    return [Dense(128), ReLU(), Dense(10, use_bias=False, name="digits"), Softmax()]


# 784·128 + 128 = 100,480 and 128·10 = 1,280; 101,760 numbers of 4 bytes are 397.5 KiB
BUILT = """\
Sequential
───────────────────────────────────────────────
Layer (type)          Output shape   Parameters
───────────────────────────────────────────────
dense_1 (Dense)       (None, 128)       100,480
relu_1 (ReLU)         (None, 128)             0
digits (Dense)        (None, 10)          1,280
softmax_1 (Softmax)   (None, 10)              0
───────────────────────────────────────────────
Parameters: 101,760 (397.5 KiB)
Trainable: 101,760   Non-trainable: 0"""

UNBUILT = """\
Sequential
───────────────────────────────────────────────
Layer (type)          Output shape   Parameters
───────────────────────────────────────────────
dense_1 (Dense)       ?                       ?
relu_1 (ReLU)         ?                       ?
digits (Dense)        ?                       ?
softmax_1 (Softmax)   ?                       ?
───────────────────────────────────────────────
not built: the number of parameters follows from the first data it sees"""


def test_summary_of_a_built_model():
    assert text_of(bp.Sequential([Input(784), *layers()])) == BUILT


def test_summary_of_an_unbuilt_model_says_so():
    model = bp.Sequential(layers())
    assert text_of(model) == UNBUILT
    model.build((None, 784))
    assert text_of(model) == BUILT


def test_frozen_layers_do_not_count_as_trainable():
    model = bp.Sequential([Input(784), *layers()])
    model.layers[0].trainable = False
    expected = BUILT.replace(
        "Trainable: 101,760   Non-trainable: 0", "Trainable: 1,280   Non-trainable: 100,480"
    )
    assert text_of(model) == expected
    model.layers[0].trainable = True
    assert text_of(model) == BUILT


def test_size_follows_from_the_dtype():
    assert "Parameters: 101,760 (795.0 KiB)" in text_of(
        bp.Sequential([Input(784), *layers()], dtype="float64")
    )
    # 3·2 + 2 = 8 numbers of 4 bytes
    assert "Parameters: 8 (32 B)" in text_of(bp.Sequential([Input(3), Dense(2)]))
    # 1024·2048 + 2048 numbers of 8 bytes: 16 MiB and 16 KiB
    large = bp.Sequential([Input(1024), Dense(2048)], dtype="float64")
    assert "Parameters: 2,099,200 (16.0 MiB)" in text_of(large)


def test_summary_prints_unless_told_otherwise(capsys):
    model = bp.Sequential([Input(784), *layers()])
    assert model.summary() is None
    assert capsys.readouterr().out == BUILT + "\n"


def test_summary_of_an_empty_model():
    assert "not built" in text_of(bp.Sequential())


def test_what_is_inside_a_block_is_indented_below_it():
    layers = [Residual([Dense(4), [ReLU(), Dense(4)]], shortcut=[Dense(4)]), Dense(1)]
    model = bp.Sequential(layers)
    lines = []
    model.summary(lines.append)
    assert lines[0].count("?") == 2 * 8
    model.build((None, 3))
    model.summary(lines.append)
    rows = [line.rstrip() for line in lines[1].split("\n")[4:12]]
    assert rows == [
        "residual_1 (Residual)   (None, 4)              52",
        "  dense_1 (Dense)       (None, 4)              16",
        "  chain_1 (Chain)       (None, 4)              20",
        "    relu_1 (ReLU)       (None, 4)               0",
        "    dense_1 (Dense)     (None, 4)              20",
        "  shortcut (Chain)      (None, 4)              16",
        "    dense_1 (Dense)     (None, 4)              16",
        "dense_1 (Dense)         (None, 1)               5",
    ]
    assert "Parameters: 57 " in lines[1]
