"""One scene is one result, however it is stored, in whichever order and by however many workers."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import tifffile
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from xmodal_pipeline.params.ingest import SimulationParams
from xmodal_pipeline.simulation import simulate_study

NAMES = ["R", "G", "B", "UV1", "UV2", "UV3", "mask"]
ARRAYS = ("rgb_images", "uv_images", "masks")
TABLES = ("specimen_index", "registration_qa", "quality_report", "colour_table")
INGEST = ("provide_captures", "list_captures", "decide_study", "calibrate_captures", "examine_captures")
NODES = (*(f"ingest.{name}" for name in INGEST), "split.assign_partitions", "split.prepare_captures")
HALF_FLOAT = 2.0**-11
"""Spacing of float16, in which stores are kept, below 1."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A few registered specimens as uint16 stacks with mask 0/255."""
    root = tmp_path_factory.mktemp("scene") / "captures"
    params = SimulationParams(
        image_size_px=64,
        n_effect_species=1,
        n_pattern_species=0,
        n_redundant_species=0,
        n_plain_species=0,
        n_per_sex=4,
        repeat_share=0.25,
        max_shift_px=0.0,
    )
    simulate_study(params, root, n_jobs=1)
    (root / "simulation.json").unlink()
    return root


def rewritten(scene, folder, change):
    """The scene again, each stack changed; files are made in the reverse order."""
    folder.mkdir()
    for path in sorted(scene.glob("*.tif"), reverse=True):
        bands, options = change(tifffile.imread(path))
        tifffile.imwrite(folder / path.name, bands, **{"photometric": "minisblack", **options})
    shutil.copy(scene / "metadata.csv", folder)
    return folder


def run(project, study, root, scale, n_jobs=1):
    bootstrap_project(project)
    params = {
        "study": study,
        "specimens": {"root": str(root), "scale": scale},
        "split": {"train": 0.5, "validation": 0.25, "test": 0.25},
        "quality": {"n_jobs": n_jobs},
    }
    # Nothing here is about the figures, which take most of the time and on which the summary waits.
    (project / f"data/03_primary/{study}").mkdir(parents=True)
    (project / f"data/03_primary/{study}/ingest_summary.json").write_text("{}")
    with KedroSession.create(project_path=project, env="smoke", runtime_params=params) as session:
        session.run(pipeline_names=["ingest", "split"], node_names=NODES)
    folder = project / f"data/04_feature/{study}/prepared"
    made = {name: np.load(folder / f"{name}.npy") for name in ARRAYS}
    made |= {name: pd.read_parquet(project / f"data/03_primary/{study}/{name}.parquet") for name in TABLES}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert made["specimen_index"]["capture_id"].tolist() == manifest["capture_ids"]
    return made


def scaled(full, dtype):
    def change(stack):
        bands = stack[:6] / 65535 * full
        bands = bands.round() if np.dtype(dtype).kind == "u" else bands
        mask = (stack[6:] > 0) * (255 if np.dtype(dtype).kind == "u" else 1)
        return np.concatenate([bands, mask]).astype(dtype), {}

    return change


def mask_of_one(stack):
    return np.concatenate([stack[:6], stack[6:] // 255]), {"planarconfig": "separate", "compression": "zstd"}


def other_layout(stack):
    order = [6, 3, 1, 5, 0, 4, 2]
    labels = [NAMES[at] for at in order]
    return stack[order], {"imagej": True, "metadata": {"axes": "CYX", "Labels": labels}}


def test_one_scene_is_one_result(project, scene, tmp_path):
    reference = run(project, "reference", scene, "uint16")
    assert set(reference["registration_qa"]["status"]) == {"ok"}
    assert reference["rgb_images"].max() > 0.3

    scales = {"uint8": (255, "u1"), "percent": (100, "f4"), "unit": (1, "f4")}
    for scale, (full, dtype) in scales.items():
        made = run(project, scale, rewritten(scene, tmp_path / scale, scaled(full, dtype)), scale)
        quantum = 1 / 255 if scale == "uint8" else 1 / 65535
        for name in ("rgb_images", "uv_images"):
            assert made[name].dtype == np.float16
            difference = np.abs(made[name].astype(np.float64) - reference[name]).max()
            assert difference <= quantum / 2 + HALF_FLOAT, (scale, name)
        np.testing.assert_array_equal(made["masks"], reference["masks"])

    same = {
        "mask_of_one": rewritten(scene, tmp_path / "mask_of_one", mask_of_one),
        "other_layout": rewritten(scene, tmp_path / "another name", other_layout),
    }
    for study, folder in same.items():
        table = pd.read_csv(folder / "metadata.csv", dtype=str, keep_default_na=False)
        table.iloc[::-1].to_csv(folder / "metadata.csv", index=False, sep=";")
        made = run(project, study, folder, "uint16", n_jobs=2)
        for name in ARRAYS:
            np.testing.assert_array_equal(made[name], reference[name], err_msg=f"{study} {name}")
        for name in TABLES:
            pd.testing.assert_frame_equal(made[name], reference[name], obj=f"{study} {name}")
