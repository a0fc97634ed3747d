"""Pictures for talks: of the right capture, with UV where registration put it, each capture read once."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens import presentation
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.presentation import presentation_images
from xmodal_pipeline.specimens.registered import read_registered

SIDE = 24
SHIFT = 3


@pytest.fixture
def study(tmp_path):
    """`low` has its UV bar at the bottom, `moved` on the right, three pixels off."""
    for name, place in {"low": np.s_[:, 16:20, :], "moved": np.s_[:, :, 16 + SHIFT : 20 + SHIFT]}.items():
        bands = np.zeros((7, SIDE, SIDE), np.uint16)
        bands[0], bands[6] = 40000, 255
        bands[6, 0] = 0
        bands[3:6][place] = 30000
        tifffile.imwrite(tmp_path / f"{name}.tif", bands, photometric="minisblack", planarconfig="separate")
    index = pd.DataFrame({"capture_id": ["low", "moved"], "specimen_id": ["low", "moved"]})
    index = index.assign(filename=index["capture_id"] + ".tif", uv_filename="")
    opened = open_study(tmp_path, SpecimensParams(scale="uint16"), capture_files(index, tmp_path))
    qa = pd.DataFrame({"capture_id": index["capture_id"], "status": ["ok", "corrected"]})
    qa = qa.assign(dx_px=[0.0, float(SHIFT)], dy_px=0.0, rotation_deg=0.0, scale=1.0)
    return opened, index, qa, pd.DataFrame()


def test_every_capture_has_three_pictures_of_itself(study, monkeypatch):
    read = []

    def note(files, *more):
        read.append(files.capture_id)
        return read_registered(files, *more)

    monkeypatch.setattr(presentation, "read_registered", note)
    made = presentation_images(*study)
    assert sorted(made) == [
        f"{name}_{kind}" for name in ("low", "moved") for kind in ("false_colour", "rgb", "uv")
    ]
    pictures = {name: np.asarray(made[name]()) for name in sorted(made)}
    assert read == ["low", "moved"]
    assert all(one.shape == (SIDE, SIDE, 3) for one in pictures.values())
    assert pictures["low_rgb"][5, 5].tolist() == [255, 0, 0]
    assert pictures["low_uv"][18, 5].tolist() == [255, 255, 255]
    assert not pictures["low_uv"][:16].any()
    assert pictures["moved_uv"][5, 16:20].min() == 255
    assert not pictures["moved_uv"][5, :16].any()
    assert pictures["moved_false_colour"][5, 17].tolist() == [0, 0, 255]


def test_separate_views_share_no_picture(tmp_path):
    specimens = SpecimensParams(rgb_suffix="_v", uv_suffix="_u", registration="off", scale="uint8")
    opened = open_study(tmp_path, specimens, [])
    with pytest.raises(ParametersError, match="registration off; set it to correct or check"):
        presentation_images(opened, pd.DataFrame(), pd.DataFrame(), pd.DataFrame())
