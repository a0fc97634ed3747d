import numpy as np
import pandas as pd
import pytest
import tifffile

from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.thumbnails import MOST, MOST_UNFLAGGED, SIDE_PX, _choose, _picture


def make_index(flags):
    return pd.DataFrame({"capture_id": [f"c{i:04d}" for i in range(len(flags))], "flags": flags})


def test_all_flagged_captures_and_a_spread_of_the_others():
    flags = ["SATURATED" if i % 50 == 3 else "" for i in range(1000)]
    chosen = _choose(make_index(flags))
    assert (chosen["flags"][:20] == "SATURATED").all()
    others = chosen["capture_id"][20:].tolist()
    assert len(others) == MOST_UNFLAGGED
    assert (others[0], others[-1]) == ("c0000", "c0999")
    assert len(set(chosen["capture_id"])) == len(chosen)


def test_a_rare_reason_is_not_crowded_out():
    flags = ["SATURATED"] * 900 + ["MISREGISTERED"] * 2 + [""] * 98
    chosen = _choose(make_index(flags))
    assert len(chosen) == MOST
    assert chosen["flags"].value_counts().to_dict() == {"SATURATED": MOST - 2, "MISREGISTERED": 2}


def test_a_small_study_is_shown_whole_and_an_empty_one_not_at_all():
    assert sorted(_choose(make_index(["", "DEAD_BAND", ""]))["capture_id"]) == ["c0000", "c0001", "c0002"]
    assert _choose(make_index([])).empty


@pytest.mark.parametrize("source", [None, "labels"])
def test_the_sheet_shows_the_patches_that_are_measured(tmp_path, source):
    bands = np.random.default_rng(0).random((7, SIDE_PX, SIDE_PX)).astype(np.float32)
    bands[6] = 0
    bands[6, 5:-5, 5:-5] = 1
    tifffile.imwrite(tmp_path / "a.tif", bands, photometric="minisblack", planarconfig="separate")
    labels = np.zeros((SIDE_PX, SIDE_PX), np.uint16)
    labels[30:60, 30:50] = 3
    tifffile.imwrite(tmp_path / "a_labels.tif", labels)
    files = CaptureFiles("a", "a", tmp_path / "a.tif")
    study = open_study(tmp_path, SpecimensParams(scale="unit", patches=source), [files])
    rgb, uv, _ = _picture(files, study, None, None)
    orange = (rgb == (230, 159, 0)).all(axis=-1)
    assert orange.any() == (source is not None)
    assert not (uv == (230, 159, 0)).all(axis=-1).any()
    if source:
        rows, columns = np.nonzero(orange)
        assert (rows.min(), rows.max()) == (pytest.approx(30, abs=2), pytest.approx(59, abs=2))
        assert (columns.min(), columns.max()) == (pytest.approx(30, abs=2), pytest.approx(49, abs=2))
