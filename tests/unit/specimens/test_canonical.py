"""Canonical captures hold what was measured, registered, and read back as the same capture."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.imaging import CaptureFiles
from xmodal_pipeline.imaging.registration import Registration
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.canonical import canonical_capture, canonical_captures

ROWS, COLUMNS = np.indices((20, 30))
INSIDE = (ROWS > 4) & (ROWS < 15) & (COLUMNS > 6) & (COLUMNS < 20)
COUNTS = np.random.default_rng(0).integers(0, 60000, (6, 20, 30)).astype(np.uint16)


def shifted(dx, status="corrected"):
    return Registration(dx, 0.0, status=status)


def canonical(files, settings, registration=None):
    return canonical_capture(files, open_study(files.rgb_path.parent, settings, [files]), registration)


def stack(tmp_path):
    path = tmp_path / "a.tif"
    bands = np.concatenate([COUNTS, INSIDE[None].astype(np.uint16)])
    tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="separate")
    return CaptureFiles("a", "a", path)


def test_counts_stay_counts_and_the_mask_has_one_level(tmp_path):
    image = canonical(stack(tmp_path), SpecimensParams(scale="uint16"))
    assert image.names == ("R", "G", "B", "UV1", "UV2", "UV3", "mask")
    assert image.bands.dtype == np.uint16
    np.testing.assert_array_equal(image.bands[:6], COUNTS)
    np.testing.assert_array_equal(image.bands[6], INSIDE * 255)


def test_only_a_corrected_uv_is_moved(tmp_path):
    files, specimens = stack(tmp_path), SpecimensParams(scale="uint16")
    moved = canonical(files, specimens, shifted(3.0)).bands
    np.testing.assert_array_equal(moved[:3], COUNTS[:3])
    np.testing.assert_array_equal(moved[3:6, :, :-3], COUNTS[3:, :, 3:])
    half = canonical(files, specimens, shifted(0.5)).bands
    mean = (COUNTS[3:, :, :-1].astype(float) + COUNTS[3:, :, 1:]) / 2
    np.testing.assert_allclose(half[3:6, :, :-1], mean, atol=0.5)
    failed = canonical(files, specimens, shifted(3.0, "failed")).bands
    np.testing.assert_array_equal(failed[:6], COUNTS)


@pytest.mark.parametrize(("dtype", "scale"), [(np.uint16, "uint16"), (np.float32, "unit")])
def test_a_moved_uv_is_rounded_only_where_its_numbers_are_whole(tmp_path, dtype, scale):
    unit = 1 if dtype is np.uint16 else 65535
    bands = np.concatenate([COUNTS / unit, INSIDE[None]]).astype(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="separate")
    moved = canonical(CaptureFiles("a", "a", path), SpecimensParams(scale=scale), shifted(0.25)).bands
    between = 0.75 * bands[3:6, :, :-1].astype(float) + 0.25 * bands[3:6, :, 1:]
    expected = np.rint(between) if dtype is np.uint16 else between
    assert moved.dtype == dtype
    np.testing.assert_allclose(moved[3:6, :, :-1], expected, rtol=1e-6, atol=1e-6)


def test_a_pair_becomes_one_file_of_its_own_bands(tmp_path):
    rgb = (COUNTS[:3] >> 8).astype(np.uint8).transpose(1, 2, 0)
    alpha = (INSIDE * 255).astype(np.uint8)
    Image.fromarray(np.dstack([rgb, alpha])).save(tmp_path / "a_vis.png")
    Image.fromarray((COUNTS[3] >> 8).astype(np.uint8)).save(tmp_path / "a_uv.png")
    specimens = SpecimensParams(rgb_suffix="_vis", uv_suffix="_uv", mask="alpha", scale="uint8")
    files = CaptureFiles("a", "a", tmp_path / "a_vis.png", tmp_path / "a_uv.png")
    image = canonical(files, specimens)
    assert image.names == ("R", "G", "B", "UV1", "mask")
    assert image.bands.dtype == np.uint8
    np.testing.assert_array_equal(image.bands[:4], COUNTS[:4] >> 8)
    np.testing.assert_array_equal(image.bands[4], alpha)


def test_percent_stays_percent_and_beyond_white(tmp_path):
    path = tmp_path / "a.tif"
    bands = (COUNTS[:5] / 500).astype(np.float32)  # up to 120 %
    labels = ["visible:R", "visible:G", "visible:B", "uv:B", "uv:R"]
    tifffile.imwrite(path, bands, imagej=True, metadata={"axes": "ZYX", "Labels": labels})
    specimens = SpecimensParams(layout="micatoolbox", mask="none", scale="percent")
    image = canonical(CaptureFiles("a", "a", path), specimens)
    assert image.names == ("vR", "vG", "vB", "uB", "uR", "mask")
    np.testing.assert_array_equal(image.bands[:5], bands)
    assert (image.bands[5] == 1).all()


def test_captures_are_read_when_called_and_not_before(tmp_path):
    stack(tmp_path)
    index = pd.DataFrame(
        {"capture_id": ["a"], "specimen_id": ["a"], "filename": ["a.tif"], "uv_filename": [""]}
    )
    registration = pd.DataFrame({"capture_id": [], "status": []})
    specimens = SpecimensParams(scale="uint16")
    functions = canonical_captures(index, registration, open_study(tmp_path, specimens, []))
    (tmp_path / "a.tif").unlink()
    with pytest.raises(ValueError, match=r"'a\.tif'"):
        functions["a"]()


def test_separate_views_share_no_file(tmp_path):
    specimens = SpecimensParams(rgb_suffix="_v", uv_suffix="_u", registration="off", scale="uint8")
    with pytest.raises(ParametersError, match="canonical: the two photographs of a pair must lie on one"):
        canonical_captures(pd.DataFrame(), pd.DataFrame(), open_study(tmp_path, specimens, []))
