"""Pictures of filters, feature maps and saliency: what is drawn, and what is refused."""

import numpy as np
import pytest
from matplotlib import style
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle
from matplotlib.text import Text

import backprop as bp
from backprop import plotting
from backprop.layers import Dense
from backprop.plotting.heat_maps import heat_maps


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


def test_filters_of_a_transposed_convolution_stand_before_its_channels():
    """Its W is ``(kh, kw, filters, channels)``: its channels were drawn as its filters."""
    layer = bp.layers.Conv2DTranspose(5, 3)
    bp.Sequential([bp.Input((4, 4, 2)), layer], seed=0)
    figure = plotting.filters(layer, channel=1)
    assert len(pictures(figure)) == 5
    for k, picture in enumerate(pictures(figure)):
        np.testing.assert_array_equal(picture.get_array(), layer.W[:, :, k, 1])
    assert "for channel 1 of 2" in figure.get_supxlabel()


def test_feature_maps_have_a_picture_for_each_channel(rng):
    A = rng.standard_normal((1, 6, 5, 3))
    found = pictures(plotting.feature_maps(A))
    for k, picture in enumerate(found):
        np.testing.assert_array_equal(picture.get_array(), A[0, :, :, k])
    assert len(pictures(plotting.feature_maps(np.zeros((2, 2, 70))))) == 64


def test_a_caption_says_whose_pictures_these_are(rng):
    def caption(figure):
        return figure.get_supxlabel().replace("\n", " ")

    W = np.full((3, 3, 2, 70), -0.25)
    assert caption(plotting.filters(W, channel=1)) == (
        "the first 64 of 70 filters' weights for channel 1 of 2 (from 0): "
        "blue −0.25, white 0, red 0.25"
    )
    assert "channel" not in caption(plotting.filters(W[:, :, :1, :2]))
    assert "in colour" in caption(plotting.filters(np.repeat(W, 3, 2)[:, :, :3, :2]))
    assert "channels of one image" in caption(plotting.feature_maps(W[..., 0]))


def test_heat_maps_lay_channels_and_filters_out_as_named_tiles(rng):
    image, kernel = rng.standard_normal((3, 2, 4)), rng.standard_normal((3, 2, 2, 7))
    figure = heat_maps([("x", image, "∂E/∂x", -image), ("W", kernel, "∂E/∂W", -kernel)])
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.images}
    shown = panels["x   (3, 2, 4)"].images[0].get_array()
    for c in range(4):
        np.testing.assert_array_equal(shown[:, 2 * c : 2 * c + 2], image[:, :, c])
    shown = panels["∂E/∂W   (3, 2, 2, 7)"].images[0].get_array()
    for c in range(2):
        for f in range(7):
            tile = shown[3 * c : 3 * c + 3, 2 * f : 2 * f + 2]
            np.testing.assert_array_equal(tile, -kernel[:, :, c, f])

    def names(axis):
        return [label.get_text() for label in axis.get_ticklabels()]

    assert names(panels["x   (3, 2, 4)"].xaxis) == [f"channel {c}" for c in range(4)]
    assert names(panels["x   (3, 2, 4)"].yaxis) == []
    kernel_axes = panels["W   (3, 2, 2, 7)"]
    assert names(kernel_axes.xaxis) == ["filter 0", "filter 2", "filter 4", "filter 6"]
    assert names(kernel_axes.yaxis) == ["channel 0", "channel 1"]


def test_saliency_is_the_size_of_the_gradient(rng):
    X, gradient = rng.random((6, 5, 1)), rng.standard_normal((6, 5, 1))
    image, slope = pictures(plotting.saliency(X, gradient))
    np.testing.assert_array_equal(image.get_array(), X[:, :, 0])
    np.testing.assert_array_equal(slope.get_array(), np.abs(gradient[:, :, 0]))


@pytest.mark.parametrize("standardized", [True, False])
def test_saliency_draws_images_in_colour_of_any_scale(rng, standardized):
    """Of bytes everything above 1 was white, of standardized images everything below 0 black."""
    image = np.round(rng.random((4, 4, 3)) * 255)
    X = (image - 128) / 64 if standardized else image.astype(np.uint8)
    drawn = pictures(plotting.saliency(X, image))[0].get_array()
    span = image.max() - image.min()
    np.testing.assert_allclose(drawn, (image - image.min()) / span, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plotting.filters(np.ones((3, 3))), "W must be a non-empty array with 4 axes"),
        (
            lambda: plotting.filters(np.ones((3, 3, 2))),
            "pass a convolution of images that is built",
        ),
        (lambda: plotting.filters(np.ones((3, 3, 2, 4)), 2), "channel must lie between 0 and 1"),
        (lambda: plotting.feature_maps(np.ones((2, 3, 3, 1))), "A must be a non-empty array"),
        (lambda: plotting.saliency(np.ones((3, 3)), np.ones((3, 4))), "the same shape"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("chosen", ["default", "dark_background"])
def test_words_are_read_on_the_ground_of_any_style(chosen, rng):
    net = bp.Sequential([bp.Input(2), Dense(2)], seed=0)
    net.compile("sgd", "mse")
    with style.context(chosen):
        few = net.explain([[1.0, 2.0]], [[0.0, 1.0]]).plot()
        wide = bp.Sequential([bp.Input(9), Dense(30)], seed=0)
        wide.compile("sgd", "mse")
        many = wide.explain(np.ones((1, 9)), np.ones((1, 30))).plot()
        pictures = rng.random((3, 4, 4))
        figures = few, many, plotting.filters(rng.random((3, 3, 1, 2)))
        figures += (plotting.predictions_grid(pictures, [0, 1, 2], [0, 1, 1]),)
    for figure in figures:
        ground = np.mean(to_rgb(figure.get_facecolor()))
        units = [each for axes in figure.axes for each in axes.patches if isinstance(each, Circle)]
        for text in figure.findobj(Text):
            x, y = text.get_position()
            inside = any(np.hypot(x - u.center[0], y - u.center[1]) < u.radius for u in units)
            behind = 1.0 if inside and text.axes is not None else ground  # units are pale
            if text.get_text():
                assert abs(np.mean(to_rgb(text.get_color())) - behind) > 0.3, text
