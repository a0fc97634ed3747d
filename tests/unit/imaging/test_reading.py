"""Captures from disk to unit scale and masks, and every reason to reject one."""

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from xmodal_pipeline.errors import CaptureCode, CaptureRejected, ParametersError
from xmodal_pipeline.imaging import Capture, CaptureFiles, read_capture
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import BandLayout, Scale, SpecimensParams

NAMES = ["R", "G", "B", "UV1", "UV2", "UV3", "mask"]
ROWS, COLUMNS = np.indices((20, 30))
INSIDE = (ROWS > 4) & (ROWS < 15) & (COLUMNS > 6) & (COLUMNS < 20)
SCENE = np.random.default_rng(0).random((6, 20, 30)) * np.array([0.9, 0.7, 0.5, 0.4, 0.3, 0.2])[:, None, None]
STACK = SpecimensParams()


def stored(scale: Scale, mask_level: float = 1) -> np.ndarray:
    full, dtype = {"uint8": (255, "u1"), "uint16": (65535, "u2"), "percent": (100, "f4"), "unit": (1, "f4")}[
        scale
    ]
    bands = SCENE * full
    if dtype[0] == "u":
        bands = bands.round()
    return np.concatenate([bands, INSIDE[None] * mask_level]).astype(dtype)


def write_stack(path: Path, bands: np.ndarray, labels: list[str] | None = None) -> CaptureFiles:
    metadata = {"Labels": labels} if labels else {}
    tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="separate", metadata=metadata)
    return CaptureFiles(path.stem, path.stem, path)


def read(files: CaptureFiles, settings: SpecimensParams, scale: Scale | None = None) -> Capture:
    """One capture as the only one of a study on this scale; None leaves the scale to the study."""
    known = settings if scale is None else settings.model_copy(update={"scale": scale})
    return read_capture(files, open_study(files.rgb_path.parent, known, [files]))


def code_of(files: CaptureFiles, specimens: SpecimensParams, scale: Scale = "uint8") -> CaptureCode:
    with pytest.raises(CaptureRejected) as caught:
        read(files, specimens, scale)
    return caught.value.code


@pytest.mark.parametrize(
    ("scale", "mask_level", "half_a_quantum"),
    [("uint8", 255, 0.5 / 255), ("uint16", 65535, 0.5 / 65535), ("percent", 1, 1e-7), ("unit", 1, 1e-7)],
)
def test_one_scene_on_every_scale_is_one_capture(
    tmp_path: Path, scale: Scale, mask_level: float, half_a_quantum: float
) -> None:
    capture = read(write_stack(tmp_path / "a.tif", stored(scale, mask_level)), STACK, scale)
    assert capture.rgb.dtype == capture.uv.dtype == np.float32
    np.testing.assert_allclose(capture.rgb, SCENE[:3], rtol=0, atol=half_a_quantum * 1.001)
    np.testing.assert_allclose(capture.uv, SCENE[3:], rtol=0, atol=half_a_quantum * 1.001)
    np.testing.assert_array_equal(capture.rgb_mask, INSIDE)
    np.testing.assert_array_equal(capture.uv_mask, INSIDE)


def test_reflectance_beyond_white_and_black_is_kept(tmp_path: Path) -> None:
    bands = stored("percent")
    bands[0, 0, 0], bands[4, 1, 1] = 130, -3
    capture = read(write_stack(tmp_path / "a.tif", bands), STACK, "percent")
    assert capture.rgb[0, 0, 0] == pytest.approx(1.3)
    assert capture.uv[1, 1, 1] == pytest.approx(-0.03)


def test_labels_in_another_order_are_read_right(tmp_path: Path) -> None:
    order = [6, 3, 1, 5, 0, 4, 2]
    files = write_stack(tmp_path / "a.tif", stored("unit")[order], [NAMES[at] for at in order])
    capture = read(files, STACK, "unit")
    np.testing.assert_allclose(capture.rgb, SCENE[:3], atol=1e-7)
    np.testing.assert_allclose(capture.uv, SCENE[3:], atol=1e-7)
    np.testing.assert_array_equal(capture.rgb_mask, INSIDE)


