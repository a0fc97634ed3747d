"""Every TIFF layout gives the same bands in the same order."""

import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from xmodal_pipeline.errors import CaptureCode, CaptureRejected
from xmodal_pipeline.imaging.tiff import orient, read_stack, write_canonical, write_imagej

NAMES = ["R", "G", "B", "UV1", "UV2", "UV3", "mask"]
Array = NDArray[np.generic]


def make_bands(n_bands: int = 7, dtype: str = "uint16", height: int = 40, width: int = 60) -> Array:
    """Each pixel's value tells its band, row and column."""
    band, row, column = np.indices((n_bands, height, width))
    return (band * 30 + row * 2 + column % 7).astype(dtype)


def write(path: Path, bands: Array, **options: object) -> None:
    tifffile.imwrite(path, bands, **options)


def write_page_by_page(path: Path, bands: Array, metadata: dict[str, str] | None) -> None:
    with tifffile.TiffWriter(path) as writer:
        for band in bands:
            writer.write(band, photometric="minisblack", metadata=metadata)


def write_gdal(path: Path, bands: Array, names: list[str]) -> None:
    items = "".join(
        f'<Item name="D" sample="{at}" role="description">{n}</Item>' for at, n in enumerate(names)
    )
    tag = (42112, "s", 0, f"<GDALMetadata>{items}</GDALMetadata>", True)
    options = {"photometric": "minisblack", "planarconfig": "separate", "metadata": None}
    write(path, bands, **options, extratags=[tag])


def samples(bands: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(bands, 0, -1))


CONTIGUOUS = {"photometric": "minisblack", "planarconfig": "contig"}
PLANAR = {"photometric": "minisblack", "planarconfig": "separate"}
PAGES = {"photometric": "minisblack"}
LAYOUTS: dict[str, Callable[[Path, Array], None]] = {
    "pages": lambda p, b: write(p, b, **PAGES),
    "pages, axes declared": lambda p, b: write(p, b, **PAGES, metadata={"axes": "CYX"}),
    "pages, no metadata": lambda p, b: write(p, b, **PAGES, metadata=None),
    "one page at a time": lambda p, b: write_page_by_page(p, b, None),
    "one series per page": lambda p, b: write_page_by_page(p, b, {}),
    "samples": lambda p, b: write(p, samples(b), **CONTIGUOUS),
    "samples, no metadata": lambda p, b: write(p, samples(b), **CONTIGUOUS, metadata=None),
    "planar": lambda p, b: write(p, b, **PLANAR),
    "ImageJ channels": lambda p, b: write(p, b, imagej=True, metadata={"axes": "CYX"}),
    "ImageJ slices": lambda p, b: write(p, b, imagej=True, metadata={"axes": "ZYX"}),
    "OME": lambda p, b: write(p, b, ome=True, metadata={"axes": "CYX"}),
    "GDAL": lambda p, b: write_gdal(p, b, [f"b{at}" for at in range(len(b))]),
    "tiled samples": lambda p, b: write(p, samples(b), **CONTIGUOUS, tile=(16, 16)),
    "tiled planes": lambda p, b: write(p, b, **PLANAR, tile=(16, 16), compression="deflate"),
    "deflate": lambda p, b: write(p, b, **PAGES, compression="deflate", predictor=True),
    "LZW": lambda p, b: write(p, samples(b), **CONTIGUOUS, compression="lzw", predictor=True),
    "zstd": lambda p, b: write(p, b, **PLANAR, compression="zstd", rowsperstrip=9),
    "BigTIFF": lambda p, b: write(p, b, **PAGES, bigtiff=True),
    "big-endian": lambda p, b: write(p, b, **PLANAR, byteorder=">"),
    "samples as pages (40 pages of 60×7)": lambda p, b: write(p, samples(b)),
    "axes the wrong way round": lambda p, b: write(
        p, b.transpose(0, 2, 1), **PAGES, metadata={"axes": "CXY"}
    ),
    "canonical": lambda p, b: write_canonical(p, b, [f"b{at}" for at in range(len(b))]),
}


@pytest.mark.parametrize("n_bands", [5, 6, 7])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_bands_that_were_written(
    tmp_path: Path, layout: str, dtype: str, n_bands: int
) -> None:
    bands = make_bands(n_bands, dtype)
    LAYOUTS[layout](tmp_path / "a.tif", bands)
    stack = read_stack(tmp_path / "a.tif", (n_bands,))
    assert stack.bands.dtype == bands.dtype
    np.testing.assert_array_equal(stack.bands, bands)


