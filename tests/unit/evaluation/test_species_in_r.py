"""The exports for phylogenetic methods, read by the R script that the documentation offers."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation.species_export import SPECIES_COLUMNS, average_species, tabulate_species
from xmodal_pipeline.specimens.tree import match_tips, read_tips

SCRIPT = Path(__file__).parents[3] / "docs" / "species_tree.R"
TREE = "((('Aa bb':1,Aa_cc:1):3,(Aa_dd:2,'Aa ee':2):2):1,((Ba_aa:1,Ba_bb:1):2,(Ba_cc:2,Elsewhere_x:2):1):2);"
SPECIES = ["aa bb", "aa_cc", "aa_dd", "aa ee", "ba_aa", "ba_bb", "ba_cc", "not in tree"]
SHARED = {(0, 1): 4, (0, 2): 1, (0, 3): 1, (1, 2): 1, (1, 3): 1, (2, 3): 3, (4, 5): 4, (4, 6): 2, (5, 6): 2}


@pytest.fixture(scope="module", autouse=True)
def _needs_r():
    if not shutil.which("Rscript"):
        pytest.skip(
            "Rscript is not on the path; install R (Debian: apt install r-base-core r-cran-ape r-cran-nlme)"
        )
    asked = "quit(status = !all(sapply(c('ape', 'nlme'), requireNamespace, quietly = TRUE)))"
    if subprocess.run(["Rscript", "-e", asked], check=False, capture_output=True).returncode:
        pytest.skip("R lacks ape or nlme; install.packages(c('ape', 'nlme'))")


@pytest.fixture
def study(tmp_path):
    (tmp_path / "tree.nwk").write_text(TREE)
    folder = tmp_path / "data" / "07_model_output" / "birds"
    (folder / "separate").mkdir(parents=True)
    tips = match_tips(read_tips(tmp_path / "tree.nwk"), SPECIES)
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"species": SPECIES, "features": "colour", "label": "sex", "view": "dorsal"})
    rows = rows.assign(
        scope="species", uv_adds=[5, 4.4, 6, 5.5, 1, 1.4, 2.2, 9], uv_adds_se=rng.uniform(0.5, 1, 8)
    )
    rows.loc[6, ["uv_adds", "uv_adds_se"]] = np.nan
    uv_value = pd.concat([rows, rows.assign(features="separate", uv_adds=0)]).reindex(
        columns=["scope", *(c for c in SPECIES_COLUMNS if c != "tip")]
    )
    adds = tabulate_species(uv_value.assign(specimens="all"), tips)
    adds.to_csv(folder / "species_table.csv", index=False)
    index = pd.DataFrame({"species": np.repeat(SPECIES, [2, 3, 2, 4, 2, 3, 2, 2])})
    index["capture_id"] = index["specimen_id"] = [f"s{i}" for i in index.index]
    keys = pd.concat(
        [index[["capture_id", "specimen_id"]].assign(modality=m) for m in ("rgb", "uv", "joint")]
    )
    values = pd.DataFrame(rng.normal(size=(len(keys), 3)), columns=["x1", "x2", "x3"], index=keys.index)
    average_species(pd.concat([keys, values], axis=1), index, tips).to_csv(
        folder / "separate" / "species_means.csv", index=False
    )
    return tmp_path, rows


def run(folder, *arguments):
    call = ["Rscript", str(SCRIPT), "tree.nwk", "birds", *arguments]
    return subprocess.run(call, cwd=folder, check=False, capture_output=True, text=True)


def fit(rows):
    """Mean over the tree, its standard error and lambda, by the formulae of generalised least squares."""
    y, sd = (rows[name].to_numpy()[:6].astype(float) for name in ("uv_adds", "uv_adds_se"))
    kin = np.eye(6)
    for (i, j), length in SHARED.items():
        if j < 6:
            kin[i, j] = kin[j, i] = length / 5
    best = (-np.inf,)
    for share in np.arange(21) / 20:
        cov = np.outer(sd, sd) * np.where(np.eye(6) == 1, 1, share * kin)
        weights = np.linalg.inv(cov)
        mean = weights.sum(axis=0) @ y / weights.sum()
        squares = (y - mean) @ weights @ (y - mean)
        likelihood = -3 * np.log(squares / 6) - np.linalg.slogdet(cov)[1] / 2
        best = max(best, (likelihood, mean, np.sqrt(squares / 5 / weights.sum()), share))
    return best[1:]


def test_the_script_finds_what_generalised_least_squares_find(study):
    folder, rows = study

    done = run(folder, "separate", "sex")

    assert done.returncode == 0, done.stderr
    numbers = re.findall(r"(\d) species, lambda ([\d.]+)\n\(Intercept\) (-?[\d.]+), SE ([\d.]+)", done.stdout)
    mean, error, share = fit(rows)
    assert share > 0.5
    # Quoted tips and others; without the species that has no number, and the one that has no tip.
    assert numbers[0][0] == "6"
    assert [float(n) for n in numbers[0][1:]] == pytest.approx([share, mean, error], abs=2e-4)
    assert numbers[1][0] == "7"
    assert re.search(r"component_rgb -?[\d.]+, SE [\d.]+, p [\d.]+\n", done.stdout)


def test_the_script_asks_for_one_label(study):
    folder, _ = study
    path = folder / "data" / "07_model_output" / "birds" / "species_table.csv"
    table = pd.read_csv(path)
    pd.concat([table, table.assign(label="age")]).to_csv(path, index=False)

    done = run(folder, "separate")

    assert done.returncode == 1
    assert "label: must be one, got sex, age; name it as an argument" in done.stderr
