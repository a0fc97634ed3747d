"""The first publishable hour: what a study has before anything is trained."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.pipelines import STAGES
from xmodal_pipeline.pipelines.colour import create_pipeline as create_colour
from xmodal_pipeline.pipelines.colour.nodes import draw_uv_value, summarise_uv_value
from xmodal_pipeline.pipelines.evaluate import create_pipeline as create_evaluate
from xmodal_pipeline.pipelines.evaluate.nodes import measure_uv_value_of_colour
from xmodal_pipeline.pipelines.ingest.nodes import describe_labels

CLAIMS = {"uv_adds", "uv_only"}
N_SPECIES, N_PER_SEX = 4, 20


def trap():
    """Sex goes with the year in nine of ten specimens; the year moves UV, sex moves nothing."""
    rng = np.random.default_rng(0)
    n = N_SPECIES * 2 * N_PER_SEX
    sex = np.tile(np.repeat([0, 1], N_PER_SEX), N_SPECIES)
    year = np.where(rng.random(n) < 0.9, sex, 1 - sex)
    ids = [f"c{i:03d}" for i in range(n)]
    index = pd.DataFrame(
        {
            "capture_id": ids,
            "specimen_id": ids,
            "colour_units": "reflectance",
            "species": np.repeat([f"species {s}" for s in range(N_SPECIES)], 2 * N_PER_SEX),
            "sex": np.where(sex == 1, "m", "f"),
            "year": np.where(year == 1, "2019", "2020"),
        }
    )
    rows = []
    for modality, bands, shift in (("rgb", "RGB", 0.0), ("uv", "XYZ", 2.0)):
        for band in bands:
            means = rng.normal(size=n) + shift * year
            spread = rng.normal(size=n)
            rows += [
                (name, name, "whole", modality, band, mean, sd)
                for name, mean, sd in zip(ids, means, spread, strict=True)
            ]
    columns = ["capture_id", "specimen_id", "patch", "modality", "band", "mean", "sd"]
    return pd.DataFrame(rows, columns=columns), index


def study(*confounders):
    settings = SpecimensParams(confounders=confounders, scale="percent")
    return open_study(Path(), settings, [])


def test_sex_confounded_with_year_is_coded_and_not_claimed():
    colour, index = trap()
    params = EvaluationParams()

    tables = {
        named: measure_uv_value_of_colour(colour, index, study(*named), params) for named in ((), ("year",))
    }
    confounding = describe_labels(study("year"), index)[1]

    claimed = {named: table["verdict"].isin(CLAIMS).sum() for named, table in tables.items()}
    assert claimed[()] > N_SPECIES / 2  # the trap works
    assert claimed[("year",)] == 0
    coded = confounding.set_index("label")["code"]
    assert coded.to_dict() == {"species": "", "sex": "LABEL_CONFOUNDED"}
    summary = summarise_uv_value(tables[("year",)], confounding, study("year"))
    assert set(summary["confounded_with"]) == set(summary["compared_within"]) == {"year"}
    assert set(summary["colour_units"]) == {"reflectance"}


def test_a_study_without_labels_says_why_there_is_no_figure():
    colour, index = trap()
    bare = index.drop(columns=["species", "sex", "year"])
    empty = measure_uv_value_of_colour(colour, bare, study(), EvaluationParams())

    figure = draw_uv_value(empty, study())
    summary = summarise_uv_value(empty, describe_labels(study(), bare)[1], study())

    assert (figure.pages, summary.empty) == ((), True)
    assert figure.reason


@pytest.fixture
def finished(project):
    bootstrap_project(project)
    params = {
        "specimens": {"confounders": ["session"]},
        "simulation": {"image_size_px": 64},
        "quality": {"n_jobs": 1},
    }
    with KedroSession.create(project_path=project, env="smoke", runtime_params=params) as session:
        session.run(pipeline_names=["ingest", "colour"])
    return project / "data"


def test_ingest_and_colour_leave_tables_and_a_figure_and_train_nothing(finished):
    tables = finished / "03_primary" / "smoke"
    colour = pd.read_parquet(tables / "colour_table.parquet")
    pd.testing.assert_frame_equal(
        pd.read_csv(tables / "colour_table.csv"), colour, check_dtype=False, rtol=1e-6
    )
    index = pd.read_parquet(tables / "specimen_index.parquet")
    assert set(colour["capture_id"]) == set(index["capture_id"])
    balance = pd.read_parquet(tables / "class_balance.parquet")
    over_all = balance[balance["species"].isna() & (balance["label"] == "sex")]
    assert over_all["n_specimens"].sum() == index["specimen_id"].nunique()
    confounding = pd.read_parquet(tables / "confounding.parquet")
    assert set(confounding["confounder"]) == {"session"}
    assert {"species", "sex"} <= set(confounding["label"])
    information = pd.read_parquet(tables / "modality_information.parquet")
    assert information["effective_dimensions"].between(1, 3).all()
    assert pd.read_csv(tables / "receptor_table.csv").empty
    reports = finished / "08_reporting" / "smoke"
    figure = json.loads((reports / "uv_value_colour" / "figure.json").read_text())
    assert figure["versions"] == {
        width: [{ending: f"uv_value_colour_{width}.{ending}" for ending in ("png", "pdf")}]
        for width in ("single", "double")
    }
    summary = pd.read_csv(reports / "uv_value_colour_summary.csv")
    assert summary["compared_within"].eq("session").all()
    assert set(summary["colour_units"]) == {"relative"}
    assert not (finished / "06_models" / "smoke").exists()


def test_colour_is_no_stage_and_its_table_is_its_own():
    """Within `evaluate` colour is corrected together with a variant, so that its q is another."""
    colour, evaluate = create_colour(), create_evaluate()

    assert "colour" not in STAGES
    assert "uv_value_colour" in colour.all_outputs()
    assert "uv_value_colour" not in evaluate.all_outputs()
    assert not {node.name for node in colour.nodes} & {node.name for node in evaluate.nodes}