@pytest.mark.parametrize("shape", [(7, 40, 4), (7, 40, 3), (7, 3, 40), (7, 4, 4)])
def test_narrow_images_are_not_taken_for_colour(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    # tifffile writes bands × H × 4 as RGBA of height 7.
    bands = make_bands(*shape[:1], "uint16", *shape[1:])
    tifffile.imwrite(tmp_path / "a.tif", bands, photometric="rgb" if shape[2] in (3, 4) else "minisblack")
    np.testing.assert_array_equal(read_stack(tmp_path / "a.tif", (7,)).bands, bands)


def test_declared_channels_win_over_an_image_as_wide_as_the_bands_are_many(tmp_path: Path) -> None:
    bands = make_bands(7, "uint16", 9, 7)
    tifffile.imwrite(tmp_path / "declared.tif", bands, photometric="minisblack", metadata={"axes": "CYX"})
    np.testing.assert_array_equal(read_stack(tmp_path / "declared.tif", (7,)).bands, bands)
    tifffile.imwrite(tmp_path / "planar.tif", bands, photometric="minisblack", planarconfig="separate")
    np.testing.assert_array_equal(read_stack(tmp_path / "planar.tif", (7,)).bands, bands)


def test_two_axes_that_fit_are_refused_not_guessed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", make_bands(7, "uint16", 9, 7), photometric="minisblack")
    with pytest.raises(CaptureRejected, match=r"'a\.tif': exactly one axis must be the bands \(7\).*7×9×7"):
        read_stack(tmp_path / "a.tif", (7,))


@pytest.mark.parametrize("n_bands", [1, 3, 6, 8])
def test_another_number_of_bands_is_rejected(tmp_path: Path, n_bands: int) -> None:
    bands = make_bands(n_bands, "uint8")
    tifffile.imwrite(tmp_path / "a.tif", bands[0] if n_bands == 1 else bands, photometric="minisblack")
    with pytest.raises(CaptureRejected, match="the file must have 7 bands, got") as caught:
        read_stack(tmp_path / "a.tif", (7,))
    assert caught.value.code is CaptureCode.BAND_COUNT


def test_a_single_band_may_be_asked_for(tmp_path: Path) -> None:
    bands = make_bands(1, "uint16")
    tifffile.imwrite(tmp_path / "a.tif", bands[0], photometric="minisblack")
    np.testing.assert_array_equal(read_stack(tmp_path / "a.tif", (1, 2, 3)).bands, bands)


def test_a_thumbnail_after_the_bands_is_left_out(tmp_path: Path) -> None:
    bands = make_bands()
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for band in bands:
            writer.write(band, photometric="minisblack", metadata=None)
        writer.write(bands[0, ::4, ::4], photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(read_stack(tmp_path / "a.tif", (7,)).bands, bands)


def test_labels_are_found_in_each_convention(tmp_path: Path) -> None:
    bands = make_bands()
    path = tmp_path / "a.tif"
    write(path, bands, imagej=True, metadata={"axes": "CYX", "Labels": NAMES})
    assert read_stack(path).labels == tuple(NAMES)
    write(path, bands, ome=True, metadata={"axes": "CYX", "Channel": {"Name": NAMES}})
    assert read_stack(path).labels == tuple(NAMES)
    write_gdal(path, bands, NAMES)
    assert read_stack(path).labels == tuple(NAMES)
    write(path, bands, photometric="minisblack", metadata={"Labels": NAMES})
    assert read_stack(path).labels == tuple(NAMES)
    write_canonical(path, bands, NAMES)
    assert read_stack(path).labels == tuple(NAMES)
    write(path, bands, photometric="minisblack")
    assert read_stack(path).labels is None


def test_labels_of_another_number_are_ignored(tmp_path: Path) -> None:
    write_gdal(tmp_path / "a.tif", make_bands(), NAMES[:3])
    assert read_stack(tmp_path / "a.tif").labels is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_agrees_with_pillow(orientation: int) -> None:
    image = Image.fromarray(make_bands(1, "uint8")[0])
    image.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(orient(np.asarray(image)[None], orientation)[0], expected)


def test_the_orientation_tag_turns_a_stack(tmp_path: Path) -> None:
    bands = make_bands()
    tag = (274, "H", 1, 3, True)
    tifffile.imwrite(
        tmp_path / "a.tif", bands, photometric="minisblack", planarconfig="separate", extratags=[tag]
    )
    np.testing.assert_array_equal(read_stack(tmp_path / "a.tif").bands, bands[:, ::-1, ::-1])


def test_inverted_intensities_are_rejected(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", make_bands(), photometric="miniswhite")
    with pytest.raises(CaptureRejected, match=r"photometric interpretation must be.*MINISWHITE"):
        read_stack(tmp_path / "a.tif")


def test_complex_numbers_are_rejected(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", make_bands(7, "complex64"), photometric="minisblack")
    with pytest.raises(CaptureRejected, match="data type must be integer or float, got complex64"):
        read_stack(tmp_path / "a.tif")


@pytest.mark.parametrize("content", [b"", b"II*\0", b"not an image at all", b"version https://git-lfs"])
def test_what_is_no_tiff_is_unreadable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(CaptureRejected, match="file must be a whole image") as caught:
        read_stack(tmp_path / "a.tif")
    assert caught.value.code is CaptureCode.UNREADABLE


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(CaptureRejected, match="FileNotFoundError"):
        read_stack(tmp_path / "a.tif")


def test_a_header_of_terabytes_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, make_bands(), photometric="minisblack", planarconfig="separate", compression="deflate"
    )
    with tifffile.TiffFile(path) as tiff:
        at = {
            name: tiff.pages.first.tags[name].valueoffset
            for name in ("ImageLength", "ImageWidth", "RowsPerStrip")
        }
    blob = bytearray(path.read_bytes())
    for offset in at.values():
        blob[offset : offset + 2] = (60_000).to_bytes(2, "little")
    path.write_bytes(blob)
    with pytest.raises(CaptureRejected, match="header must fit the file"):
        read_stack(path)


def test_the_canonical_file_is_one_page_of_contiguous_samples(tmp_path: Path) -> None:
    bands = make_bands()
    write_canonical(tmp_path / "a.tif", bands, NAMES)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        page = tiff.pages.first
        assert len(tiff.pages) == 1
        assert (page.samplesperpixel, page.planarconfig, page.photometric) == (7, 1, 1)
        assert (page.compression, page.imagewidth, page.imagelength) == (8, 60, 40)
        assert page.bitspersample == 16
        assert len(page.extrasamples) == 6
        assert 'sample="5" role="description">UV3<' in page.tags.valueof(42112)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), np.moveaxis(bands, 0, -1))


def test_the_canonical_file_needs_a_name_per_band(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"names must be one per band \(7\), got 3"):
        write_canonical(tmp_path / "a.tif", make_bands(), NAMES[:3])
    with pytest.raises(ValueError, match=r"two bands or more, got \(1, 40, 60\)"):
        write_canonical(tmp_path / "a.tif", make_bands(1), NAMES[:1])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("n_bands", [5, 7])
def test_rasterio_opens_the_canonical_file_whole_with_its_names(
    tmp_path: Path, dtype: str, n_bands: int
) -> None:
    rasterio = pytest.importorskip("rasterio")
    bands = make_bands(n_bands, dtype)
    write_canonical(tmp_path / "a.tif", bands, NAMES[:n_bands])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(tmp_path / "a.tif") as dataset:
            assert dataset.descriptions == tuple(NAMES[:n_bands])
            np.testing.assert_array_equal(dataset.read(), bands)


def test_imagej_cannot_take_the_first_band_for_the_whole_file(tmp_path: Path) -> None:
    # ImageJ's own TiffDecoder shows the first of several planes as if it were all; it refuses contiguous
    # samples other than 1, 3 or 4, and Fiji then offers Bio-Formats, which opens every band.
    write_canonical(tmp_path / "a.tif", make_bands(), NAMES)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        page = tiff.pages.first
        assert page.planarconfig == 1
        assert page.samplesperpixel not in (1, 3, 4)
        assert not tiff.is_imagej


@pytest.mark.parametrize(
    ("dtype", "stored"), [("uint8", "uint8"), ("uint16", "uint16"), ("float64", "float32")]
)
def test_an_imagej_stack_has_a_channel_per_band_with_its_name(
    tmp_path: Path, dtype: str, stored: str
) -> None:
    bands = make_bands(dtype=dtype)
    write_imagej(tmp_path / "a.tif", bands, NAMES)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_imagej
        assert (tiff.series[0].axes, tiff.series[0].shape) == ("CYX", bands.shape)
        assert tiff.pages.first.compression == 1  # ImageJ ignores the names of compressed pages
        assert tiff.imagej_metadata is not None
        assert tiff.imagej_metadata["Labels"] == NAMES
    stack = read_stack(tmp_path / "a.tif")
    assert (stack.labels, stack.bands.dtype) == (tuple(NAMES), np.dtype(stored))
    np.testing.assert_array_equal(stack.bands, bands.astype(stored))
    with pytest.raises(ValueError, match=r"names must be one per band \(7\), got 3"):
        write_imagej(tmp_path / "b.tif", bands, NAMES[:3])


_IMAGEJ = Path("/usr/share/java/ij.jar")
_PRINT = """
open("{path}");
getDimensions(width, height, channels, slices, frames);
print(channels + " " + slices + " " + frames);
for (at = 1; at <= nSlices; at++) {{ setSlice(at); print(getInfo("slice.label") + " " + getPixel(7, 3)); }}
"""


@pytest.mark.skipif(
    not (_IMAGEJ.is_file() and shutil.which("java") and shutil.which("xvfb-run")),
    reason="ImageJ is not there (Debian: apt install imagej xvfb xauth)",
)
def test_file_open_of_imagej_shows_every_channel_with_its_name(tmp_path: Path) -> None:
    bands = make_bands()
    write_imagej(tmp_path / "a.tif", bands, NAMES)
    (tmp_path / "print.ijm").write_text(_PRINT.format(path=tmp_path / "a.tif"))
    command = [
        "xvfb-run",
        "-a",
        "java",
        "-cp",
        str(_IMAGEJ),
        "ij.ImageJ",
        "-batch",
        str(tmp_path / "print.ijm"),
    ]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split("\n")
    assert lines[0] == "7 1 1"
    assert lines[1:8] == [f"{name} {band[3, 7]}" for name, band in zip(NAMES, bands, strict=True)]
