"""What each strategy computes, against a second way to compute it."""

import math

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from xmodal_pipeline.models import build_model
from xmodal_pipeline.models.fusion.attention import QueryAttention
from xmodal_pipeline.models.projection import mean_direction
from xmodal_pipeline.params.train import TrainingParams
from xmodal_pipeline.params.variants import AttentionParams, BaselineParams, ConcatParams, SeparateParams


def model_of(params, **changes):
    torch.manual_seed(0)
    training = TrainingParams(backbone="test_resnet", projection_dim=16, hidden_dim=32)
    return build_model(params, training, **({"rgb_bands": 3, "uv_bands": 2, "image_size": 64} | changes))


def batch(rows=4, uv_bands=2):
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(rows, 3, 64, 64, generator=generator),
        torch.randn(rows, uv_bands, 64, 64, generator=generator),
    )


def test_mean_direction_by_hand():
    rgb, uv = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[0.0, 5.0], [-7.0, 0.0]])
    torch.testing.assert_close(mean_direction(rgb, uv), torch.tensor([[0.3, 0.9], [-0.5, 0.5]]))


def test_separate_joint_is_the_mean_direction_of_features_and_of_projections():
    model = model_of(SeparateParams(), unimodal_joint=True).eval()
    output = model(*batch())
    for part in (output.features, output.projections):
        torch.testing.assert_close(part["joint"], mean_direction(part["rgb"], part["uv"]))
    for name in ("rgb", "uv"):
        lengths = output.unimodal_joint[name].norm(dim=1)
        torch.testing.assert_close(lengths, torch.ones(4))
        torch.testing.assert_close(
            output.unimodal_joint[name] * output.projections[name].norm(dim=1, keepdim=True),
            output.projections[name],
        )
    assert sorted(model.heads) == ["rgb", "uv"]


def test_concat_fuses_both_features_and_alone_sees_zeros():
    model = model_of(ConcatParams(), unimodal_joint=True).eval()
    output = model(*batch())
    rgb, uv = output.features["rgb"], output.features["uv"]
    fuse, head = model.fusion.fuse, model.heads["joint"]
    torch.testing.assert_close(output.features["joint"], fuse(torch.cat([rgb, uv], 1)))
    torch.testing.assert_close(output.unimodal_joint["rgb"], head(fuse(torch.cat([rgb, 0 * uv], 1))))
    torch.testing.assert_close(output.unimodal_joint["uv"], head(fuse(torch.cat([0 * rgb, uv], 1))))


def test_shared_concat_is_one_encoder_over_all_bands():
    model = model_of(ConcatParams(use_modality_specific=False), unimodal_joint=True).eval()
    rgb, uv = batch()
    output = model(rgb, uv)
    encoder = model.encoders["rgb"]
    assert encoder is model.encoders["uv"]
    torch.testing.assert_close(output.features["rgb"], encoder(torch.cat([rgb, 0 * uv], 1)))
    torch.testing.assert_close(output.features["uv"], encoder(torch.cat([0 * rgb, uv], 1)))
    torch.testing.assert_close(output.features["joint"], encoder(torch.cat([rgb, uv], 1)))
    torch.testing.assert_close(output.unimodal_joint["uv"], model.heads["joint"](output.features["uv"]))


def test_modality_dropout_takes_each_modality_equally_often_and_never_both():
    fusion = model_of(ConcatParams(use_modality_specific=False, modality_dropout=0.4)).fusion
    torch.manual_seed(0)
    rgb, uv = fusion._drop(torch.ones(20_000, 3, 1, 1), torch.ones(20_000, 2, 1, 1))
    has_rgb, has_uv = rgb.amin((1, 2, 3)), uv.amin((1, 2, 3))
    assert torch.equal(has_rgb, rgb.amax((1, 2, 3))), "a row keeps all bands or none"
    assert ((has_rgb + has_uv) > 0).all()
    for has in (has_rgb, has_uv):
        assert 1 - has.mean().item() == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / 20_000))


def test_query_attention_equals_torch_attention():
    torch.manual_seed(0)
    attend = QueryAttention(dim=12, heads=3)
    query, tokens = torch.randn(12), torch.randn(2, 5, 12)
    normed = attend.norm(tokens)

    def split(x):
        return x.view(2, -1, 3, 4).transpose(1, 2)

    attended = scaled_dot_product_attention(
        split(query.expand(2, 1, 12)), split(attend.key(normed)), split(attend.value(normed))
    )
    pooled = attend.out(attended.transpose(1, 2).reshape(2, 12))
    torch.testing.assert_close(attend(query, tokens), pooled + attend.hidden(pooled))
    weights = attend.weights(query, tokens)
    assert weights.shape == (2, 3, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3))


def test_attention_has_no_key_bias():
    assert QueryAttention(dim=8, heads=2).key.bias is None


def test_heads_must_divide_the_dimension():
    with pytest.raises(ValueError, match="heads must divide the backbone's dimension 96, got 5"):
        model_of(AttentionParams(heads=5))


@pytest.mark.parametrize("specific", [True, False])
def test_each_query_sees_its_tokens(specific):
    model = model_of(AttentionParams(use_modality_specific=specific), unimodal_joint=True).eval()
    fusion = model.fusion
    rgb, uv = fusion.pair(*batch())
    if not specific:
        rgb, uv = rgb + fusion.modality_tokens["rgb"], uv + fusion.modality_tokens["uv"]
    output = model(*batch())
    attend, queries = fusion.attend, fusion.queries
    torch.testing.assert_close(output.features["rgb"], attend(queries["rgb"], rgb))
    torch.testing.assert_close(output.features["uv"], attend(queries["uv"], uv))
    torch.testing.assert_close(output.features["joint"], attend(queries["joint"], torch.cat([rgb, uv], 1)))
    alone = model.heads["joint"](attend(queries["joint"], uv))
    torch.testing.assert_close(output.unimodal_joint["uv"], alone)


def test_unimodal_joint_is_empty_unless_asked_for():
    for params in (SeparateParams(), ConcatParams(), AttentionParams()):
        assert model_of(params).eval()(*batch()).unimodal_joint == {}


@pytest.mark.parametrize("modality", ["rgb", "uv"])
def test_baseline_needs_only_its_modality(modality):
    model = model_of(BaselineParams(fusion_type=f"{modality}_only")).eval()
    rgb, uv = batch()
    both = model(rgb, uv)
    alone = model(rgb, None) if modality == "rgb" else model(None, uv)
    assert list(both.features) == list(both.projections) == [modality] == list(model.modalities)
    assert torch.equal(alone.features[modality], both.features[modality])


@pytest.mark.parametrize("missing", ["rgb", "uv"])
def test_a_missing_modality_is_named(missing):
    rgb, uv = batch()
    model = model_of(SeparateParams())
    with pytest.raises(ValueError, match=f"{missing} must be given to a model of"):
        model(None if missing == "rgb" else rgb, None if missing == "uv" else uv)
