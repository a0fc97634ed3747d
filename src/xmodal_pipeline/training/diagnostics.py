"""Known ways in which training goes wrong, each with a stable code and what to do."""

import math
from typing import TypedDict

import pandas as pd

from xmodal_pipeline.errors import Trouble
from xmodal_pipeline.params.train import LEARNT_TEMPERATURES, LossParams

_COLLAPSED_SPREAD = 0.2
"""Share of the spread of a uniform sphere below which projections hardly differ."""
_DOMINANCE = 10.0
"""Ratio of the encoders' gradient norms above which one modality is trained and the other follows."""
_GAP = 1.0
"""Distance between the modalities' mean unit projections; 2 is the largest, CLIP shows about 0.8."""
_CLAMP_MARGIN = 0.01
_LAST = 0.25
"""Share of the epochs, at the end, that a diagnostic looks at."""


class Diagnostic(TypedDict):
    """One finding."""

    code: str
    message: str
    advice: str
    """What to do, and where to read on."""


def diagnose(history: pd.DataFrame, params: LossParams) -> list[Diagnostic]:
    """Look through the last quarter of the epochs.

    Args:
        history: `{variant}.history`.
        params: the section `loss`.
    """
    means = history.tail(max(1, math.ceil(_LAST * len(history)))).mean(numeric_only=True)
    last = {str(name): float(value) for name, value in means.items()}
    found = [*_collapse(last), *_dominance(last), *_gap(last)]
    if params.adaptive_temperature:
        found += _temperature(last)
    return found


def _found(trouble: Trouble, *, message: str, advice: str) -> Diagnostic:
    return Diagnostic(code=trouble.value, message=message, advice=f"{advice}; more in {trouble.page}")


def _collapse(last: dict[str, float]) -> list[Diagnostic]:
    return [
        _found(
            Trouble.COLLAPSE,
            message=f"{modality} projections have {last[f'spread_{modality}']:.0%} of the largest spread",
            advice="lower training.lr, or raise training.warmup_epochs or training.batch_size",
        )
        for modality in ("rgb", "uv")
        if last.get(f"spread_{modality}", math.nan) < _COLLAPSED_SPREAD
    ]


def _dominance(last: dict[str, float]) -> list[Diagnostic]:
    rgb, uv = last.get("grad_norm_rgb", math.nan), last.get("grad_norm_uv", math.nan)
    if not max(rgb, uv) > _DOMINANCE * min(rgb, uv):
        return []
    strong, weak = ("rgb", "uv") if rgb > uv else ("uv", "rgb")
    ratio = "without limit" if min(rgb, uv) == 0 else f"{max(rgb, uv) / min(rgb, uv):.0f} times"
    return [
        _found(
            Trouble.MODALITY_DOMINATES,
            message=f"the gradient at the {strong} encoder exceeds that at the {weak} encoder {ratio}",
            advice=f"raise training.lr_{weak} or lower training.lr_{strong}, and look at the {weak} bands in "
            "the quality report",
        )
    ]


def _gap(last: dict[str, float]) -> list[Diagnostic]:
    if not last.get("modality_gap", math.nan) > _GAP:
        return []
    return [
        _found(
            Trouble.MODALITY_GAP,
            message=f"RGB and UV projections lie {last['modality_gap']:.2f} apart on average (0 to 2)",
            advice="train longer, or raise loss.cross_modal_weight or loss.temperature",
        )
    ]


def _temperature(last: dict[str, float]) -> list[Diagnostic]:
    found = []
    for name in sorted(name for name in last if name.startswith("temperature_")):
        near = [limit for limit in LEARNT_TEMPERATURES if abs(math.log(last[name] / limit)) < _CLAMP_MARGIN]
        if near:
            found.append(
                _found(
                    Trouble.TEMPERATURE_AT_CLAMP,
                    message=f"{name} stands at its limit {near[0]:g}",
                    advice="set loss.adaptive_temperature: false and compare values of loss.temperature",
                )
            )
    return found
