"""Pictures of filters, feature maps and saliency: what is drawn, and what is refused."""

import numpy as np
import pytest

from backprop import plotting


def pictures(figure):
    return [axes.images[0] for axes in figure.axes if axes.images]


def test_filters_are_drawn_on_one_scale_around_0(rng, tmp_path):
    W = rng.standard_normal((3, 5, 2, 7))
    found = pictures(plotting.filters(W, channel=1, path=tmp_path / "filters.png"))
    assert len(found) == 7
    for k, picture in enumerate(found):
        np.testing.assert_array_equal(picture.get_array(), W[:, :, 1, k])
        assert picture.get_clim() == (-np.abs(W).max(), np.abs(W).max())
    assert (tmp_path / "filters.png").stat().st_size > 1000


def test_filters_of_three_channels_are_drawn_in_colour(rng):
    W = rng.standard_normal((3, 3, 3, 4))
    found = pictures(plotting.filters(W))
    assert [picture.get_array().shape for picture in found] == [(3, 3, 3)] * 4
    for picture in found:
        assert picture.get_array().min() == 0
        assert picture.get_array().max() == 1


def test_feature_maps_have_a_picture_for_each_channel(rng):
    A = rng.standard_normal((1, 6, 5, 3))
    found = pictures(plotting.feature_maps(A))
    for k, picture in enumerate(found):
        np.testing.assert_array_equal(picture.get_array(), A[0, :, :, k])
    assert len(pictures(plotting.feature_maps(np.zeros((2, 2, 70))))) == 64


def test_saliency_is_the_size_of_the_gradient(rng):
    X, gradient = rng.random((6, 5, 1)), rng.standard_normal((6, 5, 1))
    image, slope = pictures(plotting.saliency(X, gradient))
    np.testing.assert_array_equal(image.get_array(), X[:, :, 0])
    np.testing.assert_array_equal(slope.get_array(), np.abs(gradient[:, :, 0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plotting.filters(np.ones((3, 3))), "W must be a non-empty array with 4 axes"),
        (lambda: plotting.filters(np.ones((3, 3, 2, 4)), 2), "channel must lie between 0 and 1"),
        (lambda: plotting.feature_maps(np.ones((2, 3, 3, 1))), "A must be a non-empty array"),
        (lambda: plotting.saliency(np.ones((3, 3)), np.ones((3, 4))), "the same shape"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
