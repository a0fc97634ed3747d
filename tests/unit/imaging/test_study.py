"""What is decided once about all captures of a study."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from xmodal_pipeline.datasets.study import StudyDataset
from xmodal_pipeline.errors import CaptureRejected
from xmodal_pipeline.imaging import CaptureFiles, read_capture
from xmodal_pipeline.imaging.photograph import count_bands, read_photograph
from xmodal_pipeline.imaging.study import Study, open_study
from xmodal_pipeline.params.ingest import BandLayout, SpecimensParams

PAIR = {"rgb_suffix": "_v", "uv_suffix": "_u"}
SCENE = np.random.default_rng(0).integers(0, 255, (12, 10, 3), np.uint8)


def opened(*, is_simulated: bool = False, **settings: object) -> Study:
    return open_study(
        Path(), SpecimensParams(**{"scale": "uint8", **settings}), [], is_simulated=is_simulated
    )


def floats(folder: Path, top: float) -> CaptureFiles:
    path = folder / "a.tif"
    tifffile.imwrite(
        path, np.linspace(0, top, 7 * 64).reshape(7, 8, 8).astype("f4"), photometric="minisblack"
    )
    return CaptureFiles("a", "a", path)


@pytest.mark.parametrize(
    ("settings", "units", "is_calibrated"),
    [
        ({"scale": "uint16"}, "uncalibrated", False),
        ({"scale": "uint8"}, "uncalibrated", False),
        ({"scale": "percent"}, "reflectance", True),
        ({"scale": "unit"}, "reflectance", True),
        (
            {"scale": "uint16", "root": ".", "encoding": "linear", "grey_standards": "s.csv"},
            "reflectance",
            True,
        ),
    ],
)
def test_colour_units_follow_from_scale_and_standards(settings, units, is_calibrated):
    study = opened(**settings)
    assert (study.colour_units, study.is_calibrated) == (units, is_calibrated)


def test_a_scale_that_was_guessed_and_simulated_captures_are_relative(tmp_path):
    guessed = open_study(tmp_path, SpecimensParams(), [floats(tmp_path, 0.9)])
    assert (guessed.scale, guessed.colour_units, guessed.is_calibrated) == ("unit", "relative", True)
    assert guessed.settings.scale == "auto"
    simulated = opened(scale="uint16", is_simulated=True)
    assert (simulated.colour_units, simulated.is_calibrated) == ("relative", True)


@pytest.mark.parametrize(
    ("settings", "shares_grid", "is_linear"),
    [
        ({}, True, True),
        ({"registration": "off"}, True, True),
        (PAIR, True, False),
        (PAIR | {"registration": "check"}, True, False),
        (PAIR | {"registration": "off"}, False, False),
        (PAIR | {"registration": "off", "encoding": "srgb"}, False, True),
        ({"root": ".", "rgb_column": "a", "uv_column": "b", "registration": "off"}, False, False),
    ],
)
def test_only_pairs_that_nobody_registers_share_no_grid(settings, shares_grid, is_linear):
    study = opened(**settings)
    assert (study.shares_grid, study.is_linear) == (shares_grid, is_linear)


def write(path: Path, kind: str) -> Path:
    deep = SCENE.astype(np.uint16) * 257
    match kind:
        case "grey" | "rgb" | "grey_alpha" | "rgb_alpha":
            mode = {"grey": "L", "rgb": "RGB", "grey_alpha": "LA", "rgb_alpha": "RGBA"}[kind]
            Image.fromarray(SCENE).convert(mode).save(path, "PNG")
        case "palette":
            Image.fromarray(SCENE).quantize(16).save(path, "PNG")
        case "jpeg_grey" | "jpeg_rgb":
            Image.fromarray(SCENE).convert("L" if kind == "jpeg_grey" else "RGB").save(path, "JPEG")
        case "deep_grey":
            path.write_bytes(imagecodecs.png_encode(deep[..., 0].copy()))
        case "deep_rgb":
            path.write_bytes(imagecodecs.png_encode(deep))
        case "deep_alpha":
            path.write_bytes(imagecodecs.png_encode(np.dstack([deep, deep[..., :1]])))
        case "tiff_one":
            tifffile.imwrite(path, SCENE[..., 0], photometric="minisblack")
        case "tiff_pages":
            tifffile.imwrite(path, SCENE[..., :2].transpose(2, 0, 1), photometric="minisblack")
        case "tiff_rgba":
            rgba = np.dstack([SCENE, SCENE[..., :1]])
            tifffile.imwrite(path, rgba, photometric="rgb", extrasamples=["unassalpha"])
    return path


KINDS = {
    "grey": 1,
    "grey_alpha": 1,
    "deep_grey": 1,
    "jpeg_grey": 1,
    "tiff_one": 1,
    "tiff_pages": 2,
    "rgb": 3,
    "rgb_alpha": 3,
    "palette": 3,
    "deep_rgb": 3,
    "deep_alpha": 3,
    "jpeg_rgb": 3,
    "tiff_rgba": 3,
}


@pytest.mark.parametrize(("kind", "n_bands"), KINDS.items())
def test_a_header_tells_as_many_bands_as_reading_finds(tmp_path, kind, n_bands):
    path = write(tmp_path / "a.img", kind)
    assert count_bands(path, range(1, 4)) == n_bands
    assert len(read_photograph(path, range(1, 4)).bands) == n_bands


def pairs(folder: Path, *kinds: str) -> list[CaptureFiles]:
    files = []
    for at, kind in enumerate(kinds):
        visible = write(folder / f"{at}_v.png", "rgb")
        ultraviolet = folder / f"{at}_u.img"
        if kind == "broken":
            ultraviolet.write_bytes(b"\x89PNG\r\n\x1a\ncut")
        elif kind != "absent":
            write(ultraviolet, kind)
        files.append(CaptureFiles(str(at), str(at), visible, ultraviolet))
    return files


@pytest.mark.parametrize(
    ("kinds", "bands"),
    [
        (("grey", "grey", "rgb"), ("UV1",)),
        (("rgb", "grey", "rgb"), ("UV1", "UV2", "UV3")),
        (("grey", "rgb"), ("UV1", "UV2", "UV3")),
        (("tiff_pages", "broken", "absent"), ("UV1", "UV2")),
        (("broken",), ("UV1", "UV2", "UV3")),
    ],
)
def test_uv_has_as_many_bands_as_most_files_and_the_more_in_a_draw(tmp_path, kinds, bands):
    settings = SpecimensParams(**PAIR, scale="uint8", mask="none")
    study = open_study(tmp_path, settings, pairs(tmp_path, *kinds))
    assert study.uv_bands == bands
    assert study.bands == ("R", "G", "B", *bands)


def test_a_capture_of_other_bands_than_the_study_is_rejected(tmp_path):
    files = pairs(tmp_path, "grey", "grey", "rgb")
    study = open_study(tmp_path, SpecimensParams(**PAIR, scale="uint8", mask="none"), files)
    assert read_capture(files[0], study).uv.shape == (1, 12, 10)
    reason = r"'2_u\.img': UV must have 1 bands as most captures of the study, got 3; .* \[BAND_COUNT\]"
    with pytest.raises(CaptureRejected, match=reason):
        read_capture(files[2], study)


def test_a_study_comes_back_from_its_file_as_it_was(tmp_path):
    layout = BandLayout(name="own", order=("a", "b", "c", "u"), rgb=("a", "b", "c"), uv=("u",))
    settings = SpecimensParams(
        **PAIR, registration="off", confounders=("session",), layout=layout, scale="unit"
    )
    study = open_study(tmp_path, settings, [])
    dataset = StudyDataset(filepath=str(tmp_path / "study.json"))
    dataset.save(study)
    assert dataset.load() == study
    assert dataset.load().uv_bands == ("u",)
