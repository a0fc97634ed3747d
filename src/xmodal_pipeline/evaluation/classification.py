"""Which labels does each modality tell? Cross-fitted probes with intervals, references and controls."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation.cells import not_applicable, too_few
from xmodal_pipeline.evaluation.nearest import cross_fit_knn
from xmodal_pipeline.evaluation.probe_data import ProbeData, prepare_data
from xmodal_pipeline.evaluation.probes import (
    Probe,
    Protocol,
    balanced_accuracy,
    cross_fit,
    hold_out_strata,
    permuted_predictions,
    relabelled_predictions,
)
from xmodal_pipeline.evaluation.resampling import bootstrap_weights

Floats = NDArray[np.float64]

SOURCES = ("rgb", "uv", "combined", "joint")
_TIE_BREAK = 1e-7
"""Smaller than any difference between two balanced accuracies."""


def classification(  # noqa: PLR0913 - the contract's arguments, then the protocol's
    rgb: ArrayLike | None,
    uv: ArrayLike | None,
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    joint: ArrayLike | None = None,
    folds: int = 5,
    seed: int = 0,
    *,
    clades: ArrayLike | None = None,
    confounders: ArrayLike | None = None,
    test: ArrayLike | None = None,
    inner_folds: int = 3,
    c_values: Sequence[float] = (0.01, 1.0, 100.0),
    bootstraps: int = 200,
    reference_permutations: int = 20,
    minimum_n: int = 6,
) -> dict[str, Any]:
    """Balanced accuracy of a label from RGB, UV, both side by side, and the joint embedding.

    Multinomial logistic regression with balanced class weights; scaling and C inside the fold; folds
    stratified by class with each group on one side. Wide features are rotated into the span of the fitted
    rows, which is exact under the L2 penalty.

    `improvement` is combined − best single. More dimensions alone cost accuracy, so `improvement_over_rgb`
    is the combined accuracy minus its reference: UV's rows permuted (within strata where given) and
    everything refitted. C there is the one that RGB alone chose, for the observed and the permuted alike, so
    that the p-value is exact when UV tells nothing beyond the stratum. `improvement_over_uv` likewise.

    What a label other than the stratum can claim is `{source}_above_strata`: the accuracy minus its mean with
    the labels shuffled within strata and everything refitted, specimen by specimen; p is of these shuffles.
    Knowing the species predicts a label whose classes are mixed differently in each by itself.

    Args:
        rgb: (rows, dim), or None where there is none.
        uv: (rows, dim'), or None.
        labels: (rows,); missing (None, NaN) means unlabelled, and the row is not used.
        groups: (rows,) specimens; None: each row its own.
        strata: (rows,) species, within which references and controls are permuted.
        joint: (rows, dim''), the fused embedding.
        folds: outer folds; fewer where the smallest class has fewer groups.
        seed: of folds, permutations and resamples.
        clades: (rows,) groups of strata, held out whole as strata are.
        confounders: (rows, columns) of classes, such as session or museum: what they alone tell of the label
            stands beside what the embeddings tell.
        test: (rows,) whether the encoder was not trained on the row, for `test_only`.
        inner_folds: folds in which C is chosen.
        c_values: candidates for C.
        bootstraps: resamples of groups, stratified by class, behind each `_ci`, which is then widened for
            what the folds share (Nadeau & Bengio 2003).
        reference_permutations: refits behind each reference and control.
        minimum_n: least number of groups per class (at least 3); smaller classes are left out and named.

    Returns:
        `rgb_accuracy`, `uv_accuracy`, `combined_accuracy`, `joint_accuracy`, `improvement`,
        `improvement_over_rgb`, `improvement_over_uv`, `uv_minus_rgb`, each with `_ci` = [low, high], the two
        with references also `_p`; with strata, per source `{source}_above_strata` with `_ci` and `_p`, and
        `uv_minus_rgb_above_strata`, the difference of two of them, with `_ci`; `knn`: the accuracies of
        weighted nearest neighbours on the same folds; `chance`; `n` (groups), `n_per_class`, `left_out`,
        `folds`; `controls`; `by_stratum` and `test_only`: the same predictions scored on these rows alone.
        What does not apply is {"not_applicable": reason}, and so is the whole result when fewer than two
        classes are large enough.

    Raises:
        ValueError: if row counts differ, an embedding is not finite, or no modality is given.
    """
    protocol = Protocol(
        folds, inner_folds, tuple(c_values), bootstraps, reference_permutations, minimum_n, seed
    )
    data = prepare_data(
        {"rgb": rgb, "uv": uv, "joint": joint},
        labels,
        groups,
        strata,
        protocol,
        clades=clades,
        confounders=confounders,
        test=test,
    )
    if isinstance(data, dict):
        return data
    probes = {
        name: cross_fit(blocks, data.classes, data.groups, data.folds, protocol)
        for name, blocks in data.sources().items()
    }
    correct = {name: (probe.predicted == data.classes).astype(float) for name, probe in probes.items()}
    per_class = data.n_per_class()
    within = {} if data.strata is None else _shuffle(data, probes, protocol, within_strata=True)
    return {
        "chance": 1 / len(data.names),
        "n": sum(per_class.values()),
        "n_per_class": per_class,
        "left_out": data.left_out,
        "folds": len(data.folds),
        **_accuracies(data, correct),
        **_improvements(data, probes, correct, protocol),
        **_above_strata(data, correct, within),
        "knn": _nearest_accuracies(data),
        "controls": _controls(data, probes, correct, within, protocol),
        "by_stratum": {
            name: _score_rows(data, np.asarray(data.strata) == code, correct, protocol)
            for code, name in data.stratum_names.items()
        },
        "test_only": not_applicable("no row is marked as test")
        if data.test is None
        else _score_rows(data, data.test, correct, protocol),
    }


def _accuracies(data: ProbeData, correct: dict[str, Floats]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for source in SOURCES:
        if source in correct:
            result |= _accuracy(data, f"{source}_accuracy", correct[source])
        else:
            result |= _missing(f"{source}_accuracy", f"no {source} embedding")
    return result


def _nearest_accuracies(data: ProbeData) -> dict[str, Any]:
    found = {
        name: cross_fit_knn(blocks, data.classes, data.folds) == data.classes
        for name, blocks in data.sources().items()
    }
    return _accuracies(data, {name: correct.astype(float) for name, correct in found.items()})


def _with_interval(data: ProbeData, name: str, values: Floats) -> dict[str, Any]:
    return {name: data.balanced(values), f"{name}_ci": data.interval(values)}


def _accuracy(data: ProbeData, name: str, correct: Floats) -> dict[str, Any]:
    low, high = data.interval(correct)
    return {name: data.balanced(correct), f"{name}_ci": [max(low, 0.0), min(high, 1.0)]}


def _missing(name: str, reason: str) -> dict[str, Any]:
    return dict.fromkeys((name, f"{name}_ci"), not_applicable(reason))


def _improvements(
    data: ProbeData, probes: dict[str, Probe], correct: dict[str, Floats], protocol: Protocol
) -> dict[str, Any]:
    names = ("uv_minus_rgb", "improvement", "improvement_over_rgb", "improvement_over_uv")
    if "combined" not in correct:
        missing = [_missing(name, f"one modality: {', '.join(probes)}") for name in names]
        return {key: cell for part in missing for key, cell in part.items()}
    rgb, uv, both = correct["rgb"], correct["uv"], correct["combined"]
    result = _with_interval(data, "uv_minus_rgb", uv - rgb)
    result["improvement"] = data.balanced(both) - max(data.balanced(rgb), data.balanced(uv))
    best = np.maximum(data.resampled(rgb), data.resampled(uv))
    result["improvement_ci"] = data.widen(result["improvement"], data.resampled(both) - best)
    for base, other in (("rgb", "uv"), ("uv", "rgb")):
        result |= _improvement_over(data, base, other, probes[base].c, protocol)
    return result


def _improvement_over(
    data: ProbeData, base: str, other: str, c: Floats, protocol: Protocol
) -> dict[str, Any]:
    """Combined accuracy minus its mean when the other modality's rows are permuted, all at the base's C."""
    orders = data.orders(protocol.reference_permutations, within_strata=True, seed=protocol.seed)
    orders = np.concatenate([np.arange(len(data.classes))[None], orders])
    predicted, probability = permuted_predictions(
        data.blocks[base], data.blocks[other], data.classes, data.folds, c, orders
    )
    correct = (predicted == data.classes).astype(float)
    name = f"improvement_over_{base}"
    # Accuracies of few specimens are often equal; the probability of the true class decides between them.
    ordered = [
        data.balanced(row) + _TIE_BREAK * data.balanced(p)
        for row, p in zip(correct, probability, strict=True)
    ]
    return _with_interval(data, name, correct[0] - correct[1:].mean(0)) | {
        f"{name}_p": _p_value(ordered[0], ordered[1:])
    }


def _p_value(observed: float, permuted: Sequence[float]) -> float:
    return (1 + sum(value >= observed - 1e-12 for value in permuted)) / (1 + len(permuted))


@dataclass(frozen=True)
class _Shuffled:
    """What a source reaches when labels are shuffled and everything is refitted."""

    accuracies: list[float]
    """Per shuffle."""
    correct: Floats
    """(rows,): how often a row's label was found, when other rows carried it."""


def _shuffle(
    data: ProbeData, probes: dict[str, Probe], protocol: Protocol, *, within_strata: bool
) -> dict[str, _Shuffled]:
    """Per source, the same probe on labels dealt to other specimens, at the C that the true ones chose."""
    orders = data.orders(protocol.reference_permutations, within_strata=within_strata, seed=protocol.seed + 1)
    labels = data.classes[orders]
    sources = data.sources()
    found = {}
    for source, probe in probes.items():
        right = relabelled_predictions(sources[source], labels, data.folds, probe.c) == labels
        accuracies = [balanced_accuracy(row.astype(float), y) for row, y in zip(right, labels, strict=True)]
        found[source] = _Shuffled(accuracies, data.by_giver(right, orders))
    return found


def _above_strata(
    data: ProbeData, correct: dict[str, Floats], within: dict[str, _Shuffled]
) -> dict[str, Any]:
    """Accuracy minus that with labels shuffled within strata, specimen by specimen."""
    above = {source: correct[source] - shuffled.correct for source, shuffled in within.items()}
    result: dict[str, Any] = {}
    for source, values in above.items():
        p = _p_value(data.balanced(correct[source]), within[source].accuracies)
        name = f"{source}_above_strata"
        result |= _with_interval(data, name, values) | {f"{name}_p": p}
    if "combined" in above:
        result |= _with_interval(data, "uv_minus_rgb_above_strata", above["uv"] - above["rgb"])
    return result


def _controls(
    data: ProbeData,
    probes: dict[str, Probe],
    correct: dict[str, Floats],
    within: dict[str, _Shuffled],
    protocol: Protocol,
) -> dict[str, Any]:
    """Shuffled labels; what strata and confounders alone tell; whether the label transfers across strata."""
    source = next(name for name in ("joint", "combined", "rgb", "uv") if name in probes)
    blocks = data.sources()[source]
    observed = data.balanced(correct[source])
    result: dict[str, Any] = {"source": source}
    freely = _shuffle(data, {source: probes[source]}, protocol, within_strata=False)
    for name, shuffled in (("shuffled_freely", freely), ("shuffled_within_strata", within)):
        if source in shuffled:
            accuracies = shuffled[source].accuracies
            result[name] = float(np.mean(accuracies))
            result[f"{name}_p"] = _p_value(observed, accuracies)
    for name, known in (("strata", data.strata), ("confounders", data.confounders)):
        if known is not None:
            alone = cross_fit([_indicators(known)], data.classes, data.groups, data.folds, protocol)
            correct_alone = (alone.predicted == data.classes).astype(float)
            result |= _accuracy(data, f"{name}_only_accuracy", correct_alone)
    for name, known in (("strata", data.strata), ("clades", data.clades)):
        if known is not None:
            result |= _held_out(data, f"{name}_held_out_accuracy", known, blocks, protocol)
    return result


def _indicators(codes: NDArray[np.int64]) -> Floats:
    """One column per class of every column of codes; missing is a class of its own."""
    columns = codes.reshape(len(codes), -1).T
    return np.hstack([(column[:, None] == np.unique(column)).astype(float) for column in columns])


def _held_out(
    data: ProbeData, name: str, known: NDArray[np.int64], blocks: list[Floats], protocol: Protocol
) -> dict[str, Any]:
    """The label probed where whole species or clades were never fitted on."""
    folds = hold_out_strata(data.classes, data.groups, known, protocol)
    if folds is None:
        return _missing(name, "some class would be missing when whole groups of specimens are left out")
    probe = cross_fit(blocks, data.classes, data.groups, folds, protocol)
    return _accuracy(data, name, (probe.predicted == data.classes).astype(float))


def _score_rows(
    data: ProbeData, rows: NDArray[np.bool_], correct: dict[str, Floats], protocol: Protocol
) -> dict[str, Any]:
    """The same predictions on some rows: the probe is common to all, only the scoring is separate."""
    classes, groups = data.classes[rows], data.groups[rows]
    counts = [len(np.unique(groups[classes == k])) for k in range(len(data.names))]
    if min(counts) < protocol.minimum_n:
        return too_few(", ".join(f"{c} {n}" for c, n in zip(data.names, counts, strict=True)))
    weights = bootstrap_weights(groups, classes, protocol.bootstraps, seed=protocol.seed)
    part = replace(data, classes=classes, groups=groups, weights=weights)
    inside = {source: values[rows] for source, values in correct.items()}
    result = {"n": sum(counts)} | _accuracies(part, inside)
    if "combined" in inside:
        result |= _with_interval(part, "uv_minus_rgb", inside["uv"] - inside["rgb"])
    return result
