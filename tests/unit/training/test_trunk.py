"""Trunks that do not learn, or only through adapters."""

import pytest
import timm
import torch

from xmodal_pipeline.models.cross_modal import build_model
from xmodal_pipeline.models.trunk import add_adapters, merge_adapters, restrict_trunk
from xmodal_pipeline.params.train import TrainingParams, TrainParams
from xmodal_pipeline.training import Checkpoint, embed, fit
from xmodal_pipeline.training.frozen import VIEWS, FrozenTraining, ViewCache
from xmodal_pipeline.training.process import training_batches

PRETRAINED = {"weight_decay": 0.0, "lr": 0.01}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "test_resnet.pth"
    torch.manual_seed(0)
    torch.save(timm.create_model("test_resnet", zero_init_last=False).state_dict(), path)
    return path


def trunk_of(state):
    return {name: tensor for name, tensor in state.items() if ".backbone." in name}


@pytest.mark.parametrize("variant", ["separate", "rgb_only"])
def test_a_frozen_trunk_stays_and_the_heads_learn(make_config, make_prepared, weights, tmp_path, variant):
    config = make_config(variant, weights=weights, trunk="frozen", **(PRETRAINED | {"max_epochs": 20}))
    start = config.initial_model().state_dict()
    result = fit(config, make_prepared(train=12, validation=10), tmp_path)
    for name, tensor in trunk_of(start).items():
        torch.testing.assert_close(result.checkpoint.tensors[name], tensor, rtol=0, atol=0)
    heads = [name for name in start if name.startswith("heads.")]
    assert heads
    assert all((result.checkpoint.tensors[n] - start[n]).abs().max() > 1e-4 for n in heads)
    assert result.history["loss"].iloc[-1] < result.history["loss"].iloc[0]
    assert not (tmp_path / "frozen").exists()


def test_the_optimiser_of_a_frozen_trunk_holds_heads_alone(make_config, weights, tmp_path):
    config = make_config(weights=weights, trunk="frozen")
    module = FrozenTraining(config, batches_per_epoch=2, folder=tmp_path / "f")
    held = {
        id(p) for group in module.configure_optimizers()["optimizer"].param_groups for p in group["params"]
    }
    assert held == {id(p) for p in module.model.heads.parameters()}


@pytest.mark.parametrize("variant", sorted(TrainParams().variants))
def test_cached_encodings_give_what_the_images_would(variant, make_prepared, make_config, tmp_path, weights):
    """Two views of a capture through cache, fusion and heads, and the same views as images."""
    prepared = make_prepared(train=6, validation=2)
    config = make_config(weights=weights, trunk="frozen").model_copy(
        update={"variant": TrainParams().variants[variant]}
    )
    torch.manual_seed(0)
    module = FrozenTraining(config, batches_per_epoch=1, folder=tmp_path / "f")
    module.source(prepared)
    module.on_fit_start()
    module.model.eval()
    rows = next(iter(training_batches(config, prepared)))
    from xmodal_pipeline.training.batches import read_batch

    pairs = [
        module.views.training_views(read_batch(prepared, rows), seed=0, epoch=e) for e in range(VIEWS // 2)
    ]
    views = [view for pair in pairs for view in pair]
    cache = module._caches["train"]
    first, second = 5, 2
    found = module.encode_views([cache.read(torch.from_numpy(rows), view) for view in (first, second)])
    expected = module.model(
        torch.cat([views[first].rgb, views[second].rgb]), torch.cat([views[first].uv, views[second].uv])
    )
    for name, projection in expected.projections.items():
        torch.testing.assert_close(found.projections[name], projection, rtol=0.01, atol=2e-3)
    for name, feature in expected.features.items():
        torch.testing.assert_close(found.features[name], feature, rtol=0.01, atol=2e-3)
    module.on_fit_end()
    assert not (tmp_path / "f").exists()


def test_each_capture_gets_two_different_views_and_others_in_other_epochs(tmp_path):
    cache = ViewCache(tmp_path / "c", torch.arange(200).numpy(), VIEWS)
    first, second = cache.two_views([0, 0])
    again, _ = cache.two_views([0, 0])
    other, _ = cache.two_views([0, 1])
    assert (first != second).all()
    assert (first == again).all()
    assert (first != other).mean() > 0.7
    assert set(first.tolist()) == set(second.tolist()) == set(range(VIEWS))


def test_features_beyond_half_precision_are_refused(tmp_path):
    cache = ViewCache(tmp_path / "c", torch.arange(2).numpy(), 1)
    with pytest.raises(ValueError, match="frozen features must lie within"):
        cache.put(slice(0, 2), 0, {"rgb": torch.full((2, 3), 1e5)})


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"trunk": "frozen"}, "trunk must be full where encoders start from nothing"),
        ({"trunk": "lora"}, "trunk must be full where encoders start from nothing"),
        ({"pretrained": True, "weights": "w.pth"}, "pretrained must be false where weights name a file"),
        (
            {"weights": "w.pth", "trunk": "frozen", "lr_uv": 0.1, "devices": 2},
            "lr_uv, devices must be as by default",
        ),
    ],
)
def test_what_cannot_be_is_refused(params, said):
    with pytest.raises(ValueError, match=said):
        TrainingParams(**params)


def test_adapters_learn_beside_a_trunk_that_stays(make_config, make_prepared, weights, tmp_path):
    pytest.importorskip("peft", reason="the extra [lora] is not installed")
    config = make_config(weights=weights, trunk="lora", **PRETRAINED)
    prepared = make_prepared(train=12)
    result = fit(config, prepared, tmp_path)
    start = config.initial_model().state_dict()
    learnt = {name for name in result.checkpoint.tensors if not name.startswith("linear.")}
    assert learnt == start.keys(), "merged: no adapter is left"
    moved = {
        name
        for name, t in trunk_of(start).items()
        if (result.checkpoint.tensors[name] - t).abs().max() > 1e-6
    }
    assert any(name.endswith("conv1.weight") for name in moved)
    assert not any("bn" in name and name.endswith(("weight", "bias")) for name in moved)
    result.checkpoint.to_file(tmp_path / "c.safetensors")
    read = embed(Checkpoint.from_file(tmp_path / "c.safetensors"), prepared).embeddings
    assert read.equals(embed(result.checkpoint, prepared).embeddings)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit", "test_efficientnet"])
def test_merged_weights_do_what_weights_and_adapters_did(backbone):
    pytest.importorskip("peft", reason="the extra [lora] is not installed")

    def build():
        params = TrainingParams(backbone=backbone, projection_dim=8, hidden_dim=8)
        variant = TrainParams().variants["separate"]
        return build_model(variant, params, rgb_bands=3, uv_bands=1, image_size=64).eval()

    torch.manual_seed(0)
    plain = build()
    adapted = build()
    adapted.load_state_dict(plain.state_dict())
    add_adapters(adapted)
    images = torch.randn(2, 3, 64, 64), torch.randn(2, 1, 64, 64)
    torch.testing.assert_close(adapted(*images).features["uv"], plain(*images).features["uv"])
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    adapted.eval()
    merged = build()
    merged.load_state_dict(merge_adapters(build(), adapted.state_dict()))
    for name, expected in adapted(*images).features.items():
        torch.testing.assert_close(merged(*images).features[name], expected, rtol=1e-3, atol=1e-4)
        assert (expected - plain(*images).features[name]).abs().max() > 1e-3


def test_without_peft_lora_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(ValueError, match=r"got lora; install it with pip install 'xmodal-pipeline\[lora\]'"):
        restrict_trunk(torch.nn.Module(), "lora")
