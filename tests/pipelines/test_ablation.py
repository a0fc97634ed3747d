"""The grid as a user runs it: refused before anything runs, trained cell by cell, taken up after a kill."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.framework.cli.utils import KedroCliError
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from xmodal_pipeline import training
from xmodal_pipeline.evaluation.grid import list_rows
from xmodal_pipeline.evaluation.results import Number, tabulate_numbers
from xmodal_pipeline.evaluation.uv_value.verdict import COLUMNS
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ablation import list_cells
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.params.root import validate_parameters
from xmodal_pipeline.params.variants import DEFAULT_VARIANTS
from xmodal_pipeline.pipelines.ablation import nodes

SMALL = {
    "simulation": {
        "image_size_px": 32,
        "n_effect_species": 1,
        "n_pattern_species": 0,
        "n_redundant_species": 0,
        "n_plain_species": 1,
        "repeat_share": 0.0,
    },
    "split": {"image_size": 32},
    "training": {"max_epochs": 1, "projection_dim": 16, "hidden_dim": 16},
    "evaluation": {"minimum_n": 3},
}


def run(project, *pipelines, **params):
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="smoke", runtime_params=SMALL | params) as session:
        return session.run(pipeline_names=list(pipelines))


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"loss.temprature": [1]}, r"grid.loss.temprature: unknown key; .*did you mean 'loss.temperature'"),
        ({"loss.temperature": [0.1, -1]}, r"grid.loss.temperature: .*greater than 0.*-1"),
        ({"variant": ["fusion"]}, r"grid.variant: must be among \['attention', .*got 'fusion'"),
        (
            {"split.seed": [1]},
            r"grid.split.seed: unknown key; allowed are variant and keys of training, loss",
        ),
        ({"training.seed": [1, 1]}, r"training.seed must list different values, at least one, got \[1, 1\]"),
        (
            {"training.backbone": ["resnet19"]},
            r"ablation.grid: cell .*resnet19.*training.backbone: .*resnet18",
        ),
        (
            {"variant": ["concat"], "loss.joint_weight": [0.5, 0.0]},
            r"ablation.grid: cell .*0.0.*joint_weight: must be positive for variants.concat",
        ),
    ],
)
def test_an_impossible_cell_stops_the_run_before_anything(project, grid, message):
    with pytest.raises(KedroCliError, match=re.compile(message)):
        run(project, "ablation", ablation={"grid": grid})
    assert not list((project / "data").rglob("*.json"))


def test_the_museum_preset_trains_five_seeds_of_every_variant(project):
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="museum") as session:
        known = validate_parameters(session.load_context().config_loader["parameters"])
    cells = list_cells(known.ablation.grid, known)
    assert {(cell.variant, cell.params.training.seed) for cell in cells} == {
        (variant, seed) for variant in DEFAULT_VARIANTS for seed in range(5)
    }
    assert {cell.params.training.backbone for cell in cells} == {"vit_base_patch16_224"}


def test_without_stores_it_says_which_stages_make_them(project):
    with pytest.raises(
        KedroCliError, match=r"ablation: needs comparison, .*prepared.*ingest', then '--pipelines split'"
    ):
        run(project, "ablation")


@pytest.fixture
def trained(monkeypatch):
    """What is trained, by variant, seed and temperature; the second training of all is interrupted."""
    done, fit = [], training.fit

    def counted(config, prepared, state_dir):
        done.append((config.name, config.training.seed, config.loss.temperature))
        if len(done) == 2:
            raise KeyboardInterrupt
        return fit(config, prepared, state_dir)

    monkeypatch.setattr(training, "fit", counted)
    return done


def known_comparison():
    """Rows as `evaluate` leaves them: two baselines, one of them probed from two sources, and a variant."""
    numbers = [
        Number(task="retrieval", metric="mrr", value=0.3, label="rgb_to_uv", direction="rgb_to_uv", n=9),
        Number(task="retrieval", reason="one modality: rgb"),
    ]
    probed = [
        Number(task="classification", metric="rgb_accuracy", value=0.6, label="sex", source="rgb", n=9),
        Number(task="classification", metric="combined_accuracy", value=0.7, label="sex", source="combined"),
        Number(task="classification", metric="rgb_above_strata", value=0.1, label="sex", source="rgb"),
        Number(task="classification_by_stratum", metric="rgb_accuracy", value=0.5, label="sex", stratum="p"),
    ]
    tables = [
        tabulate_numbers(rows, protocol="demo", kind=kind, name=name)
        for rows, kind, name in (
            (numbers, "baseline", "chance"),
            (probed, "baseline", "band_means"),
            (probed, "variant", "separate"),
        )
    ]
    return pd.concat(tables, ignore_index=True)


def test_the_study_s_baselines_close_the_table():
    cell = {"cell": "c1", "settings": {"variant": "concat"}, "variant": "concat", "seed": 0, "is_base": True}
    row = {"partition": "test", "task": "retrieval", "label": "rgb_to_uv", "metric": "mrr", "value": 0.8}
    known = known_comparison(), pd.DataFrame(), EvaluationParams()
    table, spread, median = nodes.tabulate_cells([cell], {"c1": lambda: {"rows": [row]}}, *known)
    assert median.empty
    shown = table[["setting", "partition", "task", "metric", "value", "stratum"]].to_numpy().tolist()
    assert shown == [
        ["concat", "test", "retrieval", "mrr", 0.8, ""],
        ["[chance]", "test", "retrieval", "mrr", 0.3, ""],
        ["[band_means]", "all", "classification", "rgb_accuracy", 0.6, ""],
        ["[band_means]", "all", "classification", "combined_accuracy", 0.7, ""],
        ["[band_means]", "all", "classification", "rgb_above_strata", 0.1, ""],
        ["[band_means]", "all", "classification_by_stratum", "rgb_accuracy", 0.5, "p"],
        ["[band_means]", "all", "classification", "own_accuracy", 0.7, ""],
    ]
    assert spread[["name", "metric", "mean", "n_seeds"]].to_numpy().tolist() == [["concat", "mrr", 0.8, 1]]


def test_the_median_over_seeds_reads_the_rows_that_the_cells_kept():
    """Colour from `evaluate`, the variant from its cells, as JSON gives them back."""
    keys = {"species": "a", "label": "sex", "view": "", "patch": "", "scope": "species", "family": "primary"}
    numbers = {"uv_adds": 2.0, "high": 9.0, "p_rgb": 0.5, "auc_rgb_upper": 0.9, "uv_adds_upper": 8.0}
    common = keys | numbers | {"is_eligible": True, "n_1": 9, "n_2": 9}
    colour = pd.DataFrame([common | {"features": "colour", "p": 0.4, "low": 0.0}]).reindex(
        columns=list(COLUMNS)
    )
    plan, kept = [], {}
    for seed, p in enumerate((0.001, 0.3, 0.004)):
        name = f"c{seed}"
        settings = {"variant": "separate", "training.seed": seed}
        plan.append(
            {"cell": name, "settings": settings, "variant": "separate", "seed": seed, "is_base": True}
        )
        row = common | {"features": "separate", "p": p, "low": 1.0 if p < 0.05 else 0.0}
        measured = {"partition": "test", "task": "retrieval", "label": "", "metric": "mrr", "value": 0.8}
        kept[name] = {"rows": [measured], "uv_value": json.loads(json.dumps([row]))}
    loaders = {name: lambda one=one: one for name, one in kept.items()}
    _, _, median = nodes.tabulate_cells(plan, loaders, known_comparison(), colour, EvaluationParams())
    learnt = median.set_index("features").loc["separate"]
    assert (learnt["p"], learnt["n_seeds"], learnt["n_held"]) == (0.004, 3, 2)
    assert median.set_index("features").loc["colour", "p"] == 0.4


def test_a_training_keeps_what_its_own_features_say_uv_adds():
    rng = np.random.default_rng(0)
    index = pd.DataFrame({"capture_id": [f"c{i}" for i in range(40)], "species": "a"})
    index = index.assign(specimen_id=index["capture_id"], sex=np.tile(["f", "m"], 20))
    sides = {name: rng.normal(size=(40, 14)) for name in ("rgb", "uv")}
    sides["uv"][:, 0] += 6.0 * (index["sex"] == "m")
    embeddings = pd.concat(
        pd.DataFrame(values, columns=[f"x{i + 1}" for i in range(14)]).assign(
            capture_id=index["capture_id"], modality=name
        )
        for name, values in sides.items()
    )
    study = Study(
        root=Path("captures"),
        is_simulated=True,
        settings=SpecimensParams(),
        scale="unit",
        colour_units="relative",
        rgb_bands=("R", "G", "B"),
        uv_bands=("UV1",),
    )
    rows = nodes._uv_value("separate", embeddings, index, study, EvaluationParams())
    found = pd.DataFrame(rows).query("scope == 'species'").iloc[0]
    assert found["features"] == "separate"
    assert found["family"] == "primary"
    # UV tells the classes apart and RGB does not: the other way round nothing would.
    assert found["auc_uv"] > 0.9
    assert found["auc_rgb"] < 0.75


def test_the_epoch_that_was_kept_gives_the_validation_numbers():
    history = pd.DataFrame(
        {
            "is_kept": [False, True, False],
            "validation_recall_at_1": [0.1, 0.2, 0.3],
            "validation_match_above_other": [0.4, 0.5, 0.6],
        }
    )
    rows = list_rows(known_comparison().query("name == 'chance'"), history)
    assert [(row["partition"], row["metric"], row["value"]) for row in rows] == [
        ("validation", "recall_at_1", 0.2),
        ("validation", "match_above_other", 0.5),
        ("test", "mrr", 0.3),
    ]
    assert rows[2]["n"] == 9
    assert rows[2]["p"] is None


def test_a_killed_grid_trains_only_the_missing_cells_and_ends_in_one_table(project, trained):
    run(project, "ingest", "split")
    with pytest.raises(
        KedroCliError, match=r"ablation: needs comparison, uv_value; run .*'--pipelines evaluate'"
    ):
        run(project, "ablation")
    (project / "data/07_model_output/smoke").mkdir(parents=True, exist_ok=True)
    known_comparison().to_parquet(project / "data/07_model_output/smoke/comparison.parquet")
    pd.DataFrame(columns=list(COLUMNS)).to_parquet(project / "data/07_model_output/smoke/uv_value.parquet")
    grid = {"grid": {"variant": ["rgb_only"], "training.seed": [0, 1]}}
    with pytest.raises(KeyboardInterrupt):
        run(project, "ablation", ablation=grid)
    results = project / "data/07_model_output/smoke/ablation"
    assert len(list(results.glob("*.json"))) == 1
    assert not (project / "data/07_model_output/smoke/ablation.parquet").exists()

    run(project, "ablation", ablation=grid)
    assert [cell[:2] for cell in trained] == [("rgb_only", 0), ("rgb_only", 1), ("rgb_only", 1)]
    table = pd.read_parquet(project / "data/07_model_output/smoke/ablation.parquet")
    assert table.groupby("training.seed")["cell"].nunique().to_list() == [1, 1]
    assert {"variant", "partition", "task", "label", "metric", "value", "is_selected"} <= set(table.columns)
    baselines = table[table["training.seed"].isna()]
    assert set(baselines["variant"]) == {"band_means", "chance"}
    assert (baselines["setting"] == "[" + baselines["variant"] + "]").all()
    spread = pd.read_parquet(project / "data/07_model_output/smoke/seed_spread.parquet")
    assert set(spread["n_seeds"]) == {2}
    assert set(spread["name"]) == {"rgb_only"}
    assert {"classification_control", "classification_test_only"} & set(spread["task"])
    for width in ("single", "double"):
        assert (project / f"data/08_reporting/smoke/ablation/ablation_{width}.pdf").is_file()
    assert not list((project / "data/06_models/smoke/ablation/training_state").iterdir())
    assert len(list((project / "data/06_models/smoke/ablation/checkpoints").iterdir())) == 2

    run(project, "ablation", ablation=grid)
    assert len(trained) == 3
    plan = project / "data/06_models/smoke/ablation/plan.json"
    before = {cell["cell"] for cell in json.loads(plan.read_text())}
    one = {"grid": {"variant": ["separate"], "training.seed": [0]}}
    run(project, "ablation", ablation=one, loss={"temperature": 0.2})
    assert trained[3:] == [("separate", 0, 0.2)]
    assert not before & {cell["cell"] for cell in json.loads(plan.read_text())}
    table = pd.read_parquet(project / "data/07_model_output/smoke/ablation.parquet")
    assert set(table["partition"]) == {"test", "all"}
    assert {"retrieval", "retrieval_opposite_views", "classification"} <= set(table["task"])