def test_a_micatoolbox_stack_is_read_by_its_slice_labels(tmp_path: Path) -> None:
    # vR vG vB uB uR as exported, here with the two UV slices swapped.
    bands = (SCENE[:5] * 100).astype(np.float32)
    labels = [f"IMG_1.CR2:{label}:Normalised" for label in ("v:R", "v:G", "v:B", "uv:R", "uv:B")]
    tifffile.imwrite(tmp_path / "a.tif", bands, imagej=True, metadata={"axes": "ZYX", "Labels": labels})
    specimens = SpecimensParams(layout="micatoolbox", mask="none")
    files = CaptureFiles("a", "a", tmp_path / "a.tif")
    capture = read(files, specimens)
    np.testing.assert_allclose(capture.rgb, SCENE[:3], atol=1e-6)
    np.testing.assert_allclose(capture.uv, SCENE[[4, 3]], atol=1e-6)
    assert capture.rgb_mask.all()


def test_the_models_order_need_not_be_the_files_order(tmp_path: Path) -> None:
    layout = BandLayout(
        name="own", order=("UV", "B", "mask", "R", "G"), rgb=("R", "G", "B"), uv=("UV",), mask="mask"
    )
    files = write_stack(tmp_path / "a.tif", stored("unit")[[3, 2, 6, 0, 1]])
    capture = read(files, SpecimensParams(layout=layout), "unit")
    np.testing.assert_allclose(capture.rgb, SCENE[:3], atol=1e-7)
    np.testing.assert_allclose(capture.uv, SCENE[3:4], atol=1e-7)
    np.testing.assert_array_equal(capture.uv_mask, INSIDE)


def write_nodata(path: Path, bands: np.ndarray, nodata: str) -> CaptureFiles:
    tag = (42113, "s", 0, nodata, True)  # GDAL's
    tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="separate", extratags=[tag])
    return CaptureFiles(path.stem, path.stem, path)


@pytest.mark.parametrize(
    ("fill", "nodata"),
    [
        (np.float32(-3.4e38), "-3.4e+38"),
        (np.float32(-9999), "-9999"),
        (np.float32(np.nan), "nan"),
        (np.float32(np.nan), ""),
        (np.float32(-9999), "-9999 "),
    ],
)
def test_pixels_without_a_value_are_background_outside_the_mask_and_a_reason_to_reject_inside(
    tmp_path: Path, fill: np.float32, nodata: str
) -> None:
    bands = stored("unit")
    bands[:6, ~INSIDE] = fill
    capture = read(write_nodata(tmp_path / "a.tif", bands, nodata), STACK)
    np.testing.assert_allclose(capture.rgb, SCENE[:3] * INSIDE, atol=1e-7)
    np.testing.assert_allclose(capture.uv, SCENE[3:] * INSIDE, atol=1e-7)
    np.testing.assert_array_equal(capture.rgb_mask, INSIDE)

    bands[6, ~INSIDE] = fill  # GDAL writes no data into every band, also the mask's
    capture = read(write_nodata(tmp_path / "c.tif", bands, nodata), STACK)
    np.testing.assert_array_equal(capture.rgb_mask, INSIDE)

    bands[4, 8, 10] = fill
    files = write_nodata(tmp_path / "b.tif", bands, nodata)
    with pytest.raises(CaptureRejected, match=r"every pixel inside the mask .*, got 1 NaN") as caught:
        read(files, STACK, "unit")
    assert caught.value.code is CaptureCode.NOT_FINITE


