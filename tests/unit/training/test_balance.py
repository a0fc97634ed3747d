"""Gradient norms and their cosine against gradients taken directly."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from xmodal_pipeline.training.balance import GradientBalance, RunningMeans


def gradients(shared: bool, scale: float = 1.0):
    torch.manual_seed(0)
    rgb_encoder = nn.Linear(3, 4)
    uv_encoder = rgb_encoder if shared else nn.Linear(3, 4)
    balance = GradientBalance({"rgb": rgb_encoder, "uv": uv_encoder})
    features = {"rgb": rgb_encoder(torch.randn(5, 3)), "uv": uv_encoder(torch.randn(5, 3))}
    loss = scale * ((features["rgb"] * features["uv"]).sum() + (features["rgb"] ** 3).sum())
    direct = torch.autograd.grad(loss / scale, [features["rgb"], features["uv"]], retain_graph=True)
    balance.watch(features, scale=scale)
    loss.backward()
    balance.read_features()
    balance.read_encoders()
    return balance.means.take(), direct, (rgb_encoder, uv_encoder)


def test_norms_are_those_of_each_encoders_own_parameters():
    means, _, (rgb, uv) = gradients(shared=False)
    for name, encoder in (("rgb", rgb), ("uv", uv)):
        squares = sum(float((p.grad**2).sum()) for p in encoder.parameters())
        assert means[f"grad_norm_{name}"] == pytest.approx(squares**0.5, rel=1e-5)
    assert means["grad_norm_rgb"] != pytest.approx(means["grad_norm_uv"], rel=0.1)


def test_a_shared_encoder_is_judged_by_its_features_without_the_loss_scale():
    means, (rgb, uv), _ = gradients(shared=True, scale=1024.0)
    assert means["grad_norm_rgb"] == pytest.approx(float(rgb.norm()), rel=1e-5)
    assert means["grad_norm_uv"] == pytest.approx(float(uv.norm()), rel=1e-5)


def test_cosine_is_the_mean_over_captures():
    means, (rgb, uv), _ = gradients(shared=False, scale=8.0)
    expected = functional.cosine_similarity(rgb, uv, dim=1).mean()
    assert means["grad_cosine"] == pytest.approx(float(expected), rel=1e-4)


def test_processes_with_parts_of_a_batch_have_the_numbers_of_the_whole():
    torch.manual_seed(0)
    encoder = nn.Linear(3, 4)
    rows = {name: torch.randn(6, 3) for name in ("rgb", "uv")}

    def read(chosen: slice, processes: int, total) -> dict[str, float]:
        balance = GradientBalance({"rgb": encoder, "uv": encoder}, processes=processes, total=total)
        features = {name: encoder(x[chosen]) for name, x in rows.items()}
        # Each process's gradient is multiplied by their number, for the average that follows.
        balance.watch(features, scale=processes)
        (processes * (features["rgb"] * features["uv"]).sum()).backward()
        balance.read_features()
        return balance.means.take()

    whole = read(slice(None), 1, lambda numbers: numbers)
    parts = []
    read(slice(0, 3), 2, lambda numbers: parts.append(numbers) or numbers)
    together = read(slice(3, 6), 2, lambda numbers: parts[0] + numbers)
    assert together == pytest.approx(whole, rel=1e-5)


def test_one_modality_has_a_norm_and_no_cosine():
    encoder = nn.Linear(3, 4)
    balance = GradientBalance({"uv": encoder})
    features = {"uv": encoder(torch.randn(5, 3))}
    balance.watch(features, scale=1.0)
    features["uv"].sum().backward()
    balance.read_features()
    balance.read_encoders()
    assert set(balance.means.take()) == {"grad_norm_uv"}


def test_running_means_start_again_when_taken():
    means = RunningMeans()
    means.add({"a": torch.tensor(1.0)})
    means.add({"a": torch.tensor(4.0), "b": torch.tensor(7.0)})
    assert means.take() == {"a": 2.5, "b": 7.0}
    assert means.take() == {}
