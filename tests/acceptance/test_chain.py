"""The product as a user runs it: the whole chain from a copy of the project, as commands."""

import hashlib
import json
import multiprocessing
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from xmodal_pipeline.dictionary import TABLES, find_column
from xmodal_pipeline.params.variants import DEFAULT_VARIANTS, VARIANTS

FORKED = multiprocessing.get_context("forkserver")
# Every command is a process of its own, forked from one that holds the libraries, which take 10 s to import.
FORKED.set_forkserver_preload(
    ["kedro.framework.cli", "pandas", "sklearn.linear_model", "timm", "lightning.pytorch", "umap"]
)
COMMAND = """
import os, sys
from kedro.framework.cli import main
for descriptor, path in enumerate(streams, start=1):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
os.chdir(project)
sys.argv = ["kedro", *arguments]
main()
"""


def kedro(project, *arguments):
    """`kedro` with these arguments in this folder, as a shell runs it: exit status and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        streams = [f"{folder}/{name}" for name in ("stdout", "stderr")]
        given = {"project": project, "arguments": arguments, "streams": streams}
        process = FORKED.Process(target=exec, args=(COMMAND, given))
        process.start()
        process.join(280)
        if process.exitcode is None:
            process.kill()
        texts = [Path(stream).read_text() for stream in streams]
    return subprocess.CompletedProcess(arguments, process.exitcode, *texts)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the project after `kedro run --env smoke`."""
    root = Path(__file__).parents[2]
    copy = tmp_path_factory.mktemp("chain") / "project"
    shutil.copytree(root / "conf", copy / "conf")
    for name in ("src", "data"):
        (copy / name).mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(root / name, copy / name)
    run = kedro(copy, "run", "--env", "smoke")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return copy


def read(project, layer, name):
    return pd.read_parquet(next((project / "data").glob(f"{layer}*/smoke")) / f"{name}.parquet")


def test_every_capture_reaches_every_table(finished):
    truth = read(finished, "01", "simulated_truth")
    index = read(finished, "03", "specimen_index")
    assert sorted(index["capture_id"]) == sorted(truth["capture_id"])
    assert read(finished, "03", "rejected_captures").empty
    for variant in DEFAULT_VARIANTS:
        table = pd.read_parquet(finished / "data/07_model_output/smoke" / variant / "embeddings.parquet")
        modalities = {"rgb_only": {"rgb"}, "uv_only": {"uv"}}.get(variant, {"rgb", "uv", "joint"})
        assert set(table["modality"]) == modalities
        assert len(table) == len(index) * len(modalities)
        vectors = table.filter(regex=r"^x\d+$").to_numpy()
        assert np.isfinite(vectors).all()
        assert vectors.std(0).max() > 0


def test_specimens_never_straddle_partitions(finished):
    table = pd.read_parquet(finished / "data/07_model_output/smoke/separate/embeddings.parquet")
    assert (table.groupby("specimen_id")["partition"].nunique() == 1).all()


def test_metrics_have_the_four_parts_and_say_what_does_not_apply(finished):
    for variant in DEFAULT_VARIANTS:
        path = finished / "data/07_model_output/smoke" / f"metrics_{variant}.json"
        metrics = json.loads(path.read_text(), parse_constant=pytest.fail)
        assert {"alignment", "retrieval", "classification", "geometry"} <= set(metrics)
    assert "rgb" in metrics["retrieval"]["not_applicable"] or "uv" in metrics["retrieval"]["not_applicable"]


def test_species_go_to_phylogenetic_methods_with_the_tips_of_the_tree(finished):
    species = sorted(read(finished, "03", "specimen_index")["species"].unique())
    first, *others = (name.capitalize().replace(" ", "_") for name in species)
    (finished / "tree.nwk").write_text(f"(({first}:1,{others[0]}:1):1,Struthio_camelus:2);")
    tree = f"specimens.tree={finished / 'tree.nwk'}"
    run = kedro(finished, "run", "--env", "smoke", "--pipelines", "ingest", "--params", tree)
    assert run.returncode == 0, run.stderr[-2000:]
    assert f"not among its tips: {species[2]}" in " ".join((run.stdout + run.stderr).split())
    nodes = ("--nodes", "evaluate.export_species,evaluate.concat.export_species_means")
    run = kedro(finished, "run", "--env", "smoke", "--pipelines", "evaluate", *nodes, "--params", tree)
    assert run.returncode == 1
    said = " ".join((run.stdout + run.stderr).split())
    assert f"uv_value: specimens.tree was null, is {finished / 'tree.nwk'}" in said
    assert f"'kedro run --pipelines evaluate --env smoke --params {tree}'" in said
    settings = f"{tree},stale=warn"  # the tree is matched here alone; what is measured knows none
    run = kedro(finished, "run", "--env", "smoke", "--pipelines", "evaluate", *nodes, "--params", settings)
    assert run.returncode == 0, run.stderr[-2000:]
    outputs = finished / "data/07_model_output/smoke"
    tips = pd.read_csv(outputs / "species_table.csv").drop_duplicates("species").set_index("species")["tip"]
    assert tips.dropna().to_dict() == {species[0]: first, species[1]: others[0]}
    means = pd.read_csv(outputs / "concat/species_means.csv")
    embeddings = pd.read_parquet(outputs / "concat/embeddings.parquet")
    index = read(finished, "03", "specimen_index")
    mine = embeddings[
        embeddings["capture_id"].isin(index.loc[index["species"] == species[0], "capture_id"])
        & (embeddings["modality"] == "joint")
    ]
    row = means[(means["tip"] == first) & (means["modality"] == "joint")].iloc[0]
    assert row["x1"] == pytest.approx(mine.groupby("specimen_id")["x1"].mean().mean(), rel=1e-4)
    assert row["n_specimens"] == mine["specimen_id"].nunique()


