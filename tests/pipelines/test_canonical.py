"""Canonical TIFF files on request: what is written is read again as the same study."""

import re

import numpy as np
import pandas as pd
import pytest
import tifffile
from kedro.framework.cli.utils import KedroCliError
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from xmodal_pipeline.imaging.tiff import read_stack

# Figures have tests of their own; the summary, which waits for them, is written by the test.
INGEST = tuple(
    f"ingest.{name}"
    for name in (
        "provide_captures",
        "list_captures",
        "decide_study",
        "calibrate_captures",
        "examine_captures",
    )
)
SIMULATION = {
    "n_effect_species": 1,
    "n_pattern_species": 0,
    "n_redundant_species": 0,
    "n_plain_species": 0,
    "n_per_sex": 3,
    "fault_count": 0,
}


def run(project, pipeline, node_names=None, **params):
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="smoke", runtime_params=params) as session:
        return session.run(pipeline_names=[pipeline], node_names=node_names)


def primary(project, study, name):
    return pd.read_parquet(project / f"data/03_primary/{study}/{name}.parquet").set_index("capture_id")


def test_accepted_captures_become_files_that_are_the_same_study(project):
    run(project, "ingest", INGEST, study="first", simulation=SIMULATION)
    (project / "data/03_primary/first/ingest_summary.json").write_text("{}")
    run(project, "canonical", study="first", simulation=SIMULATION)

    folder = project / "data/03_primary/first/canonical"
    index, registration = (primary(project, "first", name) for name in ("specimen_index", "registration_qa"))
    files = {path.stem: path for path in folder.glob("*.tif")}
    assert sorted(files) == sorted(index.index)
    assert (registration["status"] == "corrected").sum() > len(index) / 2
    for capture, path in files.items():
        stack = read_stack(path, (7,))
        source = tifffile.imread(project / "data/01_raw/first/captures" / index.loc[capture, "filename"])
        assert stack.labels == ("R", "G", "B", "UV1", "UV2", "UV3", "mask")
        assert stack.bands.dtype == np.uint16
        np.testing.assert_array_equal(stack.bands[[0, 1, 2, 6]], source[[0, 1, 2, 6]])
        is_moved = registration.loc[capture, "status"] == "corrected"
        assert np.array_equal(stack.bands[3:6], source[3:6]) != is_moved
        twin = read_stack(folder.parent / "imagej" / path.name, (7,))
        assert twin.labels == stack.labels
        np.testing.assert_array_equal(twin.bands, stack.bands)
    pictures = project / "data/08_reporting/first/presentation"
    kinds = ("rgb", "uv", "false_colour")
    assert {path.stem for path in pictures.glob("*.png")} == {
        f"{one}_{kind}" for one in files for kind in kinds
    }

    run(project, "ingest", INGEST, study="second", specimens={"root": str(folder), "scale": "uint16"})
    again = primary(project, "second", "registration_qa")
    moved = registration.index[registration["status"] == "corrected"]
    # What is left is the shift less what was undone.
    left = again.loc[moved, ["dx_px", "dy_px"]].abs().to_numpy()
    assert np.median(left) < 0.2
    assert left.max() < 1
    assert sorted(primary(project, "second", "specimen_index").index) == sorted(index.index)


def test_it_says_what_must_run_before(project):
    message = "canonical: needs calibration, ingest_summary, .*study; run 'kedro run --pipelines ingest'$"
    with pytest.raises(KedroCliError, match=re.compile(message)):
        run(project, "canonical")
    assert not list((project / "data").rglob("*.tif"))


def test_it_is_no_stage_of_the_default_run(project):
    from xmodal_pipeline.pipeline_registry import register_pipelines

    bootstrap_project(project)
    pipelines = register_pipelines()
    assert "canonical" in pipelines
    assert "canonical_captures" not in pipelines["__default__"].outputs()
