"""Maps of claims: whose they are, which class they speak for, and what is averaged over whom."""

import numpy as np
import pandas as pd
import pytest
import torch

from xmodal_pipeline.evaluation.uv_value.discriminant import uv_direction
from xmodal_pipeline.training import Checkpoint, embed
from xmodal_pipeline.training.influence import map_uv_influence
from xmodal_pipeline.training.uv_maps import COLUMNS, map_claims

N = 12


@pytest.fixture
def study(make_config, make_prepared):
    """A model that learnt nothing, 12 specimens of two views each, and claims of every kind."""
    torch.manual_seed(0)
    config = make_config()
    checkpoint = Checkpoint.of_weights(config.initial_model().state_dict(), config)
    prepared = make_prepared(train=N, test=0, views=2)
    index = pd.DataFrame(
        {
            "capture_id": prepared.capture_ids,
            "specimen_id": prepared.specimen_ids,
            "species": "p",
            "sex": np.repeat(np.resize(["m", "f"], N), 2),
        }
    )
    index.loc[index["specimen_id"] == "specimen11", "sex"] = None
    claim = {
        **{"features": "separate", "family": "primary", "scope": "species", "specimens": "all"},
        **{"verdict": "uv_adds", "label": "sex", "view": "", "species": "p"},
    }
    return checkpoint, prepared, embed(checkpoint, prepared).embeddings, index, claim


def test_each_class_is_averaged_over_its_specimens_and_spoken_for(study):
    checkpoint, prepared, embeddings, index, claim = study
    found = map_claims(checkpoint, prepared, embeddings, index, pd.DataFrame([claim]))
    assert list(found.columns) == list(COLUMNS)
    assert found.groupby("class")["n"].first().to_dict() == {"f": 4, "m": 4}
    assert found.groupby("class")["n_class"].first().to_dict() == {"f": 5, "m": 6}
    ids = sorted(f"specimen{k}" for k in range(0, N, 2))[:4]
    males = [prepared.specimen_ids.index(name) for name in ids]  # the first capture of each
    pixel = found[(found["class"] == "m") & (found["row"] == 16) & (found["column"] == 12)].iloc[0]
    assert pixel["uv"] == pytest.approx(prepared.uv[males, :, 16, 12].astype(float).mean(), rel=1e-3)
    assert pixel["coverage"] == 1
    assert len(found) == 2 * prepared.masks[0, 1].sum()
    # Influence: along the direction of specimens, and for the class itself.
    columns = [name for name in embeddings if name[0] == "x"]
    known = index.drop_duplicates("specimen_id").dropna().sort_values("specimen_id")
    rgb, uv = (
        embeddings[embeddings["modality"] == name]
        .groupby("specimen_id")[columns]
        .mean()
        .loc[known["specimen_id"]]
        for name in ("rgb", "uv")
    )
    is_male = known["sex"].to_numpy() == "m"
    direction = uv_direction(rgb.to_numpy(float), uv.to_numpy(float), is_male)
    scores = uv.to_numpy(float) @ direction
    sd = np.sqrt(
        sum((part - part.mean()) @ (part - part.mean()) for part in (scores[is_male], scores[~is_male])) / 9
    )
    for sex, sign in (("m", 1), ("f", -1)):
        rows = [prepared.capture_ids.index(c) for c in known.loc[known["sex"] == sex, "capture_id"]][:4]
        expected = sign * map_uv_influence(checkpoint, prepared, np.array(rows), direction / sd).mean(axis=0)
        own = found[found["class"] == sex]
        np.testing.assert_allclose(
            own["influence"], expected[own["row"], own["column"]], rtol=1e-3, atol=1e-6
        )


def test_only_what_this_variant_claims_is_mapped(study):
    checkpoint, prepared, embeddings, index, claim = study
    others = (
        *({"features": "concat"}, {"features": "colour"}, {"family": "exploratory"}, {"scope": "all"}),
        *({"specimens": "test"}, {"verdict": "unresolved"}, {"verdict": "rgb_suffices"}),
    )
    map_of_one = map_claims(checkpoint, prepared, embeddings, index, pd.DataFrame([claim])).head(3)
    for change in others:
        found = map_claims(checkpoint, prepared, embeddings, index, pd.DataFrame([claim | change]))
        assert found.empty, change
        # Beside the maps of another variant nothing turns into objects.
        both = pd.concat([found, map_of_one])
        assert both.dtypes.to_dict() == map_of_one.dtypes.to_dict()
