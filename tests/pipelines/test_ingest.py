"""What the nodes of `ingest` decide, each called as Kedro calls it."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.params.ingest import QualityParams, RegistrationParams, SimulationParams, SpecimensParams
from xmodal_pipeline.pipelines.ingest import nodes
from xmodal_pipeline.specimens.discovery import REJECTED_COLUMNS

ONE_JOB = QualityParams(n_jobs=1)


def write_stacks(folder, levels):
    rng = np.random.default_rng(0)
    folder.mkdir()
    for at, level in enumerate(levels):
        bands = np.rint(level * rng.uniform(0.2, 1, (7, 48, 48))).astype(np.uint16)
        bands[6] = 0
        bands[6, 8:40, 8:40] = 255
        path = folder / f"c{at}.tif"
        tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="separate")
    return folder


def test_a_folder_is_passed_through_and_simulated_specimens_are_made(tmp_path):
    folder = write_stacks(tmp_path / "mine", [60000])
    given, truth = nodes.provide_captures(
        SpecimensParams(root=folder), SimulationParams(), ONE_JOB, tmp_path / "simulated"
    )
    assert given == {"root": str(folder), "is_simulated": False}
    assert truth.empty
    small = SimulationParams(
        image_size_px=32,
        n_effect_species=1,
        n_pattern_species=0,
        n_redundant_species=0,
        n_plain_species=0,
        n_per_sex=2,
    )
    made, truth = nodes.provide_captures(SpecimensParams(), small, ONE_JOB, tmp_path / "simulated")
    assert made == {"root": str(tmp_path / "simulated"), "is_simulated": True}
    assert len(truth) == len(list((tmp_path / "simulated").glob("*.tif"))) > 0


def test_captures_come_with_labels_and_the_filter_names_what_it_left_out(tmp_path):
    folder = write_stacks(tmp_path / "mine", [60000] * 3)
    (folder / "metadata.csv").write_text("filename,sex\nc0.tif,M \nc1.tif,female\nc2.tif,m\nc9.tif,f\n")
    specimens = SpecimensParams(root=folder, filter="sex == 'm'")
    listed, unusable, changes = nodes.list_captures({"root": str(folder), "is_simulated": False}, specimens)
    assert listed["capture_id"].tolist() == ["c0", "c2"]
    assert dict(zip(unusable["filename"], unusable["code"], strict=True)) == {
        "c9.tif": "NO_CAPTURE",
        "c1.tif": "FILTERED",
    }
    assert changes[["found", "became"]].values.tolist() == [["M ", "m"], ["female", "f"]]


def test_the_study_is_decided_from_folder_settings_and_files(tmp_path):
    folder = write_stacks(tmp_path / "mine", [60000] * 2)
    where = {"root": str(folder), "is_simulated": False}
    specimens = SpecimensParams(root=folder, confounders=("session",), uv_name="Ventral")
    listed, _, _ = nodes.list_captures(where, specimens)
    study = nodes.decide_study(where, specimens, listed, RegistrationParams())
    assert (study.root, study.is_simulated, study.settings) == (folder, False, specimens)
    assert (study.scale, study.colour_units) == ("uint16", "uncalibrated")
    assert (study.settings.uv_name, study.confounders) == ("Ventral", ("session",))
    simulated = nodes.decide_study(where | {"is_simulated": True}, specimens, listed, RegistrationParams())
    assert (simulated.is_simulated, simulated.colour_units) == (True, "relative")


def test_examined_captures_are_accepted_or_named_with_what_was_unusable_before(tmp_path):
    folder = write_stacks(tmp_path / "mine", [60000] * 3)
    (folder / "c1.tif").write_bytes(b"II*\0broken")
    where, specimens = {"root": str(folder), "is_simulated": False}, SpecimensParams(root=folder)
    listed, _, _ = nodes.list_captures(where, specimens)
    study = nodes.decide_study(where, specimens, listed, RegistrationParams())
    before = pd.DataFrame([("x.tif", "FILTERED", "left out")], columns=REJECTED_COLUMNS, dtype="string")
    lines = nodes.calibrate(study, listed, ONE_JOB)
    found = nodes.examine(study, listed, before, lines, RegistrationParams(), ONE_JOB)
    assert found.specimen_index["capture_id"].tolist() == ["c0", "c2"]
    assert set(found.specimen_index["colour_units"]) == {"uncalibrated"}
    assert found.rejected_captures[["filename", "code"]].values.tolist() == [
        ["x.tif", "FILTERED"],
        ["c1.tif", "UNREADABLE"],
    ]
    stack = tifffile.imread(folder / "c2.tif")
    band = found.colour_table.query("capture_id == 'c2' and band == 'UV2'").iloc[0]
    assert band["mean"] == pytest.approx(stack[4, 8:40, 8:40].mean() / 65535, rel=1e-6)
    thumbnails = nodes.make_thumbnails(study, found.specimen_index, found.registration_qa, lines, ONE_JOB)
    assert thumbnails.capture_ids == ("c0", "c2")
    assert thumbnails.pictures.shape == (2, 3, 96, 96, 3)


@pytest.mark.parametrize(("limit", "is_stopped"), [(0.24, True), (0.25, False)])
def test_too_many_rejects_stop_the_run_and_filtered_ones_are_none(limit, is_stopped, caplog):
    caplog.set_level("INFO")
    index = pd.DataFrame({"capture_id": ["a", "b", "c"], "flags": ["", "SATURATED;MIRRORED", "MIRRORED"]})
    rows = [("d.tif", "UNREADABLE", "cut"), ("e.tif", "FILTERED", "asked"), ("f.tif", "NO_CAPTURE", "row")]
    rejected = pd.DataFrame(rows, columns=REJECTED_COLUMNS, dtype="string")
    quality = QualityParams(max_rejected_share=limit)
    if is_stopped:
        with pytest.raises(RunStoppedError, match=r"at most 24% .* got 25% \(1 of 4\)") as caught:
            nodes.check_rejected_share(index, rejected, None, quality)
        assert "1 UNREADABLE: Copy or export the file again." in caught.value.details
        assert "d.tif: cut" in caught.value.details
    else:
        summary = nodes.check_rejected_share(index, rejected, None, quality)
        assert summary == {"n_accepted": 3, "n_rejected": 1, "rejected_by_code": {"UNREADABLE": 1}}
        assert caplog.messages == [
            "4 captures read: 3 accepted, of which 2 flagged (2 MIRRORED, 1 SATURATED); "
            "1 rejected (1 UNREADABLE); not read: 1 FILTERED, 1 NO_CAPTURE"
        ]


def test_species_that_the_tree_lacks_are_counted_in_the_log(tmp_path, caplog):
    folder = write_stacks(tmp_path / "mine", [60000])
    (folder / "birds.nwk").write_text("(Parus_major:1,Sitta_europaea:1,Cyanistes_caeruleus:1);")
    where, specimens = (
        {"root": str(folder), "is_simulated": False},
        SpecimensParams(root=folder, tree="birds.nwk"),
    )
    study = nodes.decide_study(
        where, specimens, nodes.list_captures(where, specimens)[0], RegistrationParams()
    )
    index = pd.DataFrame({"species": ["parus major", "sitta europaea", "parus ater", "parus major"]})
    matched = nodes.match_tree(study, index)
    assert matched["status"].value_counts().to_dict() == {"matched": 2, "not_in_tree": 1, "not_in_study": 1}
    assert caplog.messages[-1:] == ["tree: 1 of 3 species are not among its tips: parus ater"]
