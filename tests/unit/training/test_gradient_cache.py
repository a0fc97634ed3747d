"""Chunks of a batch give the gradient of the whole, keep little, and count every capture once."""

import weakref

import pytest
import torch
from torch import nn

from xmodal_pipeline.augmentation import Batch
from xmodal_pipeline.params.train import LossParams
from xmodal_pipeline.training import fit
from xmodal_pipeline.training.module import ContrastiveTraining, halves

ALL_TERMS = LossParams(adaptive_temperature=True, joint_mode="comm")


def views(rows=6, side=32):
    generator = torch.Generator().manual_seed(1)

    def view():
        rgb, uv = (torch.randn(rows, bands, side, side, generator=generator) for bands in (3, 2))
        return Batch(rgb, uv, torch.empty(0), torch.empty(0))

    return view(), view()


def step(training: ContrastiveTraining) -> torch.Tensor:
    first, second = halves(training.encode_views(views()))
    return training.loss(first, second, progress=0).total


def module(make_config, **params) -> ContrastiveTraining:
    torch.manual_seed(0)
    return ContrastiveTraining(make_config(loss=ALL_TERMS, **params), batches_per_epoch=1)


def gradients(training: ContrastiveTraining) -> dict[str, torch.Tensor]:
    training.on_before_backward(loss := step(training))
    loss.backward()
    training.on_after_backward()
    return {name: parameter.grad for name, parameter in training.named_parameters()}


@pytest.mark.parametrize("params", [{"gradient_cache_chunks": 4}, {"gradient_checkpointing": True}])
def test_encoding_again_changes_no_gradient(make_config, params):
    whole = gradients(module(make_config, backbone="test_vit"))
    again = gradients(module(make_config, backbone="test_vit", **params))
    assert any("log_temperatures" in name for name in whole)
    for name, gradient in whole.items():
        assert (again[name] - gradient).norm() <= 2e-5 * gradient.norm(), name


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet"])
@pytest.mark.parametrize("params", [{"gradient_cache_chunks": 3}, {"gradient_checkpointing": True}])
def test_running_averages_move_as_if_nothing_were_encoded_twice(make_config, backbone, params):
    training = module(make_config, backbone=backbone, **params)
    forward_only = module(make_config, backbone=backbone, **params)
    step(forward_only)
    gradients(training)
    expected = dict(forward_only.named_buffers())
    moved = {name: buffer for name, buffer in training.named_buffers() if "running" in name or "num_" in name}
    assert moved
    for name, buffer in moved.items():
        torch.testing.assert_close(buffer, expected[name], rtol=0, atol=0)


def test_one_chunk_is_alive_at_a_time(make_config):
    training = module(make_config, backbone="test_vit", gradient_cache_chunks=4)
    alive: list[int] = []
    kept: list[weakref.ref] = []

    def watch(block: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        alive.append(sum(ref() is not None for ref in kept))
        if torch.is_grad_enabled():
            # Saved by the next operation: lives as long as the graph that holds it.
            kept.append(weakref.ref(output.untyped_storage()))

    training.model.encoders["rgb"].backbone.blocks[0].mlp.act.register_forward_hook(watch)
    gradients(training)
    # Four chunks forward, then each again when the one before has been passed through and freed.
    assert alive == [0] * 8


def test_more_chunks_than_rows_encode_row_by_row(make_config):
    training = module(make_config, backbone="test_vit", batch_size=40, gradient_cache_chunks=40)
    assert torch.isfinite(step(training))


def test_mixed_precision_and_balance_work_in_chunks(make_config, make_prepared, tmp_path):
    prepared = make_prepared(train=6)
    histories = [
        fit(
            make_config(
                backbone="test_vit", max_epochs=1, precision="bf16-mixed", gradient_cache_chunks=chunks
            ),
            prepared,
            tmp_path / str(chunks),
        ).history
        for chunks in (1, 3)
    ]
    for name in ("loss", "grad_norm_rgb", "grad_norm_uv", "spread_uv"):
        assert histories[0][name].item() == pytest.approx(histories[1][name].item(), rel=5e-3), name
