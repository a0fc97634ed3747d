"""Photometry against closed forms and kornia's own adjustments."""

import kornia
import pytest
import torch

from xmodal_pipeline.augmentation.photometry import blur, jitter_reflectance, jitter_rgb, jitter_uv
from xmodal_pipeline.params.train import ReflectancePhotometryParams, RGBPhotometryParams, UVPhotometryParams

NOTHING = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "greyscale": 0, "blur": 0}


@pytest.fixture
def rgb() -> torch.Tensor:
    # Away from 0 and 1, where kornia clips and this package does not.
    return 0.3 + 0.3 * torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def everywhere() -> torch.Tensor:
    return torch.ones(4, 1, 12, 12)


def drawn(value: float, captures: int = 4) -> torch.Tensor:
    return torch.full((captures, 16), value)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("brightness", kornia.enhance.adjust_brightness_accumulative),
        ("saturation", kornia.enhance.adjust_saturation_with_gray_subtraction),
    ],
)
@pytest.mark.parametrize("uniform", [0.0, 0.9])
def test_brightness_and_saturation_agree_with_kornia(rgb, everywhere, name, reference, uniform):
    jittered = jitter_rgb(rgb, everywhere, RGBPhotometryParams(**{**NOTHING, name: 0.2}), drawn(uniform))
    expected = reference(rgb, torch.full((4,), 1 + 0.2 * (2 * uniform - 1)))
    torch.testing.assert_close(jittered, expected, atol=2e-6, rtol=0)


def test_contrast_turns_about_the_mean_of_the_specimen_alone(rgb):
    mask = torch.zeros(4, 1, 12, 12)
    mask[..., 3:8, 2:9] = 1
    specimen = rgb * mask
    jittered = jitter_rgb(specimen, mask, RGBPhotometryParams(**{**NOTHING, "contrast": 0.5}), drawn(0.0))
    mean = rgb[..., 3:8, 2:9].mean(dim=(1, 2, 3), keepdim=True)
    expected = (mean + 0.5 * (rgb - mean))[..., 3:8, 2:9]
    torch.testing.assert_close(jittered[..., 3:8, 2:9], expected, atol=2e-6, rtol=0)


def test_a_third_of_a_turn_of_hue_passes_red_on_to_green(rgb, everywhere):
    # The largest draw of a hue range of 1/3 turns the colour wheel by 120 degrees.
    jittered = jitter_rgb(rgb, everywhere, RGBPhotometryParams(**{**NOTHING, "hue": 1 / 3}), drawn(1.0))
    torch.testing.assert_close(jittered, rgb[:, [2, 0, 1]], atol=2e-6, rtol=0)


def test_hue_leaves_grey_alone(everywhere):
    grey = torch.linspace(0.1, 0.9, 12).expand(4, 3, 12, 12)
    jittered = jitter_rgb(grey, everywhere, RGBPhotometryParams(**{**NOTHING, "hue": 0.2}), drawn(0.1))
    torch.testing.assert_close(jittered, grey, atol=2e-6, rtol=0)


def test_greyscale_is_luma_in_every_band(rgb, everywhere):
    jittered = jitter_rgb(rgb, everywhere, RGBPhotometryParams(**{**NOTHING, "greyscale": 1.0}), drawn(0.5))
    luma = 0.299 * rgb[:, :1] + 0.587 * rgb[:, 1:2] + 0.114 * rgb[:, 2:]
    torch.testing.assert_close(jittered, luma.expand_as(rgb), atol=2e-6, rtol=0)


def test_uv_gain_and_gamma_have_their_closed_form_and_keep_the_sign():
    params = UVPhotometryParams(gain=0.1, gamma=(0.8, 1.2), noise_sd=0, blur=0)
    uniforms = drawn(0.0, captures=1)
    uniforms[:, 1] = 0.75
    uv = torch.tensor([0.0, 0.25, 1.5, -0.04]).reshape(1, 1, 2, 2)
    jittered = jitter_uv(uv, torch.ones(1, 1, 2, 2), params, uniforms, torch.zeros(1, 1, 2, 2))
    expected = [0.0, 0.9 * 0.25**1.1, 0.9 * 1.5**1.1, -0.9 * 0.04**1.1]
    torch.testing.assert_close(jittered.flatten(), torch.tensor(expected), atol=1e-6, rtol=1e-6)


def test_noise_is_added_at_its_standard_deviation():
    params = UVPhotometryParams(gain=0, gamma=(1, 1), noise_sd=0.02, blur=0)
    noise = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    uv = torch.full((1, 2, 8, 8), 0.5)
    jittered = jitter_uv(uv, torch.ones(1, 1, 8, 8), params, drawn(0.5, captures=1), noise)
    torch.testing.assert_close(jittered, 0.5 + 0.02 * noise.expand(1, 2, 8, 8), atol=1e-6, rtol=0)


def test_reflectance_gain_is_per_band_for_rgb_and_common_for_uv():
    params = ReflectancePhotometryParams(gain=0.03, noise_sd=0, blur=0)
    uniforms = drawn(0.5, captures=1)
    uniforms[0, 8:11] = torch.tensor([0.0, 0.5, 1.0])
    image, mask, noise = torch.ones(1, 3, 4, 4), torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    rgb = jitter_reflectance(image, mask, params, uniforms, noise, shared=False)
    uv = jitter_reflectance(image, mask, params, uniforms, noise, shared=True)
    torch.testing.assert_close(rgb[0, :, 0, 0], torch.tensor([0.97, 1.0, 1.03]))
    torch.testing.assert_close(uv[0, :, 0, 0], torch.tensor([0.97, 0.97, 0.97]))


def test_blur_equals_the_naive_sum_over_the_specimen():
    image = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(4))
    mask = torch.zeros(1, 1, 9, 9)
    mask[..., 2:7, 1:8] = 1
    sigma = 1.0
    blurred = blur(image * mask, mask, 1.0, (sigma, sigma), torch.zeros(1, 2))
    for y, x in [(4, 4), (2, 1), (6, 7)]:
        total = weight = 0.0
        for other_y in range(2, 7):
            for other_x in range(1, 8):
                if max(abs(other_y - y), abs(other_x - x)) <= 3:
                    w = 2.718281828459045 ** (-((other_y - y) ** 2 + (other_x - x) ** 2) / (2 * sigma**2))
                    total, weight = total + w * image[0, 0, other_y, other_x].item(), weight + w
        assert blurred[0, 0, y, x].item() == pytest.approx(total / weight, abs=1e-5)


def test_blur_touches_only_the_drawn_captures():
    image = torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(5))
    uniforms = torch.tensor([[0.9, 0.5], [0.1, 0.5], [0.5, 0.5]])
    blurred = blur(image, torch.ones(3, 1, 8, 8), 0.3, (1.0, 1.0), uniforms)
    changed = (blurred != image).flatten(1).any(dim=1)
    assert changed.tolist() == [False, True, False]
