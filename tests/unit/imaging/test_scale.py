"""Unit scale, and the one decision per study."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.scale import resolve_scale, to_unit
from xmodal_pipeline.params.ingest import Scale, SpecimensParams

AUTO = SpecimensParams()


def write_study(folder: Path, stacks: list[np.ndarray]) -> list[CaptureFiles]:
    files = []
    for at, bands in enumerate(stacks):
        path = folder / f"c{at}.tif"
        tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="separate")
        files.append(CaptureFiles(path.stem, path.stem, path))
    return files


def stack(peak: float, dtype: str, *, mask_level: float = 1, seed: int = 0) -> np.ndarray:
    bands = np.random.default_rng(seed).random((7, 20, 24)) * peak
    bands[0, 0, 0] = peak
    bands[6] = np.indices((20, 24))[1] // 12 * mask_level
    return bands.astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "peak", "mask_level", "expected"),
    [
        ("uint8", 60, 255, "uint8"),
        ("uint16", 60000, 255, "uint16"),
        ("uint16", 17000, 1, "uint16"),
        ("float32", 1.0, 255, "unit"),
        ("float32", 0.3, 1, "unit"),
        ("float64", 1.2, 1, "unit"),
        ("float32", 100.0, 255, "percent"),
        ("float32", 35.0, 1, "percent"),
        ("float32", 130.0, 65535, "percent"),
    ],
)
def test_auto_tells_the_scales_apart(
    tmp_path: Path, dtype: str, peak: float, mask_level: float, expected: Scale
) -> None:
    files = write_study(tmp_path, [stack(peak, dtype, mask_level=mask_level, seed=seed) for seed in range(3)])
    assert resolve_scale(files, AUTO) == expected


@pytest.mark.parametrize(
    ("stacks", "message"),
    [
        ([stack(4095, "uint16", mask_level=65535)], "uint16 numbers that end at 4095: 12- or 14-bit"),
        ([stack(16383, "uint16")], "12- or 14-bit counts"),
        ([stack(255, "uint16")], "uint16 numbers that end at 255"),
        ([stack(5.0, "float32")], "float numbers whose bright parts start at 4.9"),
        ([stack(4095.0, "float32")], "set specimens.scale to percent"),
        ([np.rint(stack(140, "float32"))], "float numbers"),
        ([stack(1.0, "float32"), stack(100.0, "float32")], "float numbers"),
        ([stack(200, "uint8"), stack(60000, "uint16")], "data types uint16, uint8 side by side"),
        ([stack(200, "uint8"), stack(1, "float32")], "data types float, uint8 side by side"),
        ([stack(9000, "int16")], "data type int16"),
    ],
)
def test_auto_refuses_when_it_cannot_tell(tmp_path: Path, stacks: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=f"specimens.scale: auto must be able to tell.*{message}"):
        resolve_scale(write_study(tmp_path, stacks), AUTO)


def test_one_bright_capture_is_enough_to_know_sixteen_bits(tmp_path: Path) -> None:
    dark = [stack(9000, "uint16", seed=seed) for seed in range(4)]
    assert resolve_scale(write_study(tmp_path, [*dark, stack(50000, "uint16")]), AUTO) == "uint16"


def test_unreadable_captures_do_not_decide(tmp_path: Path) -> None:
    files = write_study(tmp_path, [stack(200, "uint8"), stack(200, "uint8")])
    files[0].rgb_path.write_bytes(b"")
    assert resolve_scale(files, AUTO) == "uint8"
    files[1].rgb_path.write_bytes(b"")
    assert resolve_scale(files, AUTO) == "unit"  # each is rejected by its own reason later


def test_an_explicit_scale_reads_nothing() -> None:
    assert resolve_scale([], SpecimensParams(scale="percent")) == "percent"


@pytest.mark.parametrize(
    ("scale", "stored", "expected"),
    [
        ("uint8", np.array([0, 51, 255], np.uint8), [0, 0.2, 1]),
        ("uint16", np.array([0, 13107, 65535], np.uint16), [0, 0.2, 1]),
        ("percent", np.array([-3, 20, 130], np.float32), [-0.03, 0.2, 1.3]),
        ("unit", np.array([-0.03, 0.2, 1.3], np.float64), [-0.03, 0.2, 1.3]),
    ],
)
def test_unit_scale_is_a_division_without_clipping(
    scale: Scale, stored: np.ndarray, expected: list[float]
) -> None:
    unit = to_unit(stored[:, None, None], scale)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit.ravel(), expected, rtol=1e-6)
