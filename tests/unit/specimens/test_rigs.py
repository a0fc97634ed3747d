from functools import cache

import numpy as np
import pandas as pd
import pytest
import tifffile

from xmodal_pipeline.checks import check_specimens
from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.imaging.registration.turn import is_similarity_available
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import (
    QualityParams,
    RegistrationParams,
    SimulationParams,
    SpecimensParams,
)
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.simulation import study
from xmodal_pipeline.simulation.camera import Offset, draw_session_gains, photograph
from xmodal_pipeline.simulation.species import colours, draw_individuals
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.examination import examine_captures
from xmodal_pipeline.specimens.registered import corrections
from xmodal_pipeline.specimens.rigs import _judge_alone

PARAMS = SimulationParams(n_effect_species=1, n_pattern_species=0, n_redundant_species=0, n_plain_species=1)
SHIFT = (3.3, -2.4)


@cache
def species():
    return study.make_species(PARAMS, 0, study.species_roles(PARAMS)[0]).species


def write_capture(path, number, offset, *, is_noise=False):
    individual = draw_individuals(species(), study.stream(PARAMS, 1, 0, number), 1)
    look = colours(species(), individual, np.array([True]), np.array([False]))
    rng = study.stream(PARAMS, 2, 0, number)
    gains = draw_session_gains(rng)
    bands, mask = photograph(species(), individual, look, size=96, offset=offset, gains=gains, rng=rng)
    if is_noise:
        bands[3:] = 0.02 + 0.005 * rng.standard_normal(bands[3:].shape)
    counts = np.round(65535 * np.clip(bands, 0, 1)).astype(np.uint16)
    stack = np.concatenate([counts, (255 * mask[None]).astype(np.uint16)])
    tifffile.imwrite(path, stack, planarconfig="separate", photometric="minisblack")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("rigs")
    for number in range(1, 6):
        write_capture(root / f"a{number}.tif", number, Offset(*SHIFT))
    write_capture(root / "a6.tif", 6, Offset(*SHIFT), is_noise=True)
    write_capture(root / "a7.tif", 7, Offset(-2.0, 1.0))
    write_capture(root / "b1.tif", 8, Offset(-2.0, 1.0))
    return root


def registered(root, *, rig, names=("a1", "a2", "a3", "a4", "a5", "a6", "a7", "b1")):
    captures = pd.DataFrame(
        {
            "capture_id": names,
            "specimen_id": names,
            "filename": [f"{name}.tif" for name in names],
            "uv_filename": "",
            "flags": "",
            "camera": [name[0] for name in names],
        }
    )
    found = examine_captures(
        captures,
        pd.DataFrame(),
        open_study(root, SpecimensParams(root=root), capture_files(captures, root)),
        RegistrationParams(rig=rig),
        QualityParams(n_jobs=1),
    )
    return found.registration_qa.set_index("capture_id"), found.specimen_index.set_index("capture_id")


def test_captures_of_a_rig_share_its_transform(folder):
    found, index = registered(folder, rig="camera")

    agreeing = found.loc[["a1", "a2", "a3", "a4", "a5", "a6"]]
    assert set(agreeing["status"]) == {"corrected"}
    assert agreeing[["dx_px", "dy_px"]].drop_duplicates().to_numpy()[0] == pytest.approx(SHIFT, abs=0.15)
    assert len(agreeing[["dx_px", "dy_px"]].drop_duplicates()) == 1
    assert agreeing["residual_px"].drop("a6").max() < 0.5
    # UV of noise says nothing by itself; the camera does.
    assert np.isnan(found.loc["a6", "residual_px"])
    assert "REGISTRATION_ABSTAINED" not in index.loc["a6", "flags"]
    assert found.loc["a7", "status"] == "failed"
    assert found.loc["a7", ["dx_px", "dy_px"]].tolist() == pytest.approx((-2.0, 1.0), abs=0.3)
    assert "MISREGISTERED" in index.loc["a7", "flags"]
    assert (found["rig"] == ["a"] * 7 + [""]).all()


def test_a_rig_of_too_few_captures_is_judged_one_by_one(folder):
    found, _ = registered(folder, rig="camera")
    alone, _ = registered(folder, rig=None, names=("b1", "a6"))

    assert found.loc["b1", "status"] == alone.loc["b1", "status"] == "corrected"
    assert found.loc["b1", "dx_px"] == alone.loc["b1", "dx_px"]
    assert np.isnan(found.loc["b1", "rig_dx_px"])
    assert alone.loc["a6", "status"] == "abstained"


def test_the_whole_study_may_be_one_rig(folder):
    found, _ = registered(folder, rig="all")

    assert set(found["rig"]) == {"all"}
    assert found.loc["b1", "status"] == "failed"


def test_what_the_rig_says_is_applied(folder):
    found, _ = registered(folder, rig="camera")

    transforms = corrections(found.reset_index())

    assert "a7" not in transforms
    assert (transforms["a6"].dx_px, transforms["a6"].dy_px) == pytest.approx(SHIFT, abs=0.15)


@pytest.mark.skipif(is_similarity_available(), reason="judges what ingest says without the extra")
def test_a_rig_shows_a_rotation_without_the_extra(tmp_path):
    names = [f"c{number}" for number in range(1, 6)]
    for number, name in enumerate(names, 1):
        write_capture(tmp_path / f"{name}.tif", number, Offset(1.0, 0.5, 1.0, 1.0))

    alone, _ = registered(tmp_path, rig=None, names=names)
    found, _ = registered(tmp_path, rig="all", names=names)

    assert set(alone["status"]) == {"failed"}
    assert set(found["status"]) == {"corrected"}
    assert found["rotation_deg"].iloc[0] == pytest.approx(1.0, abs=0.15)


def test_a_rig_must_be_a_label_and_needs_correction(folder):
    with pytest.raises(ParametersError, match=r"registration.rig: must be a label column, got \['camera'\]"):
        check_specimens(parameters(folder, rig="camera"), None)
    with pytest.raises(ParametersError, match=r"registration.rig: needs specimens.registration correct"):
        check_specimens(parameters(folder, rig="all", registration="check"), None)
    check_specimens(parameters(folder, rig="all"), None)


def parameters(root, *, rig, registration="correct"):
    return Parameters(
        specimens=SpecimensParams(root=root, registration=registration),
        registration=RegistrationParams(rig=rig),
    )


def test_a_shift_is_placed_where_the_specimen_lies(tmp_path):
    """(x, y) of the middle of the mask from the middle of the image, in px, right and down."""
    bands = np.random.default_rng(0).integers(1, 60000, (7, 48, 64)).astype(np.uint16)
    bands[6] = 0
    bands[6, 10:20, 30:50] = 255
    tifffile.imwrite(tmp_path / "a.tif", bands, photometric="minisblack", planarconfig="separate")
    table = pd.DataFrame(
        {"capture_id": ["a"], "specimen_id": ["a"], "filename": ["a.tif"], "uv_filename": [""]}
    )
    files = capture_files(table, tmp_path)
    mine = open_study(tmp_path, SpecimensParams(root=tmp_path), files)
    assert _judge_alone(files[0], mine, RegistrationParams()).place == (39.5 - 31.5, 14.5 - 23.5)
