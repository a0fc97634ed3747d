"""Which labels does each modality tell? Cross-fitted probes with intervals, references and controls."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xmodal_pipeline.evaluation import schema
from xmodal_pipeline.evaluation.nearest import cross_fit_knn
from xmodal_pipeline.evaluation.paired import sign_flip_p
from xmodal_pipeline.evaluation.permutation import permutation_p
from xmodal_pipeline.evaluation.probe_data import ProbeData, own_source, prepare_data
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
from xmodal_pipeline.evaluation.results import (
    Number,
    Part,
    entries,
    missing_entries,
    not_applicable,
    read_cell,
    too_few,
)

Floats = NDArray[np.float64]

_TIE_BREAK = 1e-7
"""Smaller than any difference between two balanced accuracies."""
_SIGN_FLIPS = 9999
"""Cheap, and corrected for many labels a p of a thousandth would not do."""


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
        with references and the difference also `_p` (of sign flips); with strata, per source
        `{source}_above_strata` and `uv_minus_rgb_above_strata`, the difference of two of them, with `_ci` and
        `_p`; `knn`: the accuracies of
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
    return describe_label(data, probe_sources(data, protocol), protocol).cells


def probe_sources(
    data: ProbeData, protocol: Protocol, names: Collection[str] = schema.SOURCES
) -> dict[str, Probe]:
    """The cross-fitted probe of each named source that there is."""
    return {
        name: cross_fit(blocks, data.classes, data.groups, data.folds, protocol)
        for name, blocks in data.sources().items()
        if name in names
    }


def describe_label(data: ProbeData, probes: dict[str, Probe], protocol: Protocol) -> Part:
    """`classification` from the probes of every source, and its numbers, still without the label's name."""
    correct = {name: (probe.predicted == data.classes).astype(float) for name, probe in probes.items()}
    nearest = {
        name: (cross_fit_knn(blocks, data.classes, data.folds) == data.classes).astype(float)
        for name, blocks in data.sources().items()
    }
    within = {} if data.strata is None else _shuffle(data, probes, protocol, within_strata=True)
    main = [
        *_accuracies(data, correct, schema.CLASSIFICATION),
        *_improvements(data, probes, correct, protocol),
        *_above_strata(data, correct, within, protocol),
    ]
    knn = _accuracies(data, nearest, schema.KNN)
    controls = _controls(data, probes, correct, within, protocol)
    test_only = (
        [Number(task=schema.TEST_ONLY, reason="no row is marked as test")]
        if data.test is None
        else _score_rows(data, data.test, correct, protocol, schema.TEST_ONLY)
    )
    by_stratum = {
        name: _score_rows(data, np.asarray(data.strata) == code, correct, protocol, schema.BY_STRATUM, name)
        for code, name in data.stratum_names.items()
    }
    cells = {
        "chance": data.chance,
        "n": data.n,
        "n_per_class": data.n_per_class(),
        "left_out": data.left_out,
        "folds": len(data.folds),
        **entries(main),
        **_missing_improvements(probes),
        **_missing_accuracies(probes),
        "knn": entries(knn) | _missing_accuracies(probes),
        "controls": {"source": own_source(probes)} | entries(controls),
        "by_stratum": {name: _scored_cells(part, probes) for name, part in by_stratum.items()},
        "test_only": _scored_cells(test_only, probes),
    }
    return Part(cells, [*main, *knn, *test_only, *controls, *chain.from_iterable(by_stratum.values())])


def _number(
    data: ProbeData, metric: str, values: Floats, task: str = schema.CLASSIFICATION, **facts: Any
) -> Number:
    """The balanced mean of one value per row, with its interval; 0 by chance unless said otherwise."""
    known = {"chance": 0.0, "n": data.n} | facts
    return Number(
        task=task, metric=metric, value=data.balanced(values), interval=data.interval(values), **known
    )


def _accuracy(data: ProbeData, metric: str, correct: Floats, task: str, **facts: Any) -> Number:
    """The balanced accuracy; its interval ends at 0 and 1."""
    one = _number(data, metric, correct, task, chance=data.chance, **facts)
    low, high = one.interval or (0.0, 1.0)
    return replace(one, interval=(max(low, 0.0), min(high, 1.0)))