def test_the_report_and_its_appendix_are_files_that_load_nothing(finished):
    for name, words in (("report", "Can one photograph find the other?"), ("appendix", "Retrieval")):
        html = (finished / f"data/08_reporting/smoke/{name}.html").read_text()
        assert len(html) < 25e6
        assert 'src="http' not in html
        assert words in html


def test_a_stage_reruns_alone_and_a_second_run_works(finished):
    run = kedro(finished, "run", "--env", "smoke", "--pipelines", "split")
    assert run.returncode == 1
    assert "specimens.tree was" in run.stdout + run.stderr  # as it was ingested above
    run = kedro(finished, "run", "--env", "smoke", "--pipelines", "ingest")
    assert run.returncode == 0, run.stderr[-2000:]
    assert "otherwise" not in run.stdout + run.stderr
    before = read(finished, "04", "partitions")
    run = kedro(finished, "run", "--env", "smoke", "--pipeline", "split")
    assert run.returncode == 0, run.stderr[-2000:]
    assert read(finished, "04", "partitions").equals(before)
    run = kedro(finished, "run", "--env", "smoke", "--namespaces", "train.attention")
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.mark.slow
def test_all_six_combinations_and_both_baselines_train_on_request(finished):
    shutil.rmtree(finished / "data/06_models/smoke")
    run = kedro(finished, "run", "--env", "smoke", "--pipelines", "all_variants")
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    for variant in VARIANTS:
        history = pd.read_parquet(finished / "data/06_models/smoke" / variant / "history.parquet")
        assert np.isfinite(history["loss"]).all()
        assert (finished / "data/06_models/smoke" / variant / "checkpoint.safetensors").is_file()
    assert set(VARIANTS) <= set(read(finished, "07", "comparison")["name"])


def test_models_are_compared_beside_a_checkpoint_and_a_table_of_other_runs(finished):
    models, tables = finished / "data/06_models/smoke", finished / "data/07_model_output/smoke"
    settings = (
        f"compare.runs.stored={models / 'separate/checkpoint.safetensors'},"
        f"compare.runs.concat={tables / 'attention/embeddings.parquet'}"
    )
    run = kedro(finished, "run", "--env", "smoke", "--pipelines", "compare", "--params", settings)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    compared = read(finished, "07", "compared").set_index(["a", "b"])
    same = compared.loc[("separate", "stored")]
    assert same["difference"].abs().max() < 1e-9  # the checkpoint is that of the variant
    assert (same["p_adjusted"] == 1).all()
    assert (compared.loc[("uv_only", "rgb_only")]["task"] == "classification").all()
    assert compared.loc[("concat", "rgb_only")]["seed_sd_a"].notna().all()  # two seeds, the other side one
    assert list((finished / "data/08_reporting/smoke/compared").glob("compared_single*.pdf"))
    assert list((finished / "data/08_reporting/smoke/compared").glob("compared_double*.pdf"))


def test_new_captures_go_through_a_checkpoint_at_its_size(finished):
    checkpoint = finished / "data/06_models/smoke/concat/checkpoint.safetensors"
    settings = f"study=new,simulation.seed=7,split.image_size=64,apply.checkpoint={checkpoint}"
    run = kedro(finished, "run", "--env", "smoke", "--pipelines", "apply", "--params", settings)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    table = pd.read_parquet(finished / "data/07_model_output/new/applied/embeddings.parquet")
    index = pd.read_parquet(finished / "data/03_primary/new/specimen_index.parquet")
    assert sorted(table["capture_id"]) == sorted([*index["capture_id"]] * 3)
    assert set(table["partition"]) == {"applied"}
    images = np.load(finished / "data/04_feature/new/applied_prepared/uv_images.npy", mmap_mode="r")
    assert images.shape[-1] == 32
    assert not (finished / "data/04_feature/new/prepared").exists()


def test_apply_refuses_what_is_no_checkpoint_before_it_reads_a_capture(finished):
    pickled = finished / "data/06_models/smoke/separate/training_state/state.ckpt"
    given = f"study=none,apply.checkpoint={pickled}"
    run = kedro(finished, "run", "--env", "smoke", "--pipelines", "apply", "--params", given)
    assert run.returncode == 1
    assert "must be a whole safetensors file" in run.stdout + run.stderr
    assert "pickled files are never read" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert not (finished / "data/03_primary/none").exists()


