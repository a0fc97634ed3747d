"""Fixed and learnt temperatures."""

import math

import pytest
import torch

from xmodal_pipeline.losses import CombinedLoss
from xmodal_pipeline.losses.temperature import Temperatures
from xmodal_pipeline.params.train import LossParams

TERMS = ("cross_modal", "intra_rgb", "intra_uv", "joint")


def test_fixed_temperature_has_no_parameter():
    loss = CombinedLoss(LossParams(temperature=0.3), ("rgb", "uv"))
    assert list(loss.parameters()) == []
    assert {term: value.item() for term, value in loss.temperatures().items()} == pytest.approx(
        dict.fromkeys(TERMS, 0.3)
    )


def test_learnt_temperature_is_one_log_parameter_per_term():
    loss = CombinedLoss(LossParams(adaptive_temperature=True, temperature=0.2), ("rgb", "uv"))
    parameters = dict(loss.named_parameters())
    assert sorted(parameters) == sorted(f"learnt.log_temperatures.{term}" for term in TERMS)
    assert all(p.ndim == 0 and p.item() == pytest.approx(math.log(0.2)) for p in parameters.values())


def test_each_term_uses_its_own_temperature():
    learnt = Temperatures(TERMS, initial=0.1, adaptive=True)
    with torch.no_grad():
        learnt.log_temperatures["joint"].fill_(math.log(0.5))
    values = learnt()
    assert values["joint"].item() == pytest.approx(0.5)
    assert values["intra_uv"].item() == pytest.approx(0.1)


def test_gradient_reaches_the_logarithm():
    learnt = Temperatures(TERMS, initial=0.25, adaptive=True)
    (3 * learnt()["cross_modal"]).backward()
    assert learnt.log_temperatures["cross_modal"].grad.item() == pytest.approx(3 * 0.25)  # dT / d ln T = T


@pytest.mark.parametrize(("pushed_to", "edge"), [(1e-5, 0.01), (50.0, 1.0)])
def test_a_temperature_beyond_its_edge_returns_to_it_and_can_leave_again(pushed_to, edge):
    learnt = Temperatures(TERMS, initial=0.1, adaptive=True)
    with torch.no_grad():
        learnt.log_temperatures["joint"].fill_(math.log(pushed_to))
    value = learnt()["joint"]
    assert value.item() == pytest.approx(edge)
    value.backward()
    assert learnt.log_temperatures["joint"].grad.item() == pytest.approx(edge), "must not be stuck"
    assert learnt.log_temperatures["joint"].item() == pytest.approx(math.log(edge))


def test_evaluation_reads_without_moving_the_parameter():
    learnt = Temperatures(TERMS, initial=0.1, adaptive=True).eval()
    with torch.no_grad():
        learnt.log_temperatures["joint"].fill_(math.log(1e-5))
    assert learnt()["joint"].item() == pytest.approx(0.01)
    assert learnt.log_temperatures["joint"].item() == pytest.approx(math.log(1e-5))


@pytest.mark.parametrize("temperature", [0.001, 2.0])
def test_learnt_temperature_must_start_in_range(temperature):
    with pytest.raises(ValueError, match=r"must be within 0\.01 and 1\.0 where adaptive_temperature is true"):
        LossParams(temperature=temperature, adaptive_temperature=True)
    assert LossParams(temperature=temperature).temperature == temperature