def test_integers_without_a_value_are_background_too_and_a_frame_has_none(tmp_path: Path) -> None:
    bands = stored("uint16", 65535)
    bands[:6, ~INSIDE] = 7
    capture = read(write_nodata(tmp_path / "a.tif", bands, "7"), STACK, "uint16")
    assert not capture.rgb[:, ~INSIDE].any()
    whole = SpecimensParams(mask="none")
    assert code_of(write_nodata(tmp_path / "b.tif", bands, "7"), whole, "uint16") is CaptureCode.NOT_FINITE
    kept = read(write_nodata(tmp_path / "c.tif", bands, "-9999"), whole, "uint16")
    np.testing.assert_allclose(kept.rgb[:, 0, 0], 7 / 65535, rtol=1e-6)


def test_six_bands_have_the_whole_frame_as_mask(tmp_path: Path) -> None:
    files = write_stack(tmp_path / "a.tif", stored("uint8")[:6])
    assert read(files, SpecimensParams(layout="rgb_uv", mask="none"), "uint8").rgb_mask.all()


def test_masks_do_not_come_from_a_band_that_the_layout_has_not(tmp_path: Path) -> None:
    files = write_stack(tmp_path / "a.tif", stored("uint8")[:6])
    settings = SpecimensParams(layout="rgb_uv", scale="uint8")
    refused = r"specimens.mask: must be white_background, patches or none .* for layout 'rgb_uv', .* got band"
    with pytest.raises(ParametersError, match=refused):
        open_study(tmp_path, settings, [files])
    files.rgb_path.write_bytes(b"II*\0")  # where nothing can be read, that is the cause
    assert open_study(tmp_path, settings, [files]).scale == "uint8"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("photograph.jpg", "the file must be a TIFF of 7 bands (layout rgb_uv_mask), got a JPEG of 3; where"),
        ("grey.png", "the file must be a TIFF of 7 bands (layout rgb_uv_mask), got a PNG of 1; where"),
        ("six.tif", "the file must have 7 bands, got 6 (axes CYX of shape 6×40×60); check specimens.layout"),
        ("hyper.tif", "the file must be one plane per band (7), got axes ZCYX of shape 2×6×40×60"),
        ("white.tif", "photometric interpretation must be MINISBLACK or RGB, got MINISWHITE"),
    ],
)
def test_the_reason_says_what_the_file_is_and_what_is_needed(tmp_path: Path, name: str, reason: str) -> None:
    path, bands = tmp_path / name, np.zeros((7, 40, 60), np.uint8)
    bands[:] = np.arange(60)
    match name:
        case "photograph.jpg":
            Image.fromarray(np.moveaxis(bands[:3], 0, -1)).save(path)
        case "grey.png":
            Image.fromarray(bands[0]).save(path)
        case "six.tif":
            tifffile.imwrite(path, bands[:6], photometric="minisblack", metadata={"axes": "CYX"})
        case "hyper.tif":
            both = np.stack([bands[:6]] * 2)
            tifffile.imwrite(path, both, imagej=True, metadata={"axes": "ZCYX"})
        case "white.tif":
            tifffile.imwrite(path, bands, photometric="miniswhite")
    with pytest.raises(CaptureRejected, match=re.escape(reason)):
        read(CaptureFiles("a", "a", path), SpecimensParams(), "uint8")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (lambda b: b[:6], CaptureCode.BAND_COUNT),
        (lambda b: np.concatenate([b[:6], b[6:] * 0]), CaptureCode.EMPTY_MASK),
        (lambda b: np.concatenate([b[:6], b[6:] * 0 + 1]), CaptureCode.FULL_MASK),
        (lambda b: np.concatenate([b[:6], b[:1]]), CaptureCode.BAD_MASK),
        (lambda b: b.astype(np.uint16), CaptureCode.BAD_SCALE),
        (lambda b: np.where(b == b.max(), np.nan, b).astype(np.float32), CaptureCode.NOT_FINITE),
        (lambda b: np.where(b == b.max(), np.inf, b).astype(np.float32), CaptureCode.NOT_FINITE),
    ],
)
def test_every_fault_of_a_stack_has_its_code(tmp_path: Path, fault: object, code: CaptureCode) -> None:
    files = write_stack(tmp_path / "a.tif", fault(stored("uint8")))
    assert code_of(files, STACK) is code


