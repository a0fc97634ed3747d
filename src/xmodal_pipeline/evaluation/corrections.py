"""p-values of several tests whose claims stand side by side."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Step-down Bonferroni (Holm 1979): any false claim at most as often as the level, whatever is true.

    Args:
        p_values: (tests,); NaN, a test that was not made, stays and does not count.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    adjusted = np.full(p.shape, np.nan)
    left = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * left), 1)
    return adjusted
