"""p-values of permutation tests: the observed order counts as one of them, and ties count against it."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

SLACK = 1e-12
"""A permuted statistic this close below the observed one is equal to it; rounding depends on the order."""


def permutation_p(observed: float, permuted: ArrayLike, *, slack: float = SLACK) -> float:
    """One-sided p of a statistic that is large under the alternative.

    Args:
        observed: the statistic.
        permuted: (permutations,) the same under permutation.
        slack: how far below the observed one a permuted statistic counts as level with it.
    """
    values = np.asarray(permuted)
    return float(p_of_hits(int(np.count_nonzero(values >= observed - slack)), len(values)))


def p_of_hits(hits: Any, permutations: int) -> Any:
    """(1 + b) / (1 + P): b permutations, a number or an array of them, reached the observed statistic."""
    return (1 + hits) / (1 + permutations)