def test_apply_refuses_captures_of_other_bands(finished, tmp_path):
    write_pairs(tmp_path / "grey", 3)
    for path in (tmp_path / "grey").glob("*_uv.png"):
        Image.open(path).convert("L").save(path)
    checkpoint = finished / "data/06_models/smoke/concat/checkpoint.safetensors"
    settings = (
        f"study=grey,specimens.root={tmp_path / 'grey'},specimens.rgb_suffix=_vis,specimens.uv_suffix=_uv,"
        f"specimens.mask=white_background,apply.checkpoint={checkpoint}"
    )
    run = kedro(finished, "run", "--env", "smoke", "--pipelines", "apply", "--params", settings)
    assert run.returncode == 1
    assert "apply: uv bands must be those of the checkpoint" in run.stdout + run.stderr
    assert not (finished / "data/07_model_output/grey/applied").exists()


def test_outputs_of_one_folder_are_not_overwritten_from_another(finished, tmp_path):
    write_pairs(tmp_path / "mine", 2)
    settings = f"specimens.root={tmp_path / 'mine'}"
    run = kedro(finished, "run", "--env", "smoke", "--pipelines", "ingest", "--params", settings)
    assert run.returncode == 1
    assert "study 'smoke': holds outputs made from simulated specimens" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def write_pairs(folder, n):
    """Photographs on white, two per specimen, whose pattern the two share."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    y, x = np.mgrid[:64, :96]
    for specimen in range(n):
        outline = ((x - 48) / (30 + specimen % 5)) ** 2 + ((y - 32) / 22) ** 2 < 1
        pattern = Image.fromarray(rng.integers(0, 180, (6, 8, 3), dtype=np.uint8)).resize((96, 64))
        for suffix, gain in (("_vis", 1.0), ("_uv", 0.6)):
            picture = np.where(outline[..., None], np.asarray(pattern) * gain, 255).astype(np.uint8)
            Image.fromarray(picture).save(folder / f"s{specimen:02d}{suffix}.png")


def test_twelve_specimens_without_metadata_reach_a_report_and_their_folder_stays_as_it_was(
    finished, tmp_path
):
    folder = tmp_path / "mine"
    write_pairs(folder, 12)
    (folder / "s03_uv.png").write_bytes((folder / "s03_uv.png").read_bytes()[:200])
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    settings = (
        f"study=mine,specimens.root={folder},specimens.rgb_suffix=_vis,specimens.uv_suffix=_uv,"
        "specimens.mask=white_background,split.train=0.5,split.validation=0.2,split.test=0.3"
    )
    run = kedro(finished, "run", "--env", "smoke", "--params", settings)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-3000:]
    after = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert after == before
    assert (finished / "data/08_reporting/mine/report.html").is_file()
    rejected = pd.read_parquet(finished / "data/03_primary/mine/rejected_captures.parquet")
    assert rejected[["filename", "code"]].to_numpy().tolist() == [["s03_vis.png", "UNREADABLE"]]


NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"]] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_on_a_finished_study(finished, path, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("KEDRO_ENV", "smoke")
    folder = finished / "notebooks"
    folder.mkdir(exist_ok=True)
    notebook = nbformat.read(path, 4)
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    pictures = [
        out
        for cell in notebook.cells
        for out in cell.get("outputs", [])
        if "image/png" in out.get("data", {})
    ]
    assert pictures


def described_tables(project):
    """Files of each table of the dictionary, by the catalog's paths; of two patterns the longer counts."""
    patterns = {}
    for path in (project / "conf" / "base").glob("catalog_*.yml"):
        entries = yaml.safe_load(path.read_text())
        for name in TABLES.keys() & entries.keys():
            layer, _, rest = entries[name]["filepath"].removeprefix("${_").partition("}/")
            patterns[name] = f"*_{layer}/smoke/" + re.sub(r"\{\w+\}", "*", rest)
    owners = {}
    for name, pattern in sorted(patterns.items(), key=lambda item: len(item[1])):
        owners |= dict.fromkeys((project / "data").glob(pattern), name)
    return {name: [file for file, owner in owners.items() if owner == name] for name in patterns}


def test_every_column_is_in_the_dictionary_and_every_one_in_it_is_written(finished):
    made = described_tables(finished)
    on_request = {
        "uv_value_colour",
        "colour_summary",
        "compared",
        "ablation",
        "seed_spread",
        "uv_value_seeds",
        "{variant}.embeddings_csv",
    }
    elsewhere = {"applied_embeddings", "applied_projections"}
    assert {name for name, files in made.items() if not files} <= on_request | elsewhere
    wrong = {}
    for name, files in made.items():
        tables = [pd.read_parquet(one) if one.suffix == ".parquet" else pd.read_csv(one) for one in files]
        keys = {str(column): find_column(name, str(column)) for table in tables for column in table}
        unknown = sorted(column for column, key in keys.items() if key is None)
        always = {key for key, column in TABLES[name].columns.items() if column.is_always_there}
        unwritten = sorted(always - set(keys.values())) if files else []
        if unknown or unwritten:
            wrong[name] = unknown, unwritten
    assert wrong == {}
