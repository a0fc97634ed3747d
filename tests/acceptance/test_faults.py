"""What is wrong with captures is found, named and survived: planted faults and malformed files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from kedro.framework.cli.utils import KedroCliError
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from PIL import Image

from xmodal_pipeline.simulation.faults import Fault

KEDRO = str(Path(sys.executable).with_name("kedro"))

REJECTED = {
    Fault.TRUNCATED: "UNREADABLE",
    Fault.EMPTY_MASK: "EMPTY_MASK",
    Fault.DUPLICATE: "DUPLICATE",
    Fault.NOT_FINITE: "NOT_FINITE",
}
FLAGGED = {
    Fault.SATURATED: "SATURATED",
    Fault.DEAD_UV_BAND: "DEAD_BAND",
    Fault.NOISE_UV: "REGISTRATION_ABSTAINED",
    Fault.NO_METADATA: "NO_METADATA",
    Fault.ROTATED: "MISREGISTERED",
    Fault.SCALED: "MISREGISTERED",
    Fault.SHIFTED: "MISREGISTERED",
}


def ingest(project, *, nodes=(), **params):
    arguments = ["--params", ",".join(f"{key}={value}" for key, value in params.items())]
    return subprocess.run(
        [KEDRO, "run", "--env", "smoke", "--pipelines", "ingest", *nodes, *arguments],
        cwd=project,
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )


def table(project, name, layer="03_primary", study="smoke"):
    return pd.read_parquet(project / "data" / layer / study / f"{name}.parquet")


def test_every_planted_fault_is_found_and_the_limit_ends_the_run_with_a_summary(project):
    faults = {
        "simulation.fault_count": 1,
        "simulation.n_effect_species": 1,
        "simulation.n_pattern_species": 0,
        "simulation.n_redundant_species": 0,
        "simulation.n_plain_species": 0,
        "simulation.n_per_sex": 8,
        "simulation.image_size_px": 128,  # below, a rotation of one degree moves too few edges
        "specimens.registration": "check",  # where shifts are judged and not undone
    }
    run = ingest(project, **faults, **{"quality.max_rejected_share": 0.05})
    output = run.stdout + run.stderr
    assert run.returncode == 1
    assert "Traceback" not in output
    summary = output[output.rindex("ingest: at most 5% of the captures may be rejected") :]
    assert len(summary.splitlines()) <= 24
    for code in REJECTED.values():
        assert f"1 {code}: " in summary
    assert "raise quality.max_rejected_share" in summary

    truth = table(project, "simulated_truth", "01_raw")
    fault_of = dict(zip(truth["capture_id"], truth["fault"], strict=True))
    rejected = table(project, "rejected_captures")
    assert {fault_of[Path(row.filename).stem]: row.code for row in rejected.itertuples()} == REJECTED
    index = table(project, "specimen_index")
    flags = {
        fault_of[row.capture_id]: str(row[index.columns.get_loc("flags") + 1]) for row in index.itertuples()
    }
    assert {fault: code for fault, code in FLAGGED.items() if code not in flags[fault].split(";")} == {}
    assert len(index) + len(rejected) == len(truth)
    for name in ("registration_qa", "quality_report", "colour_table"):
        assert set(table(project, name)["capture_id"]) == set(index["capture_id"])
    assert list((project / "data/08_reporting/smoke").rglob("contact_sheet*"))
    assert not (project / "data/03_primary/smoke/ingest_summary.json").exists()

    # What the log proposes: go on from what is saved.
    assert '--from-nodes "ingest.check_rejected_share"' in output
    nodes = ("--from-nodes", "ingest.check_rejected_share")
    run = ingest(project, nodes=nodes, **faults, **{"quality.max_rejected_share": 0.5})
    assert run.returncode == 0, run.stderr[-2000:]


def run_in_process(project, params):
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="smoke", runtime_params=params) as session:
        session.run(
            pipeline_names=["ingest"], to_nodes=["ingest.describe_labels"]
        )  # figures have their own tests


BANDS = np.random.default_rng(0).integers(4000, 60000, (7, 48, 64)).astype(np.uint16)
BANDS[:6] = np.sort(BANDS[:6], axis=2)  # some structure, so that no band counts as dead
BANDS[6] = 0
BANDS[6, 8:40, 10:50] = 255


def stack_faults():
    """Content of each malformed stack, and its code."""
    floats = BANDS.astype(np.float32)
    floats[1, 20, 20] = np.inf
    grey_mask, full_mask, no_mask = BANDS.copy(), BANDS.copy(), BANDS.copy()
    grey_mask[6, 20, 20], full_mask[6], no_mask[6] = 100, 255, 0
    return {
        "empty_file": (b"", "UNREADABLE"),
        "text": (b"species,sex\nP. mnemosyne,m\n", "UNREADABLE"),
        "git_pointer": (b"version https://git-lfs.github.com/spec/v1\n", "UNREADABLE"),
        "header_only": (b"II*\0\x08\0\0\0", "UNREADABLE"),
        "six_bands": (BANDS[:6], "BAND_COUNT"),
        "three_bands": (BANDS[:3], "BAND_COUNT"),
        "one_band": (BANDS[0], "BAND_COUNT"),
        "eight_bits": ((BANDS >> 8).astype(np.uint8), "BAD_SCALE"),
        "infinite": (floats, "NOT_FINITE"),
        "grey_mask": (grey_mask, "BAD_MASK"),
        "full_mask": (full_mask, "FULL_MASK"),
        "no_mask": (no_mask, "EMPTY_MASK"),
    }


def write_tiff(path, bands):
    tifffile.imwrite(path, bands, photometric="minisblack", compression="deflate")


def test_every_malformed_stack_is_rejected_under_its_code_and_the_rest_is_used(project, tmp_path):
    folder = tmp_path / "captures"
    folder.mkdir()
    expected = {}
    for name, (content, code) in stack_faults().items():
        expected[f"{name}.tif"] = code
        if isinstance(content, bytes):
            (folder / f"{name}.tif").write_bytes(content)
        else:
            write_tiff(folder / f"{name}.tif", content)
    for good in range(3):
        write_tiff(folder / f"good_{good}.tif", np.concatenate([BANDS[:6] - good, BANDS[6:]]))
    write_tiff(folder / "truncated.tif", BANDS)
    whole = (folder / "truncated.tif").read_bytes()
    (folder / "truncated.tif").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "good_0_again.tif").write_bytes((folder / "good_0.tif").read_bytes())
    expected |= {"truncated.tif": "UNREADABLE", "good_0_again.tif": "DUPLICATE"}
    run_in_process(
        project,
        {
            "study": "mine",
            "specimens": {"root": str(folder), "scale": "uint16"},
            "quality": {"max_rejected_share": 0.9},
        },
    )
    rejected = table(project, "rejected_captures", study="mine")
    assert dict(zip(rejected["filename"], rejected["code"], strict=True)) == expected
    assert rejected["reason"].str.len().min() > 10
    assert table(project, "specimen_index", study="mine")["capture_id"].tolist() == [
        "good_0",
        "good_1",
        "good_2",
    ]


def write_photograph(path, n_bands, *, seed, depth=8, size=(64, 48), mode=None, exif=None):
    """A photograph with a smooth pattern; 16 bits as TIFF."""
    coarse = np.random.default_rng(seed).integers(20, 230, (6, 8, max(n_bands, 3)), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(coarse[..., :3]).resize(size))[..., :n_bands]
    if n_bands == 4:
        alpha = np.zeros(size[::-1], np.uint8)
        alpha[8:40, 10:50] = 255
        picture = np.dstack([np.asarray(Image.fromarray(coarse[..., :3]).resize(size)), alpha])
    image = Image.fromarray(np.ascontiguousarray(picture.squeeze()), mode)
    image.save(path, **({"exif": exif} if exif else {}))


def test_every_malformed_pair_is_rejected_under_its_code_and_the_rest_is_used(project, tmp_path):
    folder = tmp_path / "pairs"
    folder.mkdir()
    rows = []

    def pair(name, *, vis=None, uv=None, uv_bands=3):
        first, second = f"{name}_G1.png", f"{name}_G2.png"
        write_photograph(folder / first, 3, seed=len(rows))
        write_photograph(folder / second, uv_bands, seed=100 + len(rows))
        for path, content in ((folder / first, vis), (folder / second, uv)):
            if content is not None:
                content(path)
        rows.append((first, second, f"s{len(rows) // 2}", "m"))

    turned = Image.Exif()
    turned[274] = 3
    for name in ("good_a", "good_b", "good_c"):
        pair(name)
    pair("turned", vis=lambda path: write_photograph(path, 3, seed=3, exif=turned))
    pair("one_uv_band", uv_bands=1)
    pair("cut", uv=lambda path: path.write_bytes(path.read_bytes()[:400]))
    pair(
        "cut_jpeg",
        vis=lambda path: (Image.open(path).save(path, "JPEG"), path.write_bytes(path.read_bytes()[:500])),
    )
    pair("gif", vis=lambda path: Image.open(path).save(path, "GIF"))
    pair("inks", vis=lambda path: Image.open(path).convert("CMYK").save(path, "JPEG"))
    pair("grey", vis=lambda path: Image.open(path).convert("L").save(path, "PNG"))
    pair("small", uv=lambda path: write_photograph(path, 3, seed=4, size=(32, 24)))
    pair("deep", uv=lambda path: tifffile.imwrite(path, BANDS[:3], photometric="minisblack"))
    pair("gone", uv=lambda path: path.unlink())
    write_photograph(folder / "stray.png", 3, seed=5)
    header = "file.vis;file.uv;specimen_id;sex\n"
    (folder / "metadata.csv").write_text(header + "".join(";".join(row) + "\n" for row in rows))
    run_in_process(
        project,
        {
            "study": "pairs",
            "specimens": {
                "root": str(folder),
                "scale": "uint8",
                "rgb_column": "file.vis",
                "uv_column": "file.uv",
                "mask": "none",
            },
            "quality": {"max_rejected_share": 0.9},
        },
    )
    rejected = table(project, "rejected_captures", study="pairs")
    # The row that names a photograph which is not there serves no capture, which is said of the row, too.
    assert rejected.loc[rejected["code"] == "NO_CAPTURE", "filename"].str.startswith("gone").tolist() == [
        True
    ]
    faults = rejected[rejected["code"] != "NO_CAPTURE"]
    code_of = {row.filename.removesuffix(".png").split("_G")[0]: row.code for row in faults.itertuples()}
    assert code_of == {
        "one_uv_band": "BAND_COUNT",
        "cut": "UNREADABLE",
        "cut_jpeg": "UNREADABLE",
        "gif": "UNREADABLE",
        "inks": "UNREADABLE",
        "grey": "BAND_COUNT",
        "small": "SHAPE_MISMATCH",
        "deep": "BAD_SCALE",
        "gone": "MISSING_PAIR",
        "stray": "MISSING_PAIR",
    }
    index = table(project, "specimen_index", study="pairs").set_index("capture_id")
    assert sorted(index.index) == ["good_a_G1", "good_b_G1", "good_c_G1", "turned_G1"]
    assert index.loc[["good_a_G1", "good_b_G1", "good_c_G1"], "specimen_id"].tolist() == ["s0", "s0", "s1"]
    assert "EXIF_MISMATCH" in index.loc["turned_G1", "flags"].split(";")
    assert not any("EXIF_MISMATCH" in index.loc[f"good_{one}_G1", "flags"] for one in "abc")


def test_a_study_without_one_usable_capture_ends_with_the_summary(project, tmp_path):
    folder = tmp_path / "captures"
    folder.mkdir()
    for name in "ab":
        write_tiff(folder / f"{name}.tif", BANDS[:3])
    message = (
        r"ingest: at least one capture must be usable, got none and 2 rejected\n"
        r" +2 BAND_COUNT: Compare the file.s bands with specimens.layout"
    )
    with pytest.raises(KedroCliError, match=message):
        run_in_process(project, {"study": "none", "specimens": {"root": str(folder), "scale": "uint16"}})
    assert len(table(project, "rejected_captures", study="none")) == 2