def _accuracies(data: ProbeData, correct: dict[str, Floats], task: str, stratum: str = "") -> list[Number]:
    return [
        _accuracy(data, f"{source}_accuracy", correct[source], task, source=source, stratum=stratum)
        for source in schema.SOURCES
        if source in correct
    ]


def _missing_accuracies(probes: Collection[str]) -> dict[str, Any]:
    """The entries of the sources that a model lacks; they have no rows."""
    missing = [
        missing_entries([f"{s}_accuracy"], f"no {s} embedding") for s in schema.SOURCES if s not in probes
    ]
    return {key: cell for part in missing for key, cell in part.items()}


def _missing_improvements(probes: Collection[str]) -> dict[str, Any]:
    if "combined" in probes:
        return {}
    names = ("uv_minus_rgb", "improvement", "improvement_over_rgb", "improvement_over_uv")
    return missing_entries(names, f"{schema.ONE_MODALITY}: {', '.join(probes)}")


def _scored_cells(part: list[Number], probes: Collection[str]) -> dict[str, Any]:
    if part[0].reason:
        return not_applicable(part[0].reason)
    return {"n": part[0].n} | entries(part) | _missing_accuracies(probes)


def _improvements(
    data: ProbeData, probes: dict[str, Probe], correct: dict[str, Floats], protocol: Protocol
) -> list[Number]:
    if "combined" not in correct:
        return []
    rgb, uv, both = correct["rgb"], correct["uv"], correct["combined"]
    gain = data.balanced(both) - max(data.balanced(rgb), data.balanced(uv))
    best = np.maximum(data.resampled(rgb), data.resampled(uv))
    interval = data.widen(gain, data.resampled(both) - best)
    return [
        _difference(data, schema.UV_MINUS_RGB, uv - rgb, protocol),
        Number(
            task=schema.CLASSIFICATION,
            metric="improvement",
            value=gain,
            interval=interval,
            n=data.n,
            chance=0,
        ),
        _improvement_over(data, "rgb", "uv", probes["rgb"].c, protocol),
        _improvement_over(data, "uv", "rgb", probes["uv"].c, protocol),
    ]


def _improvement_over(data: ProbeData, base: str, other: str, c: Floats, protocol: Protocol) -> Number:
    """Combined accuracy minus its mean when the other modality's rows are permuted, all at the base's C."""
    orders = data.orders(protocol.reference_permutations, within_strata=True, seed=protocol.seed)
    orders = np.concatenate([np.arange(len(data.classes))[None], orders])
    predicted, probability = permuted_predictions(
        data.blocks[base], data.blocks[other], data.classes, data.folds, c, orders
    )
    correct = (predicted == data.classes).astype(float)
    # Accuracies of few specimens are often equal; the probability of the true class decides between them.
    ordered = [
        data.balanced(row) + _TIE_BREAK * data.balanced(p)
        for row, p in zip(correct, probability, strict=True)
    ]
    p = permutation_p(ordered[0], ordered[1:])
    return _number(data, f"improvement_over_{base}", correct[0] - correct[1:].mean(0), p=p)


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


def _difference(data: ProbeData, metric: str, values: Floats, protocol: Protocol) -> Number:
    """A difference of two modalities on the same rows; p by flipping the sign of each group's share.

    Groups share fitted probes, so the statistic is divided by the factor that widens the interval.
    """
    share = values / (len(data.names) * np.bincount(data.classes)[data.classes])
    groups = np.unique(data.groups, return_inverse=True)[1]
    shares = np.bincount(groups, share).astype(np.float64)
    length = float(np.sqrt((shares**2).sum()))
    statistic = float(shares.sum()) / length / data.widening if length > 0 else 0.0
    p, _ = sign_flip_p(shares[None], np.array([statistic]), _SIGN_FLIPS, seed=protocol.seed)
    return _number(data, metric, values, p=float(p[0]))


