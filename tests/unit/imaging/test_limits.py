"""What a header may declare is decided before memory is taken for it, and what a file must hash to after."""

import hashlib
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from roifile import ImagejRoi

from xmodal_pipeline.errors import CaptureCode, CaptureRejected
from xmodal_pipeline.imaging import CaptureFiles, read_capture
from xmodal_pipeline.imaging.patches import PatchesError, read_patches
from xmodal_pipeline.imaging.photograph import count_bands, read_photograph
from xmodal_pipeline.imaging.reading import check_hashes
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.imaging.tiff import read_stack, read_stack_header
from xmodal_pipeline.params.ingest import LimitParams, SpecimensParams

BANDS = np.random.default_rng(0).integers(0, 60000, (7, 20, 50)).astype(np.uint16)
N_BYTES = BANDS.nbytes


def code_and_limit(path: Path, **limits: float) -> tuple[str, str]:
    with pytest.raises(CaptureRejected) as caught:
        read_stack(path, (7,), limits=LimitParams(**limits))
    with pytest.raises(CaptureRejected) as by_header:
        read_stack_header(path, (7,), limits=LimitParams(**limits))
    assert by_header.value.code is caught.value.code
    return caught.value.code, caught.value.reason


@pytest.mark.parametrize(
    ("name", "at", "below"),
    [
        ("max_megapixels", 1000 / 1e6, 999 / 1e6),
        ("max_bands", 7, 6),
        ("max_gigabytes", N_BYTES / 1e9, (N_BYTES - 1) / 1e9),
    ],
)
@pytest.mark.parametrize("planar", ["separate", "contig", None])
def test_each_limit_passes_what_equals_it_and_names_itself(tmp_path, name, at, below, planar):
    path = tmp_path / "a.tif"
    bands = np.moveaxis(BANDS, 0, -1) if planar == "contig" else BANDS
    tifffile.imwrite(path, bands, photometric="minisblack", planarconfig=planar)
    np.testing.assert_array_equal(read_stack(path, (7,), limits=LimitParams(**{name: at})).bands, BANDS)
    code, reason = code_and_limit(path, **{name: below})
    assert code == "TOO_LARGE"
    assert f"specimens.limits.{name}" in reason


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_photographs_have_the_same_limits(tmp_path, kind):
    Image.fromarray(np.zeros((20, 50, 3), np.uint8)).save(tmp_path / f"a.{kind}")
    path = tmp_path / f"a.{kind}"
    assert read_photograph(path, (3,), limits=LimitParams(max_megapixels=0.001)).bands.shape == (3, 20, 50)
    for read in (read_photograph, count_bands):
        with pytest.raises(CaptureRejected, match=r"specimens\.limits\.max_gigabytes, 2\.999e-06") as caught:
            read(path, (3,), limits=LimitParams(max_gigabytes=2999e-9))
        assert caught.value.code is CaptureCode.TOO_LARGE


def test_the_limit_is_the_studys_and_not_pillows(tmp_path):
    Image.fromarray(np.zeros((13_400, 13_400), np.uint8)).save(tmp_path / "a.png")  # above 179 megapixels
    assert count_bands(tmp_path / "a.png", (1,)) == 1


def test_a_long_chain_of_pages_is_not_followed(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((300, 4, 4), np.uint8), photometric="minisblack")
    with pytest.raises(CaptureRejected, match=r"max_bands, 256, got 257"):
        read_stack(tmp_path / "a.tif", (7,))


def test_a_tile_of_gigabytes_takes_no_memory(tmp_path):
    path = tmp_path / "a.tif"
    options = {"photometric": "minisblack", "planarconfig": "separate", "compression": "deflate"}
    tifffile.imwrite(path, BANDS, tile=(32, 64), **options)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        for name in ("TileWidth", "TileLength"):
            at = tiff.pages.first.tags[name].valueoffset
            content[at : at + 2] = (60_000).to_bytes(2, "little")
    # Large enough for the size to be possible: deflate reaches 1,032 : 1.
    path.write_bytes(content + bytes(9_000_000))
    tracemalloc.start()
    with pytest.raises(CaptureRejected, match=r"max_megapixels, 200, got 3600"):
        read_stack(path, (7,))
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_an_embedded_jpeg_is_asked_for_its_size_and_other_codecs_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    colours = (np.moveaxis(BANDS[:3], 0, -1) >> 8).astype(np.uint8)
    tifffile.imwrite(path, colours, photometric="rgb", compression="jpeg")
    assert read_photograph(path, (3,)).bands.shape == (3, 20, 50)
    content = bytearray(path.read_bytes())
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = (60_000).to_bytes(2, "big") * 2
    path.write_bytes(content)
    with pytest.raises(CaptureRejected, match=r"must fit the file of \d+ bytes, it declares 10800000000"):
        read_photograph(path, (3,))
    tifffile.imwrite(path, colours, photometric="rgb", compression="jpeg2000")
    with pytest.raises(CaptureRejected, match=r"compression must be none.*got JPEG2000"):
        read_photograph(path, (3,))


