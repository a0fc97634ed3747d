"""How noisy RGB may be before a claim vanishes, by recomputation."""

from collections.abc import Callable
from functools import cache

import numpy as np

from xmodal_pipeline.evaluation.uv_value.analysis import Analysis
from xmodal_pipeline.evaluation.uv_value.contrast import Statistics
from xmodal_pipeline.evaluation.uv_value.noise import LEAST_RELIABILITY, Noise

_STEPS_PER_OCTAVE = 16
"""A tip is found to 2^(1/16), 4 %."""
_OCTAVES = (-12, 4)
"""Noise looked at, in powers of two of the median SD of RGB within cells."""
_RELIABILITY_STEP = 0.005


class Tips:
    """The noise and the reliability at which claims of one analysis vanish.

    All species are recomputed at every level, so that claims share the levels that their searches visit.
    """

    def __init__(self, analysis: Analysis) -> None:
        rgb = analysis.rgb
        unit = float(np.median(analysis.layout.within(rgb).std(axis=0)))
        captures = analysis.captures
        nothing = np.zeros((rgb.shape[1], rgb.shape[1]))
        self._is_learnt = analysis.is_learnt

        def level(step: int) -> float:
            return unit * float(2.0 ** (step / _STEPS_PER_OCTAVE))

        self._level = level
        self._at_noise = cache(
            lambda step: analysis.compare_under(Noise(level(step) ** 2 * np.eye(rgb.shape[1]), captures))
        )
        self._at_reliability = cache(
            lambda step: analysis.compare_under(Noise(nothing, captures, share=step * _RELIABILITY_STEP))
        )

    def noise(self, s: int, critical: float) -> float:
        """The highest SD of a capture's noise, alike for all columns, under which species s stays claimed.

        0 if it vanishes at once; NaN for embeddings, whose columns have no unit.

        Args:
            s: number of the species.
            critical: p-value above which it is not claimed.
        """
        if self._is_learnt:
            return float("nan")
        first, last = (_STEPS_PER_OCTAVE * octave for octave in _OCTAVES)
        step = _last_that_holds(lambda k: self._holds(self._at_noise(k), s, critical), first, last)
        return 0.0 if step is None else self._level(step)

    def reliability(self, s: int, critical: float) -> float:
        """The lowest reliability of RGB, alike in every direction, under which species s stays claimed."""
        last = round((1 - LEAST_RELIABILITY) / _RELIABILITY_STEP)
        step = _last_that_holds(lambda k: self._holds(self._at_reliability(k), s, critical), 0, last)
        return 1 - _RELIABILITY_STEP * (step or 0)

    @staticmethod
    def _holds(statistics: Statistics, s: int, critical: float) -> bool:
        p, reliability = statistics.p[s], statistics.reliability[s]
        return bool(p <= critical and reliability >= LEAST_RELIABILITY - 1e-9)


def _last_that_holds(holds: Callable[[int], bool], first: int, last: int) -> int | None:
    """Bisection for the last step of a claim that holds up to it; None if it does not hold at the first."""
    if not holds(first):
        return None
    if holds(last):
        return last
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (middle, last) if holds(middle) else (first, middle)
    return first