def test_a_mask_band_is_not_needed_where_masks_are_switched_off(tmp_path: Path) -> None:
    bands = stored("uint8")
    bands[6] = 0
    files = write_stack(tmp_path / "a.tif", bands)
    assert read(files, SpecimensParams(mask="none"), "uint8").rgb_mask.all()


def test_contradicting_labels_are_rejected(tmp_path: Path) -> None:
    files = write_stack(tmp_path / "a.tif", stored("uint8"), ["B", "G", "R", "x", "y", "z", "w"])
    with pytest.raises(
        CaptureRejected, match=r"'a\.tif': band labels must name every band or agree"
    ) as caught:
        read(files, STACK, "uint8")
    assert caught.value.code is CaptureCode.BAND_LABELS


def test_a_truncated_stack_is_unreadable(tmp_path: Path) -> None:
    files = write_stack(tmp_path / "a.tif", stored("uint8"))
    whole = files.rgb_path.read_bytes()
    files.rgb_path.write_bytes(whole[: len(whole) // 2])
    assert code_of(files, STACK) is CaptureCode.UNREADABLE


def test_auto_allows_no_other_type_beside_the_sample(tmp_path: Path) -> None:
    files = write_stack(tmp_path / "a.tif", stored("percent"))
    declared = open_study(tmp_path, SpecimensParams(scale="uint8"), [files])
    sampled = declared.model_copy(update={"settings": SpecimensParams(scale="auto")})
    with pytest.raises(CaptureRejected, match="BAD_SCALE"):
        read_capture(files, sampled)
    read_capture(files, declared)  # counts averaged to floats may be declared


def test_whole_numbers_cannot_be_unit(tmp_path: Path) -> None:
    files = write_stack(tmp_path / "a.tif", stored("uint8"))
    assert code_of(files, SpecimensParams(scale="unit"), "unit") is CaptureCode.BAD_SCALE


def pair(**options: object) -> SpecimensParams:
    return SpecimensParams(rgb_suffix="_vis", uv_suffix="_uv", **{"mask": "none", **options})


def write_png(path: Path, bands: np.ndarray) -> Path:
    image = np.ascontiguousarray(bands.transpose(1, 2, 0)).squeeze()
    Image.fromarray((image * 255).round().astype(np.uint8)).save(path)
    return path


def write_pair(folder: Path, rgb: np.ndarray, uv: np.ndarray) -> CaptureFiles:
    return CaptureFiles("a", "a", write_png(folder / "a_vis.png", rgb), write_png(folder / "a_uv.png", uv))


@pytest.mark.parametrize("n_uv", [1, 3])
def test_a_pair_keeps_its_two_photographs_apart(tmp_path: Path, n_uv: int) -> None:
    files = write_pair(tmp_path, SCENE[:3], SCENE[3 : 3 + n_uv])
    capture = read(files, pair(), "uint8")
    np.testing.assert_allclose(capture.rgb, SCENE[:3], atol=0.51 / 255)
    np.testing.assert_allclose(capture.uv, SCENE[3 : 3 + n_uv], atol=0.51 / 255)
    assert capture.rgb_mask.all()


def test_a_pair_of_tiffs(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a_vis.tif", SCENE[:3].transpose(1, 2, 0).astype("f4"), photometric="rgb")
    uv = SCENE[3:5].astype("f4")
    tifffile.imwrite(
        tmp_path / "a_uv.tif", uv, imagej=True, metadata={"axes": "CYX", "Labels": ["uv2", "uv1"]}
    )
    files = CaptureFiles("a", "a", tmp_path / "a_vis.tif", tmp_path / "a_uv.tif")
    capture = read(files, pair(), "unit")
    np.testing.assert_allclose(capture.rgb, SCENE[:3], atol=1e-7)
    np.testing.assert_allclose(capture.uv, SCENE[[4, 3]], atol=1e-7)


def test_photographs_of_two_sizes_need_registration_off(tmp_path: Path) -> None:
    files = write_pair(tmp_path, SCENE[:3], SCENE[3:, :, :25])
    with pytest.raises(CaptureRejected, match="one size, got 30×20 and 25×20 pixels") as caught:
        read(files, pair(), "uint8")
    assert caught.value.code is CaptureCode.SHAPE_MISMATCH
    capture = read(files, pair(registration="off"), "uint8")
    assert (capture.rgb.shape, capture.uv.shape) == ((3, 20, 30), (3, 20, 25))
    assert (capture.rgb_mask.shape, capture.uv_mask.shape) == ((20, 30), (20, 25))


def test_half_a_pair_is_named(tmp_path: Path) -> None:
    files = write_pair(tmp_path, SCENE[:3], SCENE[3:])
    (tmp_path / "a_uv.png").unlink()
    with pytest.raises(CaptureRejected, match=r"'a_uv\.png': both photographs") as caught:
        read(files, pair(), "uint8")
    assert caught.value.code is CaptureCode.MISSING_PAIR


def test_alpha_of_either_photograph_masks_a_registered_pair(tmp_path: Path) -> None:
    with_alpha = np.concatenate([SCENE[3:], INSIDE[None]])
    capture = read(write_pair(tmp_path, SCENE[:3], with_alpha), pair(mask="alpha"), "uint8")
    np.testing.assert_array_equal(capture.rgb_mask, INSIDE)
    np.testing.assert_array_equal(capture.uv_mask, INSIDE)


def test_separate_views_have_masks_of_their_own(tmp_path: Path) -> None:
    moved = np.roll(INSIDE, 5, axis=1)
    views = (np.concatenate([SCENE[:3], INSIDE[None]]), np.concatenate([SCENE[3:], moved[None]]))
    capture = read(write_pair(tmp_path, *views), pair(mask="alpha", registration="off"), "uint8")
    np.testing.assert_array_equal(capture.rgb_mask, INSIDE)
    np.testing.assert_array_equal(capture.uv_mask, moved)


def test_a_pair_without_alpha_is_rejected(tmp_path: Path) -> None:
    files = write_pair(tmp_path, SCENE[:3], SCENE[3:])
    assert code_of(files, pair(mask="alpha")) is CaptureCode.BAD_MASK


def test_white_backgrounds_of_separate_views(tmp_path: Path) -> None:
    moved = np.roll(INSIDE, 5, axis=1)
    views = (
        np.where(INSIDE, 0.3, 1.0) + np.zeros((3, 1, 1)),
        np.where(moved, 0.2, 1.0) + np.zeros((3, 1, 1)),
    )
    files = write_pair(tmp_path, *views)
    capture = read(files, pair(mask="white_background", registration="off"), "uint8")
    np.testing.assert_array_equal(capture.rgb_mask, INSIDE)
    np.testing.assert_array_equal(capture.uv_mask, moved)
    shared = read(files, pair(mask="white_background"), "uint8")
    np.testing.assert_array_equal(shared.uv_mask, INSIDE)


def test_an_srgb_encoding_is_undone_on_every_band_and_leaves_the_mask(tmp_path):
    files = write_stack(tmp_path / "a.tif", stored("uint16"))
    encoded = read(files, STACK, "uint16")
    linear = read(files, SpecimensParams(encoding="srgb"), "uint16")
    # IEC 61966-2-1, both branches of the curve.
    for name in ("rgb", "uv"):
        values = getattr(encoded, name).astype(np.float64)
        expected = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        np.testing.assert_allclose(getattr(linear, name), expected, atol=1e-6)
    np.testing.assert_array_equal(linear.rgb_mask, encoded.rgb_mask)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_photographs_that_were_held_differently_are_turned_upright_and_flagged(
    tmp_path: Path, kind: str
) -> None:
    scene = np.repeat(np.repeat((SCENE[:3, :8, :12] * 255).astype(np.uint8), 8, 1), 8, 2)
    picture = np.ascontiguousarray(scene.transpose(1, 2, 0))
    exif = Image.Exif()
    exif[274] = 3
    paths = [tmp_path / f"a_{side}.{kind.lower()}" for side in ("vis", "uv")]
    Image.fromarray(picture[::-1, ::-1]).save(paths[0], kind, exif=exif)
    Image.fromarray(picture).save(paths[1], kind)
    files = CaptureFiles("a", "a", *paths)
    capture = read(files, pair(), "uint8")
    np.testing.assert_allclose(capture.rgb, capture.uv, atol=0.1 if kind == "JPEG" else 0)
    assert capture.flags == (CaptureCode.EXIF_MISMATCH,)
    assert read(files, pair(registration="off"), "uint8").flags == ()
    Image.fromarray(picture).save(paths[0], kind)
    assert read(files, pair(), "uint8").flags == ()


def test_percentages_beyond_white_are_read_from_a_labelled_micatoolbox_stack(tmp_path: Path) -> None:
    bands = (SCENE[:5] * 160).astype(np.float32)
    labels = ["visible:R", "visible:G", "visible:B", "uv:B", "uv:R"]
    tifffile.imwrite(tmp_path / "a.tif", bands, imagej=True, metadata={"axes": "ZYX", "Labels": labels})
    specimens = SpecimensParams(layout="micatoolbox", mask="none")
    files = CaptureFiles("a", "a", tmp_path / "a.tif")
    capture = read(files, specimens)
    assert capture.rgb.max() > 1.2
    np.testing.assert_allclose(np.concatenate([capture.rgb, capture.uv]), bands / 100, rtol=1e-6)


def test_the_patches_together_are_the_mask(tmp_path: Path) -> None:
    layout = {"layout": "rgb_uv", "mask": "patches", "patches": "labels"}
    files = write_stack(tmp_path / "a.tif", stored("unit")[:6])
    labels = np.zeros((20, 30), np.uint8)
    labels[3:6, 4:9], labels[10:12, 20:29] = 1, 7
    tifffile.imwrite(tmp_path / "a_labels.tif", labels)
    capture = read(files, SpecimensParams(**layout), "unit")
    np.testing.assert_array_equal(capture.rgb_mask, labels > 0)
    np.testing.assert_array_equal(capture.uv_mask, labels > 0)


def test_a_capture_whose_patches_cannot_be_the_mask_is_rejected_with_the_reason(tmp_path: Path) -> None:
    settings = SpecimensParams(layout="rgb_uv", mask="patches", patches="labels")
    files = write_stack(tmp_path / "a.tif", stored("unit")[:6])
    with pytest.raises(CaptureRejected, match="no file of them; draw them beside it") as caught:
        read(files, settings, "unit")
    assert caught.value.code == CaptureCode.BAD_MASK
    tifffile.imwrite(tmp_path / "a_labels.tif", np.ones((5, 5), np.uint8))
    with pytest.raises(
        CaptureRejected, match=r"'a_labels.tif': must be integers of height and width"
    ) as caught:
        read(files, settings, "unit")
    assert caught.value.code == CaptureCode.BAD_MASK
    tifffile.imwrite(tmp_path / "a_labels.tif", np.ones((20, 30), np.uint8))
    assert code_of(files, settings, "unit") == CaptureCode.FULL_MASK


@pytest.mark.parametrize(
    "settings",
    [{}, {"patches": "roi", "rgb_suffix": "_v", "uv_suffix": "_u", "registration": "off"}],
)
def test_patches_cannot_be_the_mask_without_patches_or_a_common_grid(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="mask: patches needs patches"):
        SpecimensParams(mask="patches", **settings)
