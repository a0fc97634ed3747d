"""The rows that a probe may use: labelled, in large enough classes, with their folds and resamples."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation.finite import require_finite
from xmodal_pipeline.evaluation.probes import Fold, Protocol, balanced_accuracy, make_folds, smallest_class
from xmodal_pipeline.evaluation.resampling import (
    Weights,
    bootstrap_weights,
    float_blocks,
    percentile_interval,
)
from xmodal_pipeline.evaluation.results import Cell, too_few
from xmodal_pipeline.evaluation.retrieval import group_codes, specimen_codes
from xmodal_pipeline.evaluation.schema import OWN_SOURCES

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_LEAST = 3
"""Specimens per class below which no inner fold exists to choose C in."""


@dataclass(frozen=True)
class ProbeData:
    """What every probe of one label shares."""

    blocks: dict[str, Floats]
    """Features of `rgb`, `uv`, `joint`, those that the variant has; (rows, dim) each."""
    classes: Integers
    names: list[str]
    """Of the classes 0 … k−1, in alphabetical order."""
    left_out: dict[str, int]
    """Classes that are too small, with their number of specimens."""
    groups: Integers
    strata: Integers | None
    """−1 where missing."""
    stratum_names: dict[int, str]
    clades: Integers | None
    confounders: Integers | None
    """(rows, columns)"""
    test: NDArray[np.bool_] | None
    """(rows,) whether the encoder never saw the row; None where this was not said."""
    folds: list[Fold]
    weights: Weights
    """(bootstraps, rows): how often each row's group is drawn."""

    @property
    def chance(self) -> float:
        """Balanced accuracy of a guess."""
        return 1 / len(self.names)

    @cached_property
    def n(self) -> int:
        """Specimens."""
        return sum(self.n_per_class().values())

    @property
    def widening(self) -> float:
        """√(1 + K/(K−1)) for K folds, by which errors are larger than resampled predictions show.

        Resampling predictions takes the fitted probes for given, but the K probes share most of their
        rows: Nadeau & Bengio (2003, equation 9) add n_held/n_fitted to 1/K. Without it intervals of
        independent null modalities miss in .07 to .15 instead of .05; with it in .00 to .045.
        """
        folds = len(self.folds)
        return float(np.sqrt(1 + folds / (folds - 1)))

    def sources(self) -> dict[str, list[Floats]]:
        """The blocks behind `rgb`, `uv`, `combined` and `joint`, as far as the variant has them."""
        found: dict[str, list[Floats]] = {
            name: [self.blocks[name]] for name in ("rgb", "uv") if name in self.blocks
        }
        if len(found) == 2:
            found["combined"] = [self.blocks["rgb"], self.blocks["uv"]]
        return found | ({"joint": [self.blocks["joint"]]} if "joint" in self.blocks else {})

    def balanced(self, values: Floats) -> float:
        """Mean over classes of the mean value of each class's rows."""
        return balanced_accuracy(values, self.classes)

    def by_giver(self, values: Floats | NDArray[np.bool_], orders: Integers) -> Floats:
        """(rows,) the mean of values under `orders` over the places to which each row's label was dealt.

        Args:
            values: (orders, rows).
            orders: (orders, rows) of `orders`: place j holds the label of row `orders[:, j]`.
        """
        n = len(self.classes)
        total = np.bincount(orders.ravel(), values.ravel().astype(np.float64), n)
        dealt = np.bincount(orders.ravel(), minlength=n)
        # Groups of unequal size may leave a row's label undealt: it stands for its class.
        classes = np.bincount(self.classes, total) / np.maximum(np.bincount(self.classes, dealt), 1)
        return np.where(dealt > 0, total / np.maximum(dealt, 1), classes[self.classes])

    def resampled(self, values: Floats) -> Floats:
        """`balanced(values)` in each resample."""
        members = np.eye(len(self.names))[self.classes]
        means = [(block * values) @ members / (block @ members) for block in float_blocks(self.weights)]
        return np.asarray(np.concatenate(means).mean(1))

    def interval(self, values: Floats) -> list[float]:
        """95 % interval of `balanced(values)`."""
        return self.widen(self.balanced(values), self.resampled(values))

    def widen(self, estimate: float, resampled: Floats) -> list[float]:
        """Percentile interval, widened about the estimate by `widening`."""
        low, high = percentile_interval(resampled)
        return [estimate - self.widening * (estimate - low), estimate + self.widening * (high - estimate)]

    def n_per_class(self) -> dict[str, int]:
        """Specimens of each class."""
        return {name: len(np.unique(self.groups[self.classes == k])) for k, name in enumerate(self.names)}

    def orders(self, count: int, *, within_strata: bool, seed: int) -> Integers:
        """(count, rows) orders that deal one group's rows to another, of the same stratum where asked."""
        rng = np.random.default_rng(seed)
        _, first, group = np.unique(self.groups, return_index=True, return_inverse=True)
        stratum = np.zeros(len(first), np.int64)
        if within_strata and self.strata is not None:
            stratum = self.strata[first]
        members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
        orders = np.empty((count, len(group)), np.int64)
        for order in orders:
            dealt = np.arange(len(first))
            for s in np.unique(stratum):
                inside = np.flatnonzero(stratum == s)
                dealt[inside] = rng.permutation(inside)
            for rows, giver in zip(members, dealt, strict=True):
                order[rows] = np.resize(members[giver], len(rows))
        return orders


