"""What goes to phylogenetic methods: hand-made tables, and the error of a distance against its spread."""

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation import uv_value
from xmodal_pipeline.evaluation.species_export import SPECIES_COLUMNS, average_species, tabulate_species
from xmodal_pipeline.evaluation.uv_value.value import prepare_part
from xmodal_pipeline.specimens.tree import match_tips

TIPS = match_tips(["Parus_major", "Sitta_europaea"], ["parus major", "sitta europea"])


def test_species_means_are_of_specimens_not_of_captures():
    index = pd.DataFrame(
        {
            "capture_id": ["a1", "a2", "b1", "c1", "d1", "e1"],
            "specimen_id": ["a", "a", "b", "c", "d", "e"],
            "species": ["parus major", "parus major", "parus major", "sitta europea", None, "parus major"],
            "view": ["back", "back", "back", "back", "back", "belly"],
        }
    )
    one = index[["capture_id", "specimen_id"]].assign(partition="train", modality="uv")
    embeddings = pd.concat(
        [one.assign(x1=[1.0, 3.0, 8.0, 4.0, 9.0, 7.0], x2=0.0), one.assign(modality="rgb", x1=-1.0, x2=2.0)]
    ).sample(frac=1, random_state=0)

    table = average_species(embeddings, index, TIPS)

    uv = table[table["modality"] == "uv"].drop(columns=["modality", "x2"]).reset_index(drop=True)
    assert uv.astype(object).where(uv.notna(), None).to_dict("list") == {
        "species": ["parus major", "parus major", "sitta europea"],
        "tip": ["Parus_major", "Parus_major", None],
        "view": ["back", "belly", "back"],
        "n_specimens": [2, 1, 1],
        "x1": [5.0, 7.0, 4.0],
    }
    assert (table.loc[table["modality"] == "rgb", ["x1", "x2"]].to_numpy() == [-1, 2]).all()
    assert average_species(embeddings, index.drop(columns=["species"]), TIPS).empty


def test_species_table_holds_single_species_with_their_tips():
    rng = np.random.default_rng(0)
    species = np.repeat(["parus major", "sitta europea"], 20)
    sex = np.tile(["f", "m"], 20)
    rgb, uv = rng.normal(size=(2, 40, 2))
    uv[:, 0] += 3 * (sex == "m")
    found = uv_value(rgb, uv, sex, species).assign(specimens="all")

    table = tabulate_species(pd.concat([found, found.assign(specimens="test", uv_adds=9)]), TIPS)

    assert tuple(table.columns) == SPECIES_COLUMNS
    assert (found["scope"] == "all").any()
    assert table.set_index("species")["tip"].to_dict() == {
        "parus major": "Parus_major",
        "sitta europea": np.nan,
    }
    assert table["uv_adds"].tolist() == found.loc[found["scope"] == "species", "uv_adds"].tolist()
    assert (table["uv_adds_se"] > 0).all()
    assert tabulate_species(pd.DataFrame(columns=found.columns), TIPS).empty


@pytest.mark.parametrize("distance", [0.0, 2.25])
def test_error_is_the_spread_of_uv_adds_over_studies_and_weighs_without_bias(distance):
    """Four species of 12 + 12 with the same difference in UV given RGB, 60 studies."""
    species = np.repeat(list("abcd"), 24)
    sex = np.tile(np.repeat(["f", "m"], 12), 4)
    trait = np.array([np.sqrt(distance), 0.0]) * (sex == "m")[:, None]
    estimates, errors = np.empty((60, 4)), np.empty((60, 4))
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rgb = rng.normal(size=(96, 2))
        uv = 0.5 * rgb + rng.normal(size=(96, 2)) + trait
        part = prepare_part(
            (rgb, uv, np.empty((96, 0))),
            {"labels": sex, "species": species, "clade": None, "blocks": None},
            None,
            minimum_n=6,
            is_learnt=None,
            names={},
        )
        found = part.rows.set_index("species")
        estimates[seed], errors[seed] = (
            found.loc[list("abcd"), ["uv_adds_unbiased", "uv_adds_se"]].to_numpy().T
        )
    spread = estimates.std()
    # At 0 the mean distance, of which negative means count as 0, lies above the truth.
    assert 0.85 < np.sqrt((errors**2).mean()) / spread < (1.15 if distance else 1.45)
    weighted = (estimates / errors**2).sum(1) / (1 / errors**2).sum(1)
    # Errors at each species' own estimate gave 1.5 for 2.25.
    assert weighted.mean() == pytest.approx(distance, abs=3 * spread / np.sqrt(240))
