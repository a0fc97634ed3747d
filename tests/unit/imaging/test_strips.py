"""A large photograph is worked on in strips of rows: the numbers are those of the whole."""

import numpy as np
import pytest
from scipy import ndimage

from xmodal_pipeline.imaging import mask as masks
from xmodal_pipeline.imaging import structure
from xmodal_pipeline.imaging.capture import Capture
from xmodal_pipeline.imaging.quality import capture_quality
from xmodal_pipeline.imaging.registration import lay_mask
from xmodal_pipeline.imaging.scale import to_unit
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import QualityParams, SpecimensParams
from xmodal_pipeline.specimens.band_histograms import count_values

ROWS, COLUMNS = np.indices((60, 80))
INSIDE = (np.hypot(ROWS - 30, COLUMNS - 44) < 22) & ~(np.hypot(ROWS - 30, COLUMNS - 44) < 6)


def capture(shift: int = 0) -> Capture:
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.standard_normal((6, 60, 80)), (0, 1.5, 1.5))
    bands = (0.4 + 0.5 * texture + 0.002 * rng.standard_normal((6, 60, 80))).astype(np.float32)
    bands[4] = bands[3]
    uv_mask = INSIDE if not shift else lay_mask(INSIDE, shift_by(shift))
    return Capture(bands[:3], bands[3:], INSIDE, uv_mask)


def shift_by(pixels: int) -> np.ndarray:
    return np.array([[1, 0, pixels], [0, 1, -pixels], [0, 0, 1.0]])


@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize("strip_px", [80, 400, 80 * 59])
def test_quality_does_not_depend_on_the_strips(monkeypatch, strip_px, shift):
    study = open_study("", SpecimensParams(scale="unit"), [])
    to_uv = shift_by(shift) if shift else None

    def judge():
        return capture_quality(capture(shift), study, QualityParams(), ceiling=0.9, to_uv=to_uv)

    rows, codes = judge()
    assert "DUPLICATED_BAND" in codes
    monkeypatch.setattr(structure, "_STRIP_PX", strip_px)
    in_strips, codes_in_strips = judge()
    assert codes_in_strips == codes
    for row, again in zip(rows, in_strips, strict=True):
        for key, value in row.items():
            assert again[key] == (value if isinstance(value, str) else pytest.approx(value, rel=2e-6)), key


def test_histograms_are_counted_in_strips(monkeypatch):
    bands = capture().rgb
    whole = count_values(bands, INSIDE)
    assert whole.sum() == 3 * INSIDE.sum()
    monkeypatch.setattr(structure, "_STRIP_PX", 100)
    np.testing.assert_array_equal(count_values(bands, INSIDE), whole)


def test_strips_cover_each_row_once_and_show_their_neighbours():
    seen = []
    for rows, kept in structure.row_strips((10, structure._STRIP_PX // 3), 2):
        taken = np.arange(10)[rows]
        seen += taken[kept].tolist()
        assert taken[0] == max(0, taken[kept][0] - 2)
        assert taken[-1] == min(9, taken[kept][-1] + 2)
    assert seen == list(range(10))


def test_holes_are_those_of_scipy():
    rng = np.random.default_rng(0)
    for share in (0.3, 0.5, 0.6, 0.7):
        mask = ndimage.gaussian_filter(rng.random((50, 60)), 1) > np.quantile(
            ndimage.gaussian_filter(rng.random((50, 60)), 1), 1 - share
        )
        np.testing.assert_array_equal(masks._fill_holes(mask), ndimage.binary_fill_holes(mask))
    for plain in (np.zeros((4, 4), bool), np.ones((4, 4), bool)):
        np.testing.assert_array_equal(masks._fill_holes(plain), plain)


def test_the_soft_edge_is_trimmed_as_by_a_maximum_filter():
    rng = np.random.default_rng(1)
    departure = ndimage.gaussian_filter(rng.random((50, 60)), 2).astype(np.float32)
    departure = departure**8 / (departure**8).max()
    mask = departure > np.quantile(departure, 0.4)
    expected = mask
    for _ in range(2):
        inner = ndimage.binary_erosion(expected, structure=np.ones((3, 3)), border_value=1)
        height = ndimage.maximum_filter(np.where(expected, departure, 0), size=3)
        expected = expected & (inner | (departure >= height / 2))
    np.testing.assert_array_equal(masks._trim_soft_edge(mask, departure), expected)


@pytest.mark.parametrize("order", ["C", "F"])
def test_bands_in_unit_scale_lie_one_after_the_other(order):
    stored = np.moveaxis(np.full((4, 5, 3), 51, np.uint8, order=order), -1, 0)
    unit = to_unit(stored, "uint8")
    assert unit.flags.c_contiguous
    np.testing.assert_allclose(unit, 0.2)
