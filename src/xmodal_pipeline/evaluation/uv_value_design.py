"""Who is compared with whom: strata, classes and blocks, and what each modality is reduced to."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

_SINGULAR = 1e-10
"""Relative eigenvalue below which a direction holds rounding error only (float64, whitened units)."""


@dataclass(frozen=True)
class Design:
    """The class contrast inside every stratum, rows sorted by stratum and block.

    A stratum is a species. Without blocks, removing block means and the class contrast is the same as
    centring every species x class cell. With blocks (session, year) the class difference of a stratum is
    the one left after every block has its own mean.

    Attributes:
        order: (N,) position in the caller's arrays of each sorted row.
        stratum: (N,) stratum number, 0 to S - 1, ascending.
        block: (N,) block number, ascending; a block lies inside one stratum.
        contrast: (N,) class indicator less its block mean; 0 where a block has one class only.
        weight: (S,) c = sum of squared contrasts; n1 n2 / (n1 + n2) when there is one block.
        counts: (S, 2) specimens per class, in blocks that hold both; all of them in a stratum of one class.
        is_second: (N,) True for the second class.
    """

    order: Integers
    stratum: Integers
    block: Integers
    contrast: Floats
    weight: Floats
    counts: Integers
    is_second: Booleans

    @classmethod
    def build(cls, stratum: Integers, block: Integers, is_second: Booleans) -> Self:
        """Sort the rows and form the contrasts; a class difference is second less first."""
        order = np.lexsort((block, stratum)).astype(np.int64)
        stratum, is_second = stratum[order], is_second[order]
        pairs = np.stack((stratum, block[order]), axis=1)
        block = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
        n_strata = int(stratum.max()) + 1
        share = np.bincount(block, weights=is_second) / np.bincount(block)
        contrast = is_second - share[block]
        by_stratum = (np.bincount(stratum, weights=is_second) / np.bincount(stratum))[stratum]
        # A block of one class tells nothing, unless its whole stratum is of one class: then n says just that.
        is_informative = (share[block] > 0) & (share[block] < 1) | (by_stratum == 0) | (by_stratum == 1)
        weight = np.bincount(stratum, weights=contrast**2, minlength=n_strata).astype(np.float64)
        counts = np.stack(
            [
                np.bincount(stratum[is_informative & (is_second == second)], minlength=n_strata)
                for second in (False, True)
            ],
            axis=1,
        ).astype(np.int64)
        return cls(order, stratum, block, np.asarray(contrast), weight, counts, is_second)

    @property
    def n_strata(self) -> int:
        """Number of strata S."""
        return len(self.weight)

    @property
    def df(self) -> int:
        """Degrees of freedom within cells: N - blocks - strata with a class contrast."""
        return len(self.order) - int(self.block[-1]) - 1 - int(np.count_nonzero(self.weight))

    def without_class(self) -> "Design":
        """The same strata and blocks with no class in the model: the reduced model of Freedman and Lane."""
        return Design(
            self.order,
            self.stratum,
            self.block,
            np.zeros_like(self.contrast),
            np.zeros_like(self.weight),
            self.counts,
            self.is_second,
        )

    def per_stratum(self, values: Floats) -> Floats:
        """Sum rows (N, ...) within strata: (S, ...)."""
        starts = np.searchsorted(self.stratum, np.arange(self.n_strata))
        return np.asarray(np.add.reduceat(values, starts, axis=0))

    def centre(self, values: Floats) -> Floats:
        """Rows (N, k) less the mean of their block."""
        starts = np.flatnonzero(np.diff(self.block, prepend=-1))
        sizes = np.bincount(self.block)[:, None]
        return np.asarray(values - (np.add.reduceat(values, starts, axis=0) / sizes)[self.block])

    def difference(self, values: Floats) -> Floats:
        """Class difference d of each stratum, (S, k); 0 where a stratum has no contrast."""
        total = self.per_stratum(self.contrast[:, None] * values)
        return np.divide(
            total, self.weight[:, None], out=np.zeros_like(total), where=self.weight[:, None] > 0
        )

    def within_cells(self, values: Floats) -> Floats:
        """Rows (N, k) less their block mean and the class difference of their stratum."""
        return self.centre(values) - self.contrast[:, None] * self.difference(values)[self.stratum]

    def leverage(self) -> Floats:
        """(N,) leverage of each row in the model of block means and class contrasts."""
        weight = self.weight[self.stratum]
        by_class = np.divide(self.contrast**2, weight, out=np.zeros_like(weight), where=weight > 0)
        return np.asarray(1.0 / np.bincount(self.block)[self.block] + by_class)


def count_components(rgb: Floats, uv: Floats, design: Design, *, components: int) -> int:
    """The number p of principal components for both modalities.

    p is lowered until df >= 20 p, but not below one: the permutation test is valid at any df.
    Neither modality may hold fewer than p independent directions within cells.
    """
    ranks = [int(np.linalg.matrix_rank(design.within_cells(values), tol=None)) for values in (rgb, uv)]
    return min(components, max(1, design.df // 20), *ranks)


def reduce_features(values: Floats, design: Design, p: int) -> Floats:
    """The first p principal components (N, p) of rows centred within blocks, whitened within cells.

    The components do not look at the class. Whitening (unit pooled covariance) changes no statistic of
    `uv_value`, all of which are affine invariant; it turns D² into a squared length.
    """
    centred = design.centre(values)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return whiten(centred @ axes[:p].T, design)


def whiten(values: Floats, design: Design) -> Floats:
    """Rescale (N, k) to unit pooled covariance within cells; directions without spread there are dropped."""
    residuals = design.within_cells(values)
    spread, axes = np.linalg.eigh(residuals.T @ residuals / design.df)
    kept = spread > _SINGULAR * max(float(spread.max(initial=0.0)), np.finfo(float).tiny)
    return np.asarray(values @ (axes[:, kept] / np.sqrt(spread[kept])))