def test_a_header_without_pixels_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, BANDS, photometric="minisblack", planarconfig="separate")
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        at = tiff.pages.first.tags["ImageWidth"].valueoffset
    content[at : at + 2] = bytes(2)
    path.write_bytes(content)
    with pytest.raises(CaptureRejected) as caught:
        read_stack(path, (7,))
    assert caught.value.code is CaptureCode.UNREADABLE


def test_a_label_image_of_another_size_is_not_unpacked(tmp_path):
    path = tmp_path / "a.tif"
    for name in ("a_labels.png", "a_labels.tif"):
        labels = np.zeros((3000, 3000), np.uint8)
        if name.endswith("png"):
            Image.fromarray(labels).save(tmp_path / name)
        else:
            tifffile.imwrite(tmp_path / name, labels, compression="deflate")
        tracemalloc.start()
        with pytest.raises(PatchesError, match=r"height and width \(20, 50\), got \(3000, 3000\)"):
            read_patches(path, "labels", (20, 50))
        assert tracemalloc.get_traced_memory()[1] < 5e6
        tracemalloc.stop()
        (tmp_path / name).unlink()


def test_more_regions_than_anyone_draws_are_refused(tmp_path):
    import zipfile

    region = ImagejRoi.frompoints([[1, 1], [5, 1], [5, 5]]).tobytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(1001):
            archive.writestr(f"{number}.roi", region)
    with pytest.raises(PatchesError, match="at most 1000 regions, got 1001"):
        read_patches(tmp_path / "a.tif", "roi", (20, 50))
    (tmp_path / "a.zip").write_bytes(b"")
    (tmp_path / "a.zip").unlink()
    with (tmp_path / "a.roi").open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    with pytest.raises(PatchesError, match="at most 64 MiB, got 67108865 bytes"):
        read_patches(tmp_path / "a.tif", "roi", (20, 50))


def float_capture(tmp_path: Path, value: float, *, inside: bool, dtype: str = "float32") -> CaptureFiles:
    bands = np.random.default_rng(0).random((7, 20, 30))
    bands[6] = 0
    bands[6, 5:15, 5:15] = 1
    bands[1, 10 if inside else 0, 10] = value
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, bands.astype(dtype), photometric="minisblack", planarconfig="separate")
    return CaptureFiles("a", "a", path)


@pytest.mark.parametrize("value", [65504.0, -65504.0])
def test_half_precision_holds_these(tmp_path, value):
    files = float_capture(tmp_path, value, inside=True)
    study = open_study(tmp_path, SpecimensParams(scale="unit"), [files])
    assert read_capture(files, study).rgb[1, 10, 10] == value


@pytest.mark.parametrize(("value", "dtype"), [(65600.0, "float32"), (-1e30, "float32"), (3e38, "float64")])
def test_what_half_precision_cannot_hold_is_refused_inside_the_mask_only(tmp_path, value, dtype):
    study = open_study(tmp_path, SpecimensParams(scale="unit"), [])
    with pytest.raises(CaptureRejected, match=r"within ±65504 times full scale") as caught:
        read_capture(float_capture(tmp_path, value, inside=True, dtype=dtype), study)
    assert caught.value.code is CaptureCode.NOT_STORABLE
    read_capture(float_capture(tmp_path, value, inside=False, dtype=dtype), study)


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e300, -1e39])
def test_what_float32_cannot_hold_is_no_value(tmp_path, value):
    study = open_study(tmp_path, SpecimensParams(scale="unit"), [])
    with pytest.raises(CaptureRejected) as caught:
        read_capture(float_capture(tmp_path, value, inside=True, dtype="float64"), study)
    assert caught.value.code is CaptureCode.NOT_FINITE
    outside = read_capture(float_capture(tmp_path, value, inside=False, dtype="float64"), study)
    assert outside.rgb[1, 0, 10] == 0


def test_a_file_that_is_not_the_hashed_one_is_refused(tmp_path):
    rgb, uv = tmp_path / "a.png", tmp_path / "b.png"
    rgb.write_bytes(zlib.compress(b"rgb"))
    uv.write_bytes(b"uv")
    one, two = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (rgb, uv))
    check_hashes(CaptureFiles("a", "a", rgb, uv, (one, two)))
    check_hashes(CaptureFiles("a", "a", rgb, uv))
    for hashes, filename in [((two, None), "a.png"), ((one, one), "b.png")]:
        with pytest.raises(CaptureRejected, match="SHA-256 must be") as caught:
            check_hashes(CaptureFiles("a", "a", rgb, uv, hashes))
        assert (caught.value.filename, caught.value.code) == (filename, CaptureCode.HASH_MISMATCH)
