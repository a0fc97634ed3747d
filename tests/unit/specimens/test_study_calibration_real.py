"""Eight real Spectralon standards, photographed with a video profile: not linear, and it must show."""

import csv

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.discovery import capture_files, discover_captures
from xmodal_pipeline.specimens.study_calibration import calibrate_study

STANDARDS = ("99", "80", "60", "40", "20", "10", "5", "2")
CHANNELS = {"R": "R", "G": "G", "B": "B", "UV1": "U", "UV2": "U", "UV3": "U"}
"""The camera's sensitivity behind each band; one UV filter stands before all three of the UV photograph."""
RADIUS = 400


@pytest.fixture
def study(realdata, tmp_path):
    folder = realdata / "video2vision_uv_vis"
    spectra, light, camera = (
        pd.read_csv(folder / f"{name}.csv", index_col="wl").loc[300:700]
        for name in ("spectralon_samples", "camera_illumination", "camera_sensitivities")
    )
    camera = camera.reindex(spectra.index).fillna(0)
    weight = camera.mul(light["dat"], axis=0)
    reflectance = {
        band: spectra.mul(weight[channel], axis=0).sum() / weight[channel].sum() / 100
        for band, channel in CHANNELS.items()
    }
    centres = np.loadtxt(folder / "sample_points.csv", delimiter=",")
    sides = {"x_vis.jpg": ("R", "G", "B"), "x_uv.jpg": ("UV1", "UV2", "UV3")}
    for name, source in zip(sides, ("vis_sample.jpg", "uv_aligned_sample.jpg"), strict=True):
        (tmp_path / name).symlink_to(folder / source)
    with (tmp_path / "standards.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "x", "y", "radius", *CHANNELS])
        for name, bands in sides.items():
            for (x, y), standard in zip(centres, STANDARDS, strict=True):
                values = [reflectance[band][standard] if band in bands else "" for band in CHANNELS]
                writer.writerow([name, x, y, RADIUS, *values])
    return tmp_path


@pytest.mark.parametrize(("encoding", "low", "high"), [("srgb", 0.91, 0.94), ("linear", 0.81, 0.86)])
def test_every_band_of_a_video_profile_is_flagged(study, encoding, low, high):
    specimens = SpecimensParams(
        root=study,
        rgb_suffix="_vis",
        uv_suffix="_uv",
        scale="uint8",
        mask="none",
        encoding=encoding,
        grey_standards="standards.csv",
    )
    captures = discover_captures(study, specimens)[0].assign(specimen_id="x")
    calibration = calibrate_study(
        captures, open_study(study, specimens, capture_files(captures, study)), n_jobs=1
    )
    assert list(calibration["band"]) == list(CHANNELS)
    assert (calibration["n_used"] == len(STANDARDS)).all()
    # Rising lines prove that orientation was honoured: half a turn swaps bright and dark standards.
    assert (calibration["slope"] > 0).all()
    # Neither as stored nor after the sRGB curve are counts proportional to light: no band passes for good.
    assert calibration["r2"].between(low, high).all()
    assert calibration["flagged"].all()
