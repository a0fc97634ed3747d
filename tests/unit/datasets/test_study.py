"""Where captures are, in a project that is moved."""

import json
import shutil
from pathlib import Path

import pytest

from xmodal_pipeline.datasets.study import CaptureFolderDataset, StudyDataset
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ingest import SpecimensParams


def make_study(root: Path, *, is_simulated: bool) -> Study:
    return Study(
        root=root,
        is_simulated=is_simulated,
        settings=SpecimensParams(),
        scale="unit",
        colour_units="relative",
        rgb_bands=("R",),
        uv_bands=("U",),
    )


@pytest.mark.parametrize("is_simulated", [True, False])
def test_a_moved_project_finds_its_own_simulated_captures_and_real_ones_where_they_were(
    tmp_path, is_simulated
):
    captures = tmp_path / "here" / "01_raw" / "demo" / "captures"
    captures.mkdir(parents=True)
    folder, study = (
        captures.parent / "capture_folder.json",
        tmp_path / "here" / "02_intermediate" / "demo" / "study.json",
    )
    CaptureFolderDataset(filepath=str(folder)).save({"root": str(captures), "is_simulated": is_simulated})
    StudyDataset(filepath=str(study)).save(make_study(captures, is_simulated=is_simulated))
    assert (str(tmp_path) in folder.read_text() + study.read_text()) == (not is_simulated)
    shutil.move(tmp_path / "here", tmp_path / "there")
    expected = tmp_path / ("there" if is_simulated else "here") / "01_raw" / "demo" / "captures"
    moved = [Path(str(path).replace("here", "there")) for path in (folder, study)]
    assert CaptureFolderDataset(filepath=str(moved[0])).load() == {
        "root": str(expected),
        "is_simulated": is_simulated,
    }
    assert StudyDataset(filepath=str(moved[1])).load().root == expected


def test_files_of_an_earlier_version_name_an_absolute_folder(tmp_path):
    file = tmp_path / "capture_folder.json"
    file.write_text(json.dumps({"root": "/somewhere/else", "is_simulated": True}))
    assert CaptureFolderDataset(filepath=str(file)).load()["root"] == "/somewhere/else"
