"""What Kedro-Viz shows of a model is what the model is made of."""

import itertools
import re

import pytest

from xmodal_pipeline.models import build_model
from xmodal_pipeline.params.train import TrainingParams, TrainParams
from xmodal_pipeline.params.variants import VARIANTS
from xmodal_pipeline.pipelines.train.diagrams import draw_model


def edges(text):
    """Pairs of ids, from `a["…"] --> b & c`."""
    found = set()
    for line in text.splitlines()[1:]:
        steps = re.split(r"-->|-\.->", re.sub(r'[\[(]".*?"[\])]', "", line))
        for left, right in itertools.pairwise(steps):
            found |= {(a.strip(), b.strip()) for a in left.split("&") for b in right.split("&")}
    return found


def reached(pairs, start):
    """Everything that a node flows into."""
    found, left = set(), {start}
    while left:
        step = {b for a, b in pairs if a in left} - found
        found, left = found | step, step
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_diagram_has_the_encoders_and_heads_of_its_model(variant):
    training = TrainingParams(backbone="test_resnet", projection_dim=8, hidden_dim=8)
    model = build_model(TrainParams().variants[variant], training, rgb_bands=3, uv_bands=2, image_size=32)
    pairs = edges(draw_model(variant))
    ids = {one for pair in pairs for one in pair}

    assert {one.removeprefix("head_") for one in ids if one.startswith("head_")} == set(model.heads)
    drawn = {one for one in ids if one.startswith("encoder")}
    assert len(drawn) == len({id(one) for one in model.encoders.values()})
    assert {one for one in ("rgb", "uv") if one in ids} == set(model.modalities)
    for modality in model.modalities:
        assert f"projection_{modality}" in reached(pairs, modality)
    if len(model.modalities) == 2:
        assert "feature_joint" in reached(pairs, "rgb") & reached(pairs, "uv")
        is_apart = variant in ("separate", "concat", "attention")
        assert ("projection_uv" in reached(pairs, "rgb")) != is_apart


def test_every_training_shows_its_own_model(pipelines):
    nodes = {one.namespace: one for one in pipelines["all_variants"].nodes if "training" in one.tags}
    assert len(nodes) == len(VARIANTS)
    for variant in VARIANTS:
        preview = nodes[f"train.{variant}"].preview()
        assert (preview.kind, preview.content) == ("mermaid", draw_model(variant))
