"""The snippets of docs/how-to/from-r.md, run by R on tables as the catalog writes them."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.datasets.atomic import AtomicCSVDataset

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "from-r.md"

pytestmark = pytest.mark.skipif(
    not shutil.which("Rscript"), reason="Rscript is not on the path (Debian: apt install r-base-core)"
)


def run(script, folder):
    found = subprocess.run(["Rscript", "-e", script], cwd=folder, check=False, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "Warning" not in found.stderr
    return [line.split() for line in found.stdout.splitlines()]


def save(folder, name, /, **columns):
    AtomicCSVDataset(filepath=str(folder / f"{name}.csv")).save(pd.DataFrame(columns))


@pytest.fixture
def study(tmp_path):
    results, primary = tmp_path / "data/07_model_output/demo", tmp_path / "data/03_primary/demo"
    save(
        results,
        "uv_value",
        species=["weak", "NA", "none", "all species", "explored"],
        label="sex",
        features="colour",
        uv_adds=[5.0, 4.0, np.nan, 6.0, 9.0],
        low=[0.0, 2.5, np.nan, 1.0, 8.0],
        high=[9.0, 8.0, np.nan, 7.0, 10.0],
        q=[0.3, 0.001, np.nan, 0.01, 0.001],
        verdict=["unresolved", "uv_only", "too_few", "uv_adds", "uv_adds"],
        family=["primary"] * 4 + ["exploratory"],
        scope=["species"] * 3 + ["all", "species"],
    )
    save(
        results,
        "comparison",
        name=["separate", "pca_cca", "separate", "concat"],
        task=["retrieval", "retrieval", "retrieval", "alignment"],
        metric=["recall@1", "recall@1", "recall@5", "recall@1"],
        stratum="",
        direction="rgb_to_uv",
        value=[0.5, 0.75, 0.9, 0.1],
        low=0.1,
        high=0.9,
        chance=0.25,
        n=4,
    )
    captures = ["=a", "b", "c"]
    save(primary, "specimen_index", capture_id=captures, species=["x", "x", "y"], flags="")
    save(
        primary,
        "registration_qa",
        capture_id=captures,
        status=["corrected", "corrected", "ok"],
        dx_px=[3.0, 0.0, 0.0],
        dy_px=[4.0, 2.0, 1.0],
    )
    save(
        results / "separate",
        "embeddings",
        capture_id=["a", "b", "a"],
        modality=["uv", "uv", "rgb"],
        species="x",
        umap_x=[0.0, 1.0, 5.0],
        umap_y=[0.0, 1.0, 5.0],
        x1=[0.1, 0.2, 0.3],
        x2=[np.nan, np.nan, 0.4],
    )
    return tmp_path


def test_the_page_reads_the_tables_and_redraws_the_figure_of_the_report(study):
    snippets = re.findall(r"```r\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = run("\n".join(snippets), study)
    assert [line[0] for line in lines[1:3]] == ["NA", "weak"]  # by lower limit, primary, single species
    assert [float(one) for one in lines[1][2:6]] == [4, 2.5, 8, 0.001]
    assert lines[4:6] == [
        ["pca_cca", "rgb_to_uv", "0.75", "0.1", "0.9", "0.25", "4"],
        ["separate", "rgb_to_uv", "0.50", "0.1", "0.9", "0.25", "4"],
    ]
    assert lines[7:9] == [["1", "corrected", "3.5"], ["2", "ok", "1.0"]]
    assert lines[9:] == [["2", "UV", "embeddings", "of", "1", "dimensions"]]
    for name in ("uv_value.pdf", "map.pdf"):
        assert (study / name).read_bytes().startswith(b"%PDF")


def test_the_apostrophe_comes_off_as_the_page_says(study):
    (command,) = re.findall(r"`(sub\(.*?\))`", PAGE.read_text())
    path = "data/03_primary/demo/specimen_index.csv"
    script = f"x <- read.csv('{path}')$capture_id; x <- c(x, \"'kept'\"); cat({command})"
    assert run(script, study) == [["=a", "b", "c", "'kept'"]]
