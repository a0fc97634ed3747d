"""What every fusion strategy must satisfy; a new one is tested by being registered."""

import importlib
import itertools

import pytest
import torch

from xmodal_pipeline.losses import CombinedLoss
from xmodal_pipeline.models import build_model
from xmodal_pipeline.models.fusion import Fusion
from xmodal_pipeline.params.train import LossParams, TrainingParams, TrainParams
from xmodal_pipeline.params.variants import BASELINES, FUSIONS, STRATEGIES, VARIANTS

VARIANT_PARAMS = TrainParams().variants
PARTS = ("rgb", "uv", "joint")
EVERY_VARIANT = pytest.mark.parametrize("variant", VARIANTS)
EVERY_STRATEGY = pytest.mark.parametrize("variant", STRATEGIES)
EVERY_KIND = pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])


def build(variant, backbone="test_resnet", uv_bands=2, joint_mode="simclr"):
    torch.manual_seed(0)
    training = TrainingParams(backbone=backbone, projection_dim=16, hidden_dim=32)
    return build_model(
        VARIANT_PARAMS[variant],
        training,
        rgb_bands=3,
        uv_bands=uv_bands,
        image_size=64,
        unimodal_joint=joint_mode == "comm",
    )


def batch(seed, rows=6, uv_bands=2):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(rows, bands, 64, 64, generator=generator) for bands in (3, uv_bands))


def gradient_norms_after_two_steps(model, joint_mode, uv_bands):
    """Norm by parameter in the third backward pass.

    timm starts the last norm of a residual block at zero, which hides the block from the first.
    """
    loss = CombinedLoss(LossParams(joint_mode=joint_mode), model.modalities)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    views = batch(1, uv_bands=uv_bands), batch(2, uv_bands=uv_bands)
    for step in range(3):
        optimiser.zero_grad()
        loss(model(*views[0]), model(*views[1]), progress=0.0).total.backward()
        if step < 2:
            optimiser.step()
    return {name: 0.0 if p.grad is None else p.grad.norm().item() for name, p in model.named_parameters()}


def assert_all_reached(norms):
    median = torch.tensor(list(norms.values())).median().item()
    assert median > 0
    assert {name: norm for name, norm in norms.items() if norm <= 1e-6 * median} == {}


@EVERY_VARIANT
@EVERY_KIND
@pytest.mark.parametrize("joint_mode", ["simclr", "comm"])
def test_every_parameter_gets_a_gradient(variant, backbone, joint_mode):
    model = build(variant, backbone, joint_mode=joint_mode)
    assert_all_reached(gradient_norms_after_two_steps(model, joint_mode, uv_bands=2))


@EVERY_STRATEGY
def test_every_parameter_gets_a_gradient_with_equal_band_counts(variant):
    assert_all_reached(gradient_norms_after_two_steps(build(variant, uv_bands=3), "simclr", uv_bands=3))


def test_every_parameter_of_a_resnet18_gets_a_gradient():
    model = build("attention_shared", "resnet18")
    assert_all_reached(gradient_norms_after_two_steps(model, "simclr", uv_bands=2))


@EVERY_STRATEGY
@EVERY_KIND
@pytest.mark.parametrize("uv_bands", [1, 3])
def test_each_modality_moves_its_own_features_and_the_joint(variant, backbone, uv_bands):
    model = build(variant, backbone, uv_bands).eval()
    rgb, uv = batch(1, uv_bands=uv_bands)
    other_rgb, other_uv = batch(2, uv_bands=uv_bands)
    with torch.no_grad():
        before = model(rgb, uv)
        changed = {"uv": model(rgb, other_uv), "rgb": model(other_rgb, uv)}
    for modality, after in changed.items():
        still = "rgb" if modality == "uv" else "uv"
        for old, new in ((before.features, after.features), (before.projections, after.projections)):
            moved = {name: (new[name] - old[name]).norm() / old[name].norm() for name in PARTS}
            assert moved[still] < 1e-6, f"{modality} alone must not reach {still}"
            assert moved[modality] > 1e-4
            assert moved["joint"] > 1e-4, f"{modality} must reach the joint"


@EVERY_VARIANT
@EVERY_KIND
def test_rows_do_not_see_one_another_in_evaluation(variant, backbone):
    model = build(variant, backbone, joint_mode="comm").eval()
    rgb, uv = batch(1)
    with torch.no_grad():
        whole = model(rgb, uv)
        single = model(rgb[2:3], uv[2:3])
        backwards = model(rgb.flip(0), uv.flip(0))
    for of_whole, of_single, of_backwards in zip(whole, single, backwards, strict=True):
        for name, value in of_whole.items():
            torch.testing.assert_close(of_single[name], value[2:3], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(of_backwards[name].flip(0), value, rtol=1e-4, atol=1e-5)


@EVERY_VARIANT
@EVERY_KIND
def test_interface(variant, backbone):
    model = build(variant, backbone, joint_mode="comm")
    output = model(*batch(1))
    parts = (variant.removesuffix("_only"),) if variant in BASELINES else PARTS
    assert set(output.features) == set(output.projections) == set(parts)
    assert set(output.unimodal_joint) == (set() if variant in BASELINES else {"rgb", "uv"})
    assert {tuple(x.shape) for x in output.features.values()} == {(6, model.feature_dim)}
    assert {tuple(x.shape) for x in (output.projections | output.unimodal_joint).values()} == {(6, 16)}
    assert tuple(model.encoders) == model.modalities == tuple(p for p in parts if p != "joint")


@EVERY_STRATEGY
def test_shared_means_one_encoder_and_specific_means_two(variant):
    encoders = build(variant).encoders
    assert (encoders["rgb"] is encoders["uv"]) == variant.endswith("_shared")
    owned = [{id(p) for p in encoder.parameters()} for encoder in encoders.values()]
    assert bool(owned[0] & owned[1]) == variant.endswith("_shared")


@EVERY_STRATEGY
def test_weights_are_stored_once(variant):
    tensors = build(variant).state_dict().values()
    addresses = [t.data_ptr() for t in tensors if t.numel()]
    assert len(addresses) == len(set(addresses))


@EVERY_STRATEGY
def test_only_a_learnt_joint_has_a_head(variant):
    model = build(variant)
    assert ("joint" in model.heads) == VARIANT_PARAMS[variant].joint_is_learnt


@EVERY_STRATEGY
def test_same_seed_same_model(variant):
    one, two = build(variant).state_dict(), build(variant).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("fusion_type", FUSIONS)
def test_registry_line_leads_to_a_strategy(fusion_type):
    module, _, builder = VARIANT_PARAMS[fusion_type].builder.partition(":")
    assert callable(getattr(importlib.import_module(module), builder))
    for name in (fusion_type, f"{fusion_type}_shared"):
        assert VARIANT_PARAMS[name].fusion_type == fusion_type
        assert VARIANT_PARAMS[name].use_modality_specific != name.endswith("_shared")
        assert isinstance(build(name).fusion, Fusion)


def test_variants_are_every_fusion_twice_and_the_baselines():
    assert set(VARIANTS) == {
        f"{name}{suffix}" for name, suffix in itertools.product(FUSIONS, ("", "_shared"))
    } | set(BASELINES)
    assert set(VARIANT_PARAMS) == set(VARIANTS)
