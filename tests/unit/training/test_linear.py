"""The branch is weighed on validation captures, fitted on all but test ones, and is in the checkpoint."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity

from xmodal_pipeline.augmentation import ViewMaker
from xmodal_pipeline.evaluation.baselines import coarse_pixels, pca_cca
from xmodal_pipeline.training import Checkpoint, embed, linear
from xmodal_pipeline.training.batches import read_batch
from xmodal_pipeline.training.linear import SHARES, add_linear_branch, best_share


@pytest.fixture
def untrained(make_config):
    def make(name="separate", **training):
        torch.manual_seed(0)
        config = make_config(name, **training)
        return Checkpoint.of_weights(config.initial_model().state_dict(), config)

    return make


def vectors(table, modality):
    chosen = table[table["modality"] == modality]
    return chosen[[name for name in table.columns if name[1:].isdigit()]].to_numpy()


def test_it_is_the_baseline_of_the_evaluation_fitted_on_training_captures(untrained, make_prepared):
    prepared = make_prepared(train=30, validation=0, test=6)
    checkpoint = add_linear_branch(untrained(linear_share=1.0), prepared)
    sides = [
        coarse_pixels(images, prepared.masks[:, i], prepared.statistics[name])
        for i, (name, images) in enumerate((("rgb", prepared.rgb), ("uv", prepared.uv)))
    ]
    expected = pca_cca(sides[0][:30], sides[1][:30])(*sides)
    found = embed(checkpoint, prepared).projections
    for name, variates in zip(("rgb", "uv"), expected, strict=True):
        unit = variates / np.linalg.norm(variates, axis=1, keepdims=True)
        np.testing.assert_allclose(vectors(found, name)[:, 16:], unit, atol=2e-3)
        np.testing.assert_allclose(vectors(found, name)[:, :16], 0, atol=1e-6)


def test_features_stay_what_was_learnt_and_the_file_brings_the_branch(untrained, make_prepared, tmp_path):
    prepared = make_prepared(train=30, test=6)
    plain, checkpoint = untrained(), add_linear_branch(untrained(linear_share=0.25), prepared)
    checkpoint.to_file(tmp_path / "model.safetensors")
    again = Checkpoint.from_file(tmp_path / "model.safetensors").model()
    config = plain.config
    views = ViewMaker(config.augmentation, config.photometry, config.channel_statistics(), config.image_size)
    view = views.evaluation_view(read_batch(prepared, np.arange(36)))
    unbranched = plain.model()
    with torch.no_grad():
        learnt, both = unbranched(view.rgb, view.uv), again(view.rgb, view.uv)
        alone = again.linear(view.rgb, view.uv)
    for name in ("rgb", "uv", "joint"):
        torch.testing.assert_close(both.features[name], learnt.features[name])
    cosines = [cosine_similarity(one["rgb"], one["uv"]) for one in (learnt.projections, alone)]
    torch.testing.assert_close(
        (both.projections["rgb"] * both.projections["uv"]).sum(dim=1), 0.75 * cosines[0] + 0.25 * cosines[1]
    )


@pytest.mark.parametrize(
    ("name", "share", "train"), [("separate", 0.0, 30), ("rgb_only", 0.5, 30), ("separate", 0.5, 9)]
)
def test_none_is_added_where_none_is_asked_or_possible(untrained, make_prepared, name, share, train):
    checkpoint = untrained(name, linear_share=share)
    assert add_linear_branch(checkpoint, make_prepared(train=train)) is checkpoint


def test_training_and_validation_captures_fit_it_and_test_captures_do_not(untrained, make_prepared):
    prepared = make_prepared(train=30, validation=4, test=6)

    def fit(first_changed):
        other = prepared.uv.copy()
        other[first_changed:] = 0.5
        return add_linear_branch(untrained(linear_share=0.5), replace(prepared, uv=other)).tensors

    same, without_test, without_validation = fit(40), fit(34), fit(33)
    assert all(torch.equal(same[name], without_test[name]) for name in same)
    assert not torch.equal(same["linear.uv_weights"], without_validation["linear.uv_weights"])


def test_validation_captures_do_not_fit_what_they_weigh(untrained, make_prepared, monkeypatch):
    prepared, fitted = make_prepared(train=80, validation=25, test=3), []
    monkeypatch.setattr(linear, "pca_cca", lambda rgb, uv: fitted.append(len(rgb)) or pca_cca(rgb, uv))
    add_linear_branch(untrained(), prepared)
    assert fitted == [80, 105]


def test_plain_views_choose_the_share_and_warped_ones_where_one_outline_gives_pairs_away(
    untrained, make_prepared, monkeypatch
):
    seen = []

    def note(found, usual):
        seen.append((found.mean(axis=1), usual))
        return SHARES[found.mean(axis=1).argmax()]

    monkeypatch.setattr(linear, "best_share", note)

    def choose(validation, *, is_one_outline):
        prepared = make_prepared(train=80, validation=validation)
        masks = prepared.masks.copy()
        masks[:, 1, 16, 16] = is_one_outline
        return float(add_linear_branch(untrained(), replace(prepared, masks=masks)).tensors["linear.share"])

    chosen = [choose(25, is_one_outline=one) for one in (False, True)]
    (plain, usual_plain), (warped, usual_warped) = seen
    assert chosen == [pytest.approx(SHARES[found.argmax()]) for found in (plain, warped)]
    assert (usual_plain, usual_warped) == (0.75, 0.25)
    assert plain[-1] > 0.8 > 0.6 > warped[-1]  # PCA + CCA alone
    assert plain[0] < 0.5  # an encoder that learnt nothing
    assert [choose(19, is_one_outline=one) for one in (False, True)] == [0.75, 0.25]
    assert len(seen) == 2


def test_the_usual_share_stands_unless_another_is_better_by_two_errors():
    found = np.tile(np.linspace(0.4, 0.6, 20), (len(SHARES), 1))
    found[4] += np.where(np.arange(20) % 2, 0.3, -0.3)
    error = (found[4] - found[2]).std(ddof=1) / np.sqrt(20)
    found[4] += 1.9 * error
    assert best_share(found, 0.25) == 0.25
    found[4] += 0.2 * error
    assert best_share(found, 0.25) == 0.75
    found[1] = found[4]  # equals: the one nearer to the usual share
    assert best_share(found, 0.25) == 0.1
    assert best_share(found, 0.75) == 0.75
