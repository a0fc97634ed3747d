"""Who is compared with whom: species, blocks and the two classes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """The class contrast inside every species.

    With one block per species, to remove block means and the class difference is to centre every species x
    class cell. With blocks (session, year) the difference of a species is the one left after every block has
    its own mean.

    Attributes:
        species: (N,) number of the species, 0 to S - 1.
        block: (N,) number of the block; a block lies inside one species.
        is_second: (N,) True for the second class.
        contrast: (N,) class indicator less its block mean; 0 where a block has one class only.
        weight: (S,) sum of squared contrasts: n1 n2 / (n1 + n2) with one block, 0 with one class.
        is_compared: (N,) True in blocks that hold both classes.
        counts: (S, 2) specimens per class in blocks that hold both; all of them in a species of one class.
        rows: S arrays, the rows of each species.
        df: (S,) degrees of freedom within cells.
    """

    species: Integers
    block: Integers
    is_second: Booleans
    contrast: Floats
    weight: Floats
    is_compared: Booleans
    counts: Integers
    rows: tuple[Integers, ...]
    df: Floats

    @classmethod
    def build(cls, species: Integers, block: Integers, is_second: Booleans) -> Self:
        """Form the contrasts; a class difference is second less first. Species are numbered from 0."""
        pairs = np.stack((species, block), axis=1)
        block = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
        n_species = int(species.max()) + 1
        share = (np.bincount(block, weights=is_second) / np.bincount(block))[block]
        contrast = is_second - share
        weight = np.bincount(species, weights=contrast**2, minlength=n_species)
        is_compared = (share > 0) & (share < 1)
        # A block of one class tells nothing, unless its whole species is of one class: then n says just that.
        by_species = (np.bincount(species, weights=is_second) / np.bincount(species))[species]
        is_counted = is_compared | (by_species == 0) | (by_species == 1)
        counts = np.stack(
            [
                np.bincount(species[is_counted & (is_second == second)], minlength=n_species)
                for second in (False, True)
            ],
            axis=1,
        )
        rows = tuple(np.flatnonzero(species == s) for s in range(n_species))
        blocks = [len(np.unique(block[at])) for at in rows]
        df = np.bincount(species) - np.array(blocks, dtype=np.float64) - (weight > 0)
        return cls(
            species,
            block,
            is_second,
            np.asarray(contrast, dtype=np.float64),
            np.asarray(weight, dtype=np.float64),
            is_compared,
            counts,
            rows,
            np.asarray(df, dtype=np.float64),
        )

    @property
    def n_species(self) -> int:
        """Number of species S."""
        return len(self.rows)

    def centre(self, values: Floats) -> Floats:
        """Rows (N, k) less the mean of their block."""
        sizes = np.bincount(self.block)
        means = [np.bincount(self.block, weights=column) / sizes for column in values.T]
        return values - np.array(means).reshape(values.shape[1], len(sizes)).T[self.block]

    def difference(self, values: Floats) -> Floats:
        """Class difference of each species, (S, k); 0 where a species has no contrast."""
        total = np.stack([self.contrast[at] @ values[at] for at in self.rows])
        weight = self.weight[:, None]
        return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)

    def within(self, values: Floats) -> Floats:
        """Rows (N, k) less their block mean and the class difference of their species."""
        return self.centre(values) - self.contrast[:, None] * self.difference(values)[self.species]

    def products(self, left: Floats, right: Floats) -> Floats:
        """Cross-products of rows within each species, (S, k, m)."""
        return np.stack([left[at].T @ right[at] for at in self.rows])
