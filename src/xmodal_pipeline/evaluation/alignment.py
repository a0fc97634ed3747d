"""Do the two modalities order the specimens in the same way? Mantel tests, CKA and mutual neighbours."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation.cosine import cosine_matrix
from xmodal_pipeline.evaluation.finite import require_finite
from xmodal_pipeline.evaluation.geometry import subsample_rows
from xmodal_pipeline.evaluation.permutation import SLACK, permutation_p
from xmodal_pipeline.evaluation.results import Cell, Number, not_applicable, read_cell, too_few
from xmodal_pipeline.evaluation.retrieval import group_codes, specimen_codes
from xmodal_pipeline.evaluation.schema import ALIGNMENT

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Orders = NDArray[np.uint16]
"""Two bytes hold any of 5,000 rows; 9,999 orders of them take 100 MB instead of 400."""

NEIGHBOURS = 10
"""k of mutual k-NN, as in Huh et al. 2024 (Platonic representation hypothesis)."""
PHYLOGENETIC_CAUTION = (
    "species are not independent: a permutation of species ignores their tree and rejects too often "
    "(Harmon & Glor 2010; Guillot & Rousset 2013)"
)
_WEAK, _STRONG = 0.4, 0.7
_MINIMUM_SPECIMENS = 3
"""Three specimens are three pairs: the least with which a rank correlation is defined."""
_MINIMUM_STRATA = 5
"""Below five species even the best of all orders has p > 1/24."""


def alignment(
    rgb: ArrayLike,
    uv: ArrayLike,
    strata: ArrayLike | None = None,
    permutations: int = 999,
    seed: int = 0,
    *,
    specimens: ArrayLike | None = None,
) -> dict[str, Any]:
    """Spearman correlation of the two matrices of cosine similarities, overall, within and among species.

    p-values are one-sided (the modalities agree more than permuted ones), (1 + b) / (1 + P). Without strata
    the headline is the correlation over all pairs, permuted freely. With strata it is the one within species:
    each species' own correlation over its own pairs, averaged by number of pairs, permuted within species;
    the free p-value is then only for completeness, because it rejects whenever both modalities know the
    species.

    Photographs of one specimen are alike in both modalities, whatever these share: counted as agreement, they
    make p-values false. So a specimen is one row, the mean over its first captures, as many of each as the
    specimen with the fewest has: a mean over more lies nearer to the others in both modalities.

    Args:
        rgb: (captures, dim) embeddings of the first modality.
        uv: (captures, dim') of the second, rows in the same order.
        strata: (captures,) species; missing means in none.
        permutations: P.
        seed: of the permutations, and of the subsample where there are more than 5,000 specimens.
        specimens: (captures,) whose each row is; None: each row is a specimen of its own.

    Returns:
        `spearman` with `p_value` (free); `spearman_within`, `p_value_within`; `spearman_among`,
        `p_value_among` (species centroids, with `caution`); `headline` (`all` or `within`), `strength` of it
        (`weak` < .4 <= `moderate` < .7 <= `strong`); `cka` (linear) and `mutual_knn` (k = 10) with
        `_p_value`, permuted as the headline; `_null` of these and of `spearman_within`, their mean under
        permutation; `n`, `n_used`. What cannot be
        computed is {"not_applicable": reason}. `n` are specimens.

    Raises:
        ValueError: if the arrays are not finite matrices with one row count, fewer than three specimens are
            given, or captures of one specimen have several strata.
    """
    return measure_alignment(rgb, uv, strata, permutations, seed, specimens=specimens)[0]


def measure_alignment(
    rgb: ArrayLike,
    uv: ArrayLike,
    strata: ArrayLike | None,
    permutations: int,
    seed: int,
    *,
    specimens: ArrayLike | None = None,
    classes: ArrayLike | None = None,
) -> tuple[dict[str, Any], list[Number]]:
    """`alignment`, and its measures, strength, headline and caution as rows of `comparison`.

    Where `classes` of a label such as the sex are given (captures,), permutations within strata are within
    strata and class, and specimens without a class stay in their place: a sex that both modalities know is no
    agreement beyond it. The correlations are the same, and their null is what strata and class alone give.
    """
    first, second = _matrices(rgb, uv)
    codes = np.zeros(len(first), np.int64) if strata is None else group_codes(strata, len(first))
    cells = codes if classes is None else _cross(codes, group_codes(classes, len(first)))
    if specimens is not None:
        owners = specimen_codes(specimens, len(first), "alignment", "specimens")
        first, second, (codes, cells) = _average_captures(first, second, (codes, cells), owners)
    n = len(first)
    kept = subsample_rows(np.arange(n), seed=seed)
    first, second, codes, cells = first[kept], second[kept], codes[kept], cells[kept]
    cosines = cosine_matrix(first), cosine_matrix(second)
    orders = free = _orders(np.zeros(len(kept), np.int64), permutations, np.random.default_rng(seed))
    overall = _spearman_test(*cosines, [np.arange(len(kept))], [free])
    words: dict[str, Any] = {"headline": "all"}
    headline: _Test | Cell = overall
    within: _Test | Cell = not_applicable("no species given")
    among = within
    if strata is not None or classes is not None:
        headline = within = _within(*cosines, codes, cells, permutations, seed)
        orders = _orders(cells, permutations, np.random.default_rng(seed))
        words = {"headline": "within"}
    if strata is not None:
        among = _among(first, second, codes, permutations, seed)
        words["caution"] = PHYLOGENETIC_CAUTION
    words["strength"] = headline if isinstance(headline, dict) else strength(headline.statistic)
    measures = [
        _Measure("spearman", "p_value", overall),
        _Measure("spearman_within", "p_value_within", within, "spearman_within_null"),
        _Measure("spearman_among", "p_value_among", among),
        _Measure("cka", "cka_p_value", _cka_test(first, second, orders), "cka_null"),
        _Measure("mutual_knn", "mutual_knn_p_value", _knn_test(*cosines, orders), "mutual_knn_null"),
    ]
    result: dict[str, Any] = {"n": n, "n_used": len(kept), "permutations": permutations} | words
    for one in measures:
        result |= one.entries()
    numbers = [one.number(len(kept)) for one in measures]
    numbers.append(Number(task=ALIGNMENT, metric="n", value=n, n=len(kept)))
    return result, numbers + [_word(metric, cell, len(kept)) for metric, cell in words.items()]


def strength(correlation: float) -> str:
    """`weak` below .4, `moderate` below .7, else `strong`."""
    return "weak" if correlation < _WEAK else "moderate" if correlation < _STRONG else "strong"


class _Test(NamedTuple):
    statistic: float
    p: float
    null: float
    """Mean under permutation."""


class _Measure(NamedTuple):
    """A test, and what its parts are called in the result of `alignment`."""

    metric: str
    p_name: str
    test: _Test | Cell
    null_name: str = ""
    """Empty where the expectation under permutation is 0."""

    def entries(self) -> dict[str, Any]:
        names = [name for name in (self.metric, self.p_name, self.null_name) if name]
        if isinstance(self.test, dict):
            return dict.fromkeys(names, self.test)
        return dict(zip(names, self.test, strict=False))

    def number(self, n: int) -> Number:
        if isinstance(self.test, dict):
            return Number(task=ALIGNMENT, metric=self.metric, n=n, **read_cell(self.test))
        value, p, null = self.test
        chance = null if self.null_name else 0.0
        return Number(task=ALIGNMENT, metric=self.metric, value=value, n=n, chance=chance, p=p)


def _word(metric: str, cell: str | Cell, n: int) -> Number:
    found = {"text": cell} if isinstance(cell, str) else read_cell(cell)
    return Number(task=ALIGNMENT, metric=metric, n=n, **found)


def _cross(codes: Integers, classes: Integers) -> Integers:
    """A number for each pair of codes; −1 where either is missing."""
    return np.where((codes < 0) | (classes < 0), -1, codes * (classes.max(initial=0) + 1) + classes)


def _within(
    rgb: Floats, uv: Floats, codes: Integers, cells: Integers, permutations: int, seed: int
) -> _Test | Cell:
    rng = np.random.default_rng(seed + 1)
    sizes = np.bincount(codes[codes >= 0], minlength=1)
    members = [np.flatnonzero(codes == code) for code in np.flatnonzero(sizes >= _MINIMUM_SPECIMENS)]
    if not members:
        return too_few(f"no species has {_MINIMUM_SPECIMENS} specimens")
    movable = cells[np.concatenate(members)]
    if np.bincount(movable[movable >= 0], minlength=1).max() < 2:
        return too_few("no two specimens of a species have one class")
    orders = [_orders(cells[rows], permutations, rng) for rows in members]
    return _spearman_test(rgb, uv, members, orders)


def _among(
    rgb: NDArray[Any], uv: NDArray[Any], codes: Integers, permutations: int, seed: int
) -> _Test | Cell:
    present = np.unique(codes[codes >= 0])
    if len(present) < _MINIMUM_STRATA:
        return too_few(f"{len(present)} species, at least {_MINIMUM_STRATA} needed")
    centroids = [np.stack([side[codes == code].mean(0) for code in present]) for side in (rgb, uv)]
    order = _orders(np.zeros(len(present), np.int64), permutations, np.random.default_rng(seed + 2))
    rgb, uv = (cosine_matrix(side) for side in centroids)
    return _spearman_test(rgb, uv, [np.arange(len(present))], [order])


def _spearman_test(rgb: Floats, uv: Floats, members: list[Integers], orders: list[Orders]) -> _Test | Cell:
    """Rank correlation over the pairs inside each set of members, averaged by number of pairs."""
    observed, weight, permuted = 0.0, 0, np.zeros(len(orders[0]))
    for rows, order in zip(members, orders, strict=True):
        block = np.ix_(rows, rows)
        x, y = _unit_ranks(rgb[block]), _unit_ranks(uv[block])
        if x is None or y is None:
            continue
        pairs = len(rows) * (len(rows) - 1) // 2
        weight += pairs
        observed += pairs * float((np.tril(x, -1) * y).sum())
        permuted += pairs * _permuted_products(x, y, order)
    if not weight:
        return not_applicable("all similarities of a modality are equal")
    return _test(observed / weight, permuted / weight)


def _test(observed: float, permuted: Floats) -> _Test:
    return _Test(observed, permutation_p(observed, permuted), float(permuted.mean()))


def _unit_ranks(similarity: Floats) -> Floats | None:
    """Mid-ranks of all pairs, centred and of unit length, as a symmetric matrix; None if all are equal."""
    lower = np.tril_indices(len(similarity), -1)
    values = similarity[lower]
    if np.ptp(values) <= SLACK:
        return None
    ranks = scipy.stats.rankdata(values)
    ranks -= ranks.mean()
    ranks /= np.linalg.norm(ranks)
    matrix = np.zeros_like(similarity)
    matrix[lower] = ranks
    return matrix + matrix.T


def _orders(codes: Integers, permutations: int, rng: np.random.Generator) -> Orders:
    """(permutations, n) row orders that move rows within their stratum only; unlabelled rows stay."""
    orders = np.tile(np.arange(len(codes), dtype=np.uint16), (permutations, 1))
    for code in np.unique(codes[codes >= 0]):
        rows = np.flatnonzero(codes == code)
        orders[:, rows] = rng.permuted(orders[:, rows], axis=1)
    return orders


def _permuted_products(x: Floats, y: Floats, orders: Orders) -> Floats:
    """Sum over i >= j of x[order[i], order[j]] · y[i, j] for each order; y's diagonal must be halved or 0."""
    return _compiled()(x, y, orders)


@cache
def _compiled() -> Callable[[Floats, Floats, Orders], Floats]:
    # Imported here: numba takes a second, which commands that permute nothing should not wait for.
    from numba import njit

    # Leave to add in any order: that lets the compiler gather several elements at once.
    compiled: Callable[[Floats, Floats, Orders], Floats] = njit(
        cache=True, fastmath={"reassoc", "contract", "nsz"}
    )(_sum_products)
    return compiled


def _sum_products(x: Floats, y: Floats, orders: Orders) -> Floats:
    products = np.zeros(len(orders))
    for b in range(len(orders)):
        order = orders[b]
        total = 0.0
        for i in range(len(order)):
            row = x[order[i]]
            for j in range(i + 1):
                total += row[order[j]] * y[i, j]
        products[b] = total
    return products


def _cka_test(rgb: NDArray[Any], uv: NDArray[Any], orders: Orders) -> _Test | Cell:
    x, y = _unit_gram(rgb), _unit_gram(uv)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return not_applicable("a modality is constant")
    observed = float((x * y).sum())
    y[np.diag_indices(len(y))] /= 2
    return _test(observed, 2 * _permuted_products(x, y, orders))


def _unit_gram(embeddings: NDArray[Any]) -> Floats:
    centred = embeddings - embeddings.mean(0)
    gram = centred @ centred.T
    norm = np.linalg.norm(gram)
    scale = np.abs(embeddings).max() ** 2 * embeddings.size
    return np.asarray(gram / norm if norm > SLACK * scale else np.full_like(gram, np.nan), np.float64)


def _knn_test(rgb: Floats, uv: Floats, orders: Orders) -> _Test | Cell:
    n = len(rgb)
    if n < NEIGHBOURS + 2:
        return too_few(f"{n} specimens, at least {NEIGHBOURS + 2} needed")
    x, y = _neighbour_shares(rgb, NEIGHBOURS), _neighbour_shares(uv, NEIGHBOURS)
    rows, columns = np.nonzero(y)
    values = y[rows, columns] / (n * NEIGHBOURS)
    permuted = np.array([float(x[order[rows], order[columns]] @ values) for order in orders])
    return _test(float(x[rows, columns] @ values), permuted)


def _neighbour_shares(similarity: Floats, k: int) -> Floats:
    """1 for the k nearest of each row, 0 for the others; rows tied at the k-th place share what is left."""
    others = similarity.copy()
    np.fill_diagonal(others, -np.inf)
    kth = np.partition(others, len(others) - k, axis=1)[:, [len(others) - k]]
    nearer, level = others > kth + SLACK, np.abs(others - kth) <= SLACK
    left = (k - nearer.sum(1)) / level.sum(1)
    return np.asarray(nearer + level * left[:, None], np.float64)


def _average_captures(
    rgb: Floats, uv: Floats, known: tuple[Integers, ...], owners: Integers
) -> tuple[Floats, Floats, list[Integers]]:
    """A row per specimen, in order of appearance: the mean over as many captures as each has."""
    m = int(owners.max()) + 1
    order = np.argsort(owners, kind="stable")
    starts = np.cumsum(np.bincount(owners, minlength=m)) - np.bincount(owners, minlength=m)
    kept = [codes[order[starts]] for codes in known]
    is_clash = [codes != first[owners] for codes, first in zip(known, kept, strict=True)]
    clashes = np.flatnonzero(np.any(is_clash, axis=0))
    if len(clashes):
        raise ValueError(
            f"alignment: captures of one specimen must agree in strata, got several for {len(clashes)} "
            f"row(s), the first {clashes[0]}; check the specimen and the stratum of each row"
        )
    if m < _MINIMUM_SPECIMENS:
        raise ValueError(
            f"alignment: specimens must be at least {_MINIMUM_SPECIMENS}, got {m} of {len(owners)} captures; "
            "captures of one specimen are no sample"
        )
    fewest = int(np.bincount(owners).min())
    rows = order[starts[:, None] + np.arange(fewest)]
    return rgb[rows].mean(1), uv[rows].mean(1), kept


def _matrices(rgb: ArrayLike, uv: ArrayLike) -> tuple[Floats, Floats]:
    first, second = np.asarray(rgb, dtype=np.float64), np.asarray(uv, dtype=np.float64)
    if first.ndim != 2 or second.ndim != 2 or not len(first) == len(second) >= _MINIMUM_SPECIMENS:
        raise ValueError(
            f"alignment: rgb and uv must be matrices with one row count of at least {_MINIMUM_SPECIMENS}, "
            f"got {first.shape} and {second.shape}; give one row per specimen in the same order"
        )
    for name, side in (("rgb", first), ("uv", second)):
        require_finite(side, "alignment", name)
    return first, second