def _above_strata(
    data: ProbeData, correct: dict[str, Floats], within: dict[str, _Shuffled], protocol: Protocol
) -> list[Number]:
    """Accuracy minus that with labels shuffled within strata, specimen by specimen."""
    above = {source: correct[source] - shuffled.correct for source, shuffled in within.items()}
    numbers = []
    for source, values in above.items():
        p = permutation_p(data.balanced(correct[source]), within[source].accuracies)
        numbers.append(_number(data, f"{source}_above_strata", values, source=source, p=p))
    if "combined" in above:
        metric = schema.UV_MINUS_RGB + schema.ABOVE_STRATA
        numbers.append(_difference(data, metric, above["uv"] - above["rgb"], protocol))
    return numbers


def _controls(
    data: ProbeData,
    probes: dict[str, Probe],
    correct: dict[str, Floats],
    within: dict[str, _Shuffled],
    protocol: Protocol,
) -> list[Number]:
    """Shuffled labels; what strata and confounders alone tell; whether the label transfers across strata."""
    source = own_source(probes)
    shuffled = {"shuffled_freely": _shuffle(data, {source: probes[source]}, protocol, within_strata=False)}
    shuffled |= {"shuffled_within_strata": within} if within else {}
    numbers = [
        Number(
            task=schema.CONTROL,
            metric=metric,
            value=float(np.mean(found[source].accuracies)),
            n=data.n,
            chance=data.chance,
            p=permutation_p(data.balanced(correct[source]), found[source].accuracies),
            source=source,
        )
        for metric, found in shuffled.items()
    ]
    for name, known in (("strata", data.strata), ("confounders", data.confounders)):
        if known is not None:
            alone = cross_fit([_indicators(known)], data.classes, data.groups, data.folds, protocol)
            right = (alone.predicted == data.classes).astype(float)
            numbers.append(_accuracy(data, f"{name}_only_accuracy", right, schema.CONTROL))
    for name, known in (("strata", data.strata), ("clades", data.clades)):
        if known is not None:
            numbers.append(_held_out(data, f"{name}_held_out_accuracy", known, source, protocol))
    return numbers


def _indicators(codes: NDArray[np.int64]) -> Floats:
    """One column per class of every column of codes; missing is a class of its own."""
    columns = codes.reshape(len(codes), -1).T
    return np.hstack([(column[:, None] == np.unique(column)).astype(float) for column in columns])


def _held_out(
    data: ProbeData, metric: str, known: NDArray[np.int64], source: str, protocol: Protocol
) -> Number:
    """The label probed where whole species or clades were never fitted on."""
    folds = hold_out_strata(data.classes, data.groups, known, protocol)
    if folds is None:
        facts: dict[str, Any] = {"n": data.n, "chance": data.chance, "source": source}
        reason = "some class would be missing when whole groups of specimens are left out"
        return Number(task=schema.CONTROL, metric=metric, reason=reason, **facts)
    probe = cross_fit(data.sources()[source], data.classes, data.groups, folds, protocol)
    correct = (probe.predicted == data.classes).astype(float)
    return _accuracy(data, metric, correct, schema.CONTROL, source=source)


def _score_rows(
    data: ProbeData,
    rows: NDArray[np.bool_],
    correct: dict[str, Floats],
    protocol: Protocol,
    task: str,
    stratum: str = "",
) -> list[Number]:
    """The same predictions on some rows: the probe is common to all, only the scoring is separate."""
    classes, groups = data.classes[rows], data.groups[rows]
    counts = [len(np.unique(groups[classes == k])) for k in range(len(data.names))]
    if min(counts) < protocol.minimum_n:
        few = too_few(", ".join(f"{c} {n}" for c, n in zip(data.names, counts, strict=True)))
        return [Number(task=task, stratum=stratum, n=sum(counts), **read_cell(few))]
    weights = bootstrap_weights(groups, classes, protocol.bootstraps, seed=protocol.seed)
    part = replace(data, classes=classes, groups=groups, weights=weights)
    inside = {source: values[rows] for source, values in correct.items()}
    numbers = _accuracies(part, inside, task, stratum)
    if "combined" in inside:
        difference = inside["uv"] - inside["rgb"]
        numbers.append(_number(part, schema.UV_MINUS_RGB, difference, task, stratum=stratum))
    return numbers
