"""Each code appears for its own fault and for no other."""

import pandas as pd
import pytest

from xmodal_pipeline.params.train import LossParams
from xmodal_pipeline.training.diagnostics import diagnose

HEALTHY = {
    "spread_rgb": 0.9,
    "spread_uv": 0.8,
    "grad_norm_rgb": 2.0,
    "grad_norm_uv": 1.0,
    "modality_gap": 0.4,
    "temperature_joint": 0.1,
}


def codes(adaptive: bool = True, **changes: float) -> list[str]:
    history = pd.DataFrame([HEALTHY | changes] * 4)
    return [found["code"] for found in diagnose(history, LossParams(adaptive_temperature=adaptive))]


def test_a_healthy_run_has_no_finding():
    assert codes() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"spread_uv": 0.1}, "COLLAPSE"),
        ({"grad_norm_uv": 0.1}, "MODALITY_DOMINATES"),
        ({"grad_norm_rgb": 0.0}, "MODALITY_DOMINATES"),
        ({"modality_gap": 1.3}, "MODALITY_GAP"),
        ({"temperature_joint": 0.01}, "TEMPERATURE_AT_CLAMP"),
        ({"temperature_joint": 1.0}, "TEMPERATURE_AT_CLAMP"),
    ],
)
def test_each_fault_has_its_code(changes, code):
    assert codes(**changes) == [code]


def test_a_fixed_temperature_is_nobodys_fault():
    assert codes(adaptive=False, temperature_joint=0.01) == []


def test_the_weaker_modality_is_named():
    weak_uv, weak_rgb = (
        diagnose(pd.DataFrame([HEALTHY | changes]), LossParams())[0]
        for changes in ({"grad_norm_uv": 0.1}, {"grad_norm_rgb": 0.05})
    )
    assert weak_uv["message"] == "the gradient at the rgb encoder exceeds that at the uv encoder 20 times"
    assert "raise training.lr_uv" in weak_uv["advice"]
    assert weak_uv["advice"].endswith("more in docs/troubleshooting.md#modality-dominates")
    assert "raise training.lr_rgb" in weak_rgb["advice"]


def test_only_the_last_quarter_counts():
    history = pd.DataFrame([HEALTHY | {"spread_rgb": 0.05}] * 6 + [HEALTHY] * 2)
    assert diagnose(history, LossParams()) == []


def test_a_baseline_is_judged_by_what_it_has():
    history = pd.DataFrame([{"spread_rgb": 0.05, "spread_uv": float("nan"), "grad_norm_uv": float("nan")}])
    found = diagnose(history, LossParams())
    assert [one["message"] for one in found] == ["rgb projections have 5% of the largest spread"]


@pytest.mark.parametrize(
    ("inside", "beyond", "code"),
    [
        ({"spread_rgb": 0.201}, {"spread_rgb": 0.199}, "COLLAPSE"),
        ({"grad_norm_uv": 0.2001}, {"grad_norm_uv": 0.1999}, "MODALITY_DOMINATES"),
        ({"modality_gap": 0.999}, {"modality_gap": 1.001}, "MODALITY_GAP"),
        ({"temperature_joint": 0.0102}, {"temperature_joint": 0.01005}, "TEMPERATURE_AT_CLAMP"),
        ({"temperature_joint": 0.98}, {"temperature_joint": 0.995}, "TEMPERATURE_AT_CLAMP"),
    ],
)
def test_each_code_begins_at_its_limit(inside, beyond, code):
    assert codes(**inside) == []
    assert codes(**beyond) == [code]


def test_a_quarter_of_the_epochs_is_rounded_up_and_averaged():
    """Two of five epochs: (.05 + .45) / 2 is above the limit, though the last alone is below; one of four."""
    well, sick = HEALTHY | {"spread_rgb": 0.45}, HEALTHY | {"spread_rgb": 0.05}
    assert diagnose(pd.DataFrame([well] * 4 + [sick]), LossParams()) == []
    found = diagnose(pd.DataFrame([well] * 3 + [sick]), LossParams())
    assert [one["code"] for one in found] == ["COLLAPSE"]
