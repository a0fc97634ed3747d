"""What reading a capture once says about it."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage

from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import QualityParams, RegistrationParams, SpecimensParams
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.examination import examine_captures

SIZE = 128


def write_capture(folder, *, displacement):
    """Three bands each of RGB and UV, of which UV2 lies beside the others, and a mask."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    mask = np.hypot(x, y) < 45
    field = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), 3)
    plane = np.where(mask, 0.4 + 0.1 * field / field.std(), 0.04)
    gains = [1, 0.9, 0.8, 0.7, 0.6, 0.5]
    bands = np.stack([gain * plane + 0.003 * rng.standard_normal(plane.shape) for gain in gains])
    bands[4] = ndimage.shift(bands[4], displacement, order=3, mode="nearest")
    counts = np.round(65535 * np.clip(bands, 0, 1)).astype(np.uint16)
    outline = (255 * mask[None]).astype(np.uint16)
    kind = {"planarconfig": "separate", "photometric": "minisblack"}
    tifffile.imwrite(folder / "stack.tif", np.concatenate([counts, outline]), **kind)
    tifffile.imwrite(folder / "a_vis.tif", counts[:3], **kind)
    tifffile.imwrite(folder / "a_uv.tif", counts[3:], **kind)


@pytest.mark.parametrize(
    ("displacement", "registration"), [((0, 0), "correct"), ((3, -6), "correct"), ((3, -6), "off")]
)
def test_a_band_of_a_stack_that_lies_beside_the_others_is_flagged(tmp_path, displacement, registration):
    write_capture(tmp_path, displacement=displacement)
    captures = pd.DataFrame(
        {"capture_id": ["a"], "specimen_id": ["a"], "filename": ["stack.tif"], "uv_filename": [""]}
    ).assign(flags="")
    settings = SpecimensParams(root=str(tmp_path), scale="uint16", registration=registration)
    study = open_study(tmp_path, settings, capture_files(captures, tmp_path))
    found = examine_captures(captures, pd.DataFrame(), study, RegistrationParams(), QualityParams(n_jobs=1))
    rows = found.quality_report.set_index("band")
    is_moved = displacement != (0, 0)
    assert ("DISPLACED_BAND" in found.specimen_index["flags"][0]) is is_moved
    assert rows.index[rows["flags"] == "DISPLACED_BAND"].tolist() == (["UV2"] if is_moved else [])
    assert rows.loc["UV2", ["dy_px", "dx_px"]].tolist() == pytest.approx(displacement, abs=0.1)
    assert not rows.drop("UV2")[["dx_px", "dy_px"]].to_numpy().any()


def test_the_bands_of_one_photograph_are_not_compared(tmp_path):
    write_capture(tmp_path, displacement=(3, -6))
    captures = pd.DataFrame(
        {"capture_id": ["a"], "specimen_id": ["a"], "filename": ["a_vis.tif"], "uv_filename": ["a_uv.tif"]}
    ).assign(flags="")
    settings = SpecimensParams(
        root=str(tmp_path), scale="uint16", rgb_suffix="_vis", uv_suffix="_uv", mask="none"
    )
    study = open_study(tmp_path, settings, capture_files(captures, tmp_path))
    found = examine_captures(captures, pd.DataFrame(), study, RegistrationParams(), QualityParams(n_jobs=1))
    assert len(found.quality_report) == 6
    assert "DISPLACED_BAND" not in found.specimen_index["flags"][0]
