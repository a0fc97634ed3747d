"""Photographs of a pair: upright, with all their bits, alpha apart."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from xmodal_pipeline.errors import CaptureCode, CaptureRejected
from xmodal_pipeline.imaging.photograph import read_header, read_photograph

ROWS, COLUMNS = np.indices((6, 9))
PLANES = np.stack([ROWS * 20, COLUMNS * 10, ROWS + COLUMNS, (COLUMNS > 3) * 255]).astype(np.uint8)


def pixels(n_samples: int) -> np.ndarray:
    return np.ascontiguousarray(PLANES[:n_samples].transpose(1, 2, 0))


def test_png_bands_in_order(tmp_path: Path) -> None:
    Image.fromarray(pixels(3)).save(tmp_path / "a.png")
    photograph = read_photograph(tmp_path / "a.png", (3,))
    np.testing.assert_array_equal(photograph.bands, PLANES[:3])
    assert photograph.alpha is None


def test_jpeg_bands_in_order(tmp_path: Path) -> None:
    flat = np.zeros((16, 16, 3), np.uint8) + np.array([200, 100, 50], np.uint8)
    Image.fromarray(flat).save(tmp_path / "a.jpg", quality=95)
    bands = read_photograph(tmp_path / "a.jpg", (3,)).bands
    np.testing.assert_allclose(bands.mean((1, 2)), [200, 100, 50], atol=2)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_alpha_is_set_apart(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "png":
        Image.fromarray(pixels(4)).save(path)
    else:
        tifffile.imwrite(path, pixels(4), photometric="rgb", extrasamples=["unassalpha"])
    photograph = read_photograph(path, (3,))
    np.testing.assert_array_equal(photograph.bands, PLANES[:3])
    np.testing.assert_array_equal(photograph.alpha, PLANES[3])


def test_grey_and_alpha(tmp_path: Path) -> None:
    Image.fromarray(pixels(4)[..., [0, 3]], "LA").save(tmp_path / "a.png")
    photograph = read_photograph(tmp_path / "a.png", (1, 2, 3))
    np.testing.assert_array_equal(photograph.bands, PLANES[:1])
    np.testing.assert_array_equal(photograph.alpha, PLANES[3])


def test_two_uv_bands_are_not_grey_and_alpha(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANES[:2], photometric="minisblack", planarconfig="separate")
    photograph = read_photograph(tmp_path / "a.tif", (1, 2, 3))
    np.testing.assert_array_equal(photograph.bands, PLANES[:2])
    assert photograph.alpha is None


def test_a_grey_photograph_is_one_band(tmp_path: Path) -> None:
    Image.fromarray(PLANES[1]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.png", (1, 2, 3)).bands, PLANES[1:2])


@pytest.mark.parametrize("n_samples", [1, 3, 4])
def test_deep_png_keeps_sixteen_bits(tmp_path: Path, n_samples: int) -> None:
    deep = np.maximum(pixels(4)[..., :n_samples].astype(np.uint16) * 257, 3) - np.uint16(3)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.ascontiguousarray(deep.squeeze())))
    photograph = read_photograph(tmp_path / "a.png", (1, 3))
    assert photograph.bands.dtype == np.uint16
    np.testing.assert_array_equal(photograph.bands, np.moveaxis(deep, -1, 0)[:3])
    assert (photograph.alpha is not None) == (n_samples == 4)


def test_a_palette_gives_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "a.png", transparency=0)
    photograph = read_photograph(tmp_path / "a.png", (3,))
    np.testing.assert_array_equal(photograph.bands[:, 0], [[10, 40], [20, 50], [30, 60]])
    np.testing.assert_array_equal(photograph.alpha, [[0, 255]])


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_exif_orientation_is_honoured(tmp_path: Path, suffix: str) -> None:
    # Bright at top left as stored; 3 means that the camera was held upside down.
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :8] = 250
    exif = Image.Exif()
    exif[274] = 3
    Image.fromarray(stored).save(tmp_path / f"a.{suffix}", exif=exif)
    bands = read_photograph(tmp_path / f"a.{suffix}", (3,)).bands
    assert bands[:, 8:, 24:].min() > 200
    assert bands[:, :8, :8].max() < 50


def test_exif_quarter_turn_of_a_deep_png(tmp_path: Path) -> None:
    deep = pixels(3).astype(np.uint16) * 257
    Image.fromarray(pixels(3)).save(tmp_path / "turned.png", exif=_exif(6))
    chunk = (tmp_path / "turned.png").read_bytes()
    at = chunk.index(b"eXIf") - 4
    length = int.from_bytes(chunk[at : at + 4], "big") + 12
    plain = imagecodecs.png_encode(deep)
    ihdr_end = 8 + 25
    (tmp_path / "a.png").write_bytes(plain[:ihdr_end] + chunk[at : at + length] + plain[ihdr_end:])
    bands = read_photograph(tmp_path / "a.png", (3,)).bands
    # 6: turn a quarter clockwise; the first row becomes the last column.
    np.testing.assert_array_equal(bands, np.rot90(np.moveaxis(deep, -1, 0), -1, axes=(1, 2)))


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def test_the_content_counts_not_the_name(tmp_path: Path) -> None:
    Image.fromarray(pixels(3)).save(tmp_path / "a.jpg", "PNG")
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.jpg", (3,)).bands, PLANES[:3])


def test_a_wrong_number_of_bands_is_rejected(tmp_path: Path) -> None:
    Image.fromarray(PLANES[0]).save(tmp_path / "a.png")
    with pytest.raises(CaptureRejected, match=r"band count of a\.png must be 3, got 1") as caught:
        read_photograph(tmp_path / "a.png", (3,))
    assert caught.value.code is CaptureCode.BAND_COUNT


def test_printing_inks_are_no_intensities(tmp_path: Path) -> None:
    Image.fromarray(pixels(4), "CMYK").save(tmp_path / "a.jpg")
    with pytest.raises(CaptureRejected, match="colour mode must be greyscale or RGB, got CMYK"):
        read_photograph(tmp_path / "a.jpg", (3,))


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_what_is_no_photograph_is_unreadable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(CaptureRejected, match=r"'a\.jpg': file must be") as caught:
        read_photograph(tmp_path / "a.jpg", (3,))
    assert caught.value.code is CaptureCode.UNREADABLE


@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [
        ("a.jpg", "RGB", ("JPEG", 3, "uint8", False)),
        ("a.jpg", "L", ("JPEG", 1, "uint8", False)),
        ("a.png", "RGBA", ("PNG", 3, "uint8", True)),
        ("a.png", "I;16", ("PNG", 1, "uint16", False)),
        ("a.tif", "RGBA", ("TIFF", 3, "uint8", True)),
    ],
)
def test_a_header_tells_bands_depth_and_alpha(tmp_path, name, mode, expected):
    Image.new(mode, (5, 7)).save(tmp_path / name)
    header = read_header(tmp_path / name, range(1, 5))
    assert (header.kind, header.n_bands, header.dtype, header.has_alpha) == expected
    assert (header.height_px, header.width_px, header.orientation) == (7, 5, 1)