def own_source(sources: Collection[str]) -> str:
    """What stands for the model: the joint features, else both modalities side by side, else the only one."""
    return next(name for name in OWN_SOURCES if name in sources)


def prepare_data(
    embeddings: dict[str, ArrayLike | None],
    labels: ArrayLike,
    groups: ArrayLike | None,
    strata: ArrayLike | None,
    protocol: Protocol,
    *,
    clades: ArrayLike | None = None,
    confounders: ArrayLike | None = None,
    test: ArrayLike | None = None,
) -> "ProbeData | Cell":
    """Keep the labelled rows of classes with enough groups, and lay out folds and resamples.

    Returns:
        The data, or {"not_applicable": "too few: …", "n": labelled groups} when fewer than two classes are
        left.

    Raises:
        ValueError: if row counts differ, an embedding is not finite, or no modality is given.
    """
    values = np.asarray(labels, dtype=object)
    is_labelled = ~pd.isna(values)
    label = np.array([str(value) for value in values])
    blocks = _check_blocks(embeddings, len(label))
    group = (
        np.arange(len(label))
        if groups is None
        else specimen_codes(groups, len(label), "classification", "groups")
    )
    sizes = {
        str(name): len(np.unique(group[is_labelled & (label == name)]))
        for name in np.unique(label[is_labelled])
    }
    least = max(protocol.minimum_n, _LEAST)
    names = sorted(name for name in sizes if sizes[name] >= least)
    if len(names) < 2:
        found = ", ".join(f"{name} {size}" for name, size in sizes.items()) or "no specimen is labelled"
        return too_few(f"{found}; two classes of at least {least} specimens needed") | {
            "n": sum(sizes.values())
        }
    rows = is_labelled & np.isin(label, names)
    classes = np.searchsorted(names, label[rows]).astype(np.int64)
    stratum, stratum_names = _name_strata(strata, rows)
    outer = min(protocol.folds, smallest_class(classes, group[rows]))
    return ProbeData(
        blocks={name: block[rows] for name, block in blocks.items()},
        classes=classes,
        names=names,
        left_out={name: size for name, size in sizes.items() if name not in names},
        groups=group[rows],
        strata=stratum,
        stratum_names=stratum_names,
        clades=_name_strata(clades, rows)[0],
        confounders=_code_columns(confounders, rows),
        test=None if test is None else _check_flags(test, len(rows))[rows],
        folds=make_folds(classes, group[rows], outer, seed=protocol.seed),
        weights=bootstrap_weights(group[rows], classes, protocol.bootstraps, seed=protocol.seed),
    )


def _check_flags(test: ArrayLike, n: int) -> NDArray[np.bool_]:
    flags = np.asarray(test)
    if flags.dtype != bool or flags.shape != (n,):
        raise ValueError(
            f"classification: test must be true or false for each label ({n}), got {flags.dtype} of shape "
            f"{flags.shape}; NaN is neither"
        )
    return flags


def _name_strata(strata: ArrayLike | None, rows: NDArray[np.bool_]) -> tuple[Integers | None, dict[int, str]]:
    if strata is None:
        return None, {}
    values = np.asarray(strata, dtype=object)
    codes = group_codes(values, len(rows))[rows]
    names = dict(zip(codes.tolist(), map(str, values[rows]), strict=True))
    return codes, {code: names[code] for code in sorted(names) if code >= 0}


def _code_columns(confounders: ArrayLike | None, rows: NDArray[np.bool_]) -> Integers | None:
    if confounders is None:
        return None
    values = np.asarray(confounders, dtype=object)
    if values.ndim != 2 or len(values) != len(rows):
        raise ValueError(
            f"classification: confounders must be one row per label ({len(rows)}) and one column each, got "
            f"shape {values.shape}"
        )
    return np.stack([group_codes(column, len(rows))[rows] for column in values.T], axis=1)


def _check_blocks(embeddings: dict[str, ArrayLike | None], n: int) -> dict[str, Floats]:
    blocks = {name: np.asarray(block, np.float64) for name, block in embeddings.items() if block is not None}
    if not blocks:
        raise ValueError(
            "classification: rgb, uv or joint must be given, got none of them; pass the embeddings of one"
        )
    for name, block in blocks.items():
        if block.ndim != 2 or len(block) != n:
            raise ValueError(
                f"classification: {name} must be a matrix with one row per label ({n}), "
                f"got shape {block.shape}"
            )
        require_finite(block, "classification", name)
    return blocks
