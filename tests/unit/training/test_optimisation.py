"""Learning rates and weight decay: who gets which, and when."""

import pytest
import torch
from torch import nn

from xmodal_pipeline.params.train import TrainingParams
from xmodal_pipeline.training.optimisation import make_optimiser, parameter_groups, warm_up_and_cosine


class TwoEncoders(nn.Module):
    def __init__(self, shared: bool) -> None:
        super().__init__()
        self.rgb = nn.Linear(2, 2)
        self.uv = self.rgb if shared else nn.Linear(2, 2)
        self.head = nn.Linear(2, 2)
        self.norm = nn.LayerNorm(2)


def settings(model: TwoEncoders) -> dict[int, tuple[float, float]]:
    loss = nn.Module()
    loss.log_temperature = nn.Parameter(torch.tensor(0.0))
    params = TrainingParams(lr=1e-3, lr_uv=5e-4, weight_decay=0.1)
    groups = parameter_groups(model, loss, {"rgb": model.rgb, "uv": model.uv}, params)
    found = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert found[id(loss.log_temperature)] == (1e-3, 0.0)
    assert len(found) == len(list(model.parameters())) + 1
    make_optimiser(groups, params)
    return found


def test_each_encoder_has_its_own_rate_and_vectors_are_not_decayed():
    model = TwoEncoders(shared=False)
    found = settings(model)
    assert found[id(model.rgb.weight)] == (1e-3, 0.1)
    assert found[id(model.uv.weight)] == (5e-4, 0.1)
    assert found[id(model.uv.bias)] == (5e-4, 0.0)
    assert found[id(model.head.weight)] == (1e-3, 0.1)
    assert found[id(model.norm.weight)] == (1e-3, 0.0)


def test_a_shared_encoder_takes_the_common_rate():
    model = TwoEncoders(shared=True)
    assert settings(model)[id(model.rgb.weight)] == (1e-3, 0.1)


def test_warm_up_is_a_line_and_decay_half_a_cosine():
    factor = warm_up_and_cosine(steps=14, warm_up_steps=4)
    assert [factor(step) for step in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert factor(4) == pytest.approx(1.0)
    assert factor(9) == pytest.approx(0.5)
    assert factor(14) == pytest.approx(0.0)


def test_short_trainings_leave_half_their_steps_after_warm_up():
    factor = warm_up_and_cosine(steps=4, warm_up_steps=100)
    assert [factor(step) for step in range(4)] == pytest.approx([1 / 3, 2 / 3, 1.0, 0.5])


def test_rgb_may_have_a_rate_of_its_own():
    model = TwoEncoders(shared=False)
    params = TrainingParams(lr=1e-3, lr_rgb=2e-4)
    groups = parameter_groups(model, nn.Module(), {"rgb": model.rgb, "uv": model.uv}, params)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert [rates[id(one.weight)] for one in (model.rgb, model.uv, model.head)] == [2e-4, 1e-3, 1e-3]
