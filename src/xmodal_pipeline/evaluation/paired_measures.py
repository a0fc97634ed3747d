"""What each specimen contributes to a model's numbers: the same folds and test specimens for all models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.evaluation.baseline_protocol import SPECIES_ONLY
from xmodal_pipeline.evaluation.measurement import LEAST_TEST
from xmodal_pipeline.evaluation.model_tables import ModelTables
from xmodal_pipeline.evaluation.paired import Measure, compare_models
from xmodal_pipeline.evaluation.probe_data import prepare_data
from xmodal_pipeline.evaluation.probes import Protocol, cross_fit
from xmodal_pipeline.evaluation.ranks import query_measures
from xmodal_pipeline.evaluation.retrieval import DIRECTIONS, rank_matches
from xmodal_pipeline.evaluation.specimen_tables import (
    labels_of_species,
    pair_captures,
    specimen_features,
    specimen_labels,
)
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.variants import BASELINES as ONE_MODALITY

Floats = NDArray[np.float64]

_OWN = ("joint", "combined", "rgb", "uv")
"""What stands for a model as a whole: the first of these that it has."""


def compare_tables(
    models: Mapping[str, ModelTables],
    baselines: Mapping[str, ModelTables],
    index: pd.DataFrame,
    params: EvaluationParams,
) -> pd.DataFrame:
    """Paired differences between models, and between each model and each baseline.

    Args:
        models: trained ones by name; those of both modalities are put before those of one.
        baselines: of `baseline_tables`.
        index: `specimen_index`.
        params: the protocol.

    Returns:
        Of `paired.compare_models`, and a column `protocol`.

    Raises:
        ParametersError: if a model has the name of a baseline.
    """
    for name in set(models) & set(baselines):
        raise ParametersError(
            f"compare.runs.{name}: name must not be that of a baseline ({', '.join(baselines)}), got "
            f"'{name}'; call the run something else"
        )
    order = [name for name in models if name not in ONE_MODALITY]
    order += [name for name in reversed(ONE_MODALITY) if name in models]
    measures = paired_measures({name: models[name] for name in order} | dict(baselines), index, params)
    rows = compare_models(
        measures,
        bootstraps=params.bootstraps,
        permutations=params.permutations,
        seed=params.seed,
        baselines=baselines,
    )
    return rows.assign(protocol=params.protocol)


def paired_measures(
    models: Mapping[str, ModelTables], index: pd.DataFrame, params: EvaluationParams
) -> list[Measure]:
    """Retrieval of the test specimens, and every label of all specimens, per model and specimen.

    Args:
        models: by name, all of the same captures; cross-modal ones first.
        index: `specimen_index`, with label columns.
        params: the protocol: folds, C and cut-offs as in `evaluate`.

    Returns:
        Tasks `retrieval` and `retrieval_opposite_views` (label: the direction; models with both modalities)
        and `classification` (`accuracy` of each model's own features: joint, else both side by side, else
        the only modality; `rgb_accuracy` and `uv_accuracy` of one modality each). A measure that fewer than
        two models have is left out, and so is classification by a model that lacks some specimen: all are
        compared on the same ones.
    """
    specimens = np.sort(index["specimen_id"].unique())
    kinds = {
        "retrieval": {name: tables.projections for name, tables in models.items()},
        "retrieval_opposite_views": {name: tables.opposite_views for name, tables in models.items()},
    }
    measures = [
        measure
        for task, tables in kinds.items()
        for measure in _retrieval_measures(task, tables, index, specimens, params)
    ]
    measures += _classification_measures(
        {name: tables.embeddings for name, tables in models.items()}, index, specimens, params
    )
    return [measure for measure in measures if len(measure.contributions) > 1]


def _retrieval_measures(
    task: str,
    models: Mapping[str, Sequence[pd.DataFrame]],
    index: pd.DataFrame,
    specimens: NDArray[np.object_],
    params: EvaluationParams,
) -> Iterator[Measure]:
    crossing = {
        name: [_query_contributions(table, index, specimens, params) for table in tables]
        for name, tables in models.items()
        if tables and {"rgb", "uv"} <= set(tables[0]["modality"])
    }
    found = next((one for seeds in crossing.values() for one in seeds), {})
    for direction, metric in found:
        contributions = {
            name: np.stack([one[direction, metric] for one in seeds]) for name, seeds in crossing.items()
        }
        # Every query has a positive reciprocal rank.
        strata = np.where(found[direction, "mrr"] > 0, 0, -1)
        yield Measure(task, direction, metric, contributions, strata, dict.fromkeys(crossing, "rgb+uv"))


def _query_contributions(
    table: pd.DataFrame, index: pd.DataFrame, specimens: NDArray[np.object_], params: EvaluationParams
) -> dict[tuple[str, str], Floats]:
    """Per direction and measure, each specimen's share of the mean over queries; galleries within a view."""
    pairs = pair_captures(table, index, partition="test")
    if len(pairs.rgb) < LEAST_TEST:
        return {}
    parts = pairs.split_views()
    owners = np.searchsorted(specimens, np.concatenate([part.specimens for part in parts]))
    sides = zip(*(rank_matches(part.rgb, part.uv) for part in parts), strict=True)
    result = {}
    for direction, counts in zip(DIRECTIONS, sides, strict=True):
        views = [query_measures(one, params.ks[:1]) for one in counts]
        for metric in (f"recall@{params.ks[0]}", "mrr", "pairwise"):
            values = np.concatenate([view[metric] for view in views])
            result[direction, metric] = np.asarray(
                np.bincount(owners, values / len(values), len(specimens)), np.float64
            )
    return result


def _classification_measures(
    models: Mapping[str, Sequence[pd.DataFrame]],
    index: pd.DataFrame,
    specimens: NDArray[np.object_],
    params: EvaluationParams,
) -> Iterator[Measure]:
    labels = specimen_labels(index).reindex(specimens)
    features = {name: [specimen_features(table) for table in tables] for name, tables in models.items()}
    complete = [
        name
        for name, seeds in features.items()
        if all(len(table) == len(specimens) for one in seeds for table in one.values())
    ]
    of_species = labels_of_species(index)
    work = [
        (label, name, seed)
        for label in labels
        for name in complete
        if not (name == SPECIES_ONLY and label in of_species)
        for seed in range(len(models[name]))
    ]
    # One process per probe, one thread each: the products are small and many.
    shares = Parallel(n_jobs=params.n_jobs)(
        delayed(_label_contributions)(features[name][seed], labels[label], params)
        for label, name, seed in work
    )
    found = dict(zip(work, shares, strict=True))
    for label in labels:
        per_model: dict[str, list[_LabelShares | None]] = {}
        for (about, name, _), shares_of in found.items():
            if about == label:
                per_model.setdefault(name, []).append(shares_of)
        yield from _label_measures(str(label), per_model)


@dataclass(frozen=True, eq=False)
class _LabelShares:
    """Per source each specimen's share of the balanced accuracy."""

    contributions: dict[str, Floats]
    classes: NDArray[np.int64]
    """(specimens,), −1 where not used."""
    folds: int


def _label_contributions(
    features: dict[str, pd.DataFrame], labels: pd.Series, params: EvaluationParams
) -> _LabelShares | None:
    """Balanced accuracy of every source, as shares of specimens; None where classes are too few."""
    protocol = Protocol(
        params.folds, params.inner_folds, params.c_values, params.bootstraps, 1, params.minimum_n, params.seed
    )
    blocks = {name: table.reindex(labels.index).to_numpy() for name, table in features.items()}
    data = prepare_data(dict(blocks), labels.to_numpy(dtype=object), None, None, protocol)
    if isinstance(data, dict):
        return None
    classes = np.full(len(labels), -1)
    classes[data.groups] = data.classes  # without groups, a group is the row of its specimen
    share = 1 / (len(data.names) * np.bincount(data.classes)[data.classes])
    contributions = {}
    sources = data.sources()
    own = next(name for name in _OWN if name in sources)
    for source in {own, *features}:
        probe = cross_fit(sources[source], data.classes, data.groups, data.folds, protocol)
        contributions[source] = np.zeros(len(labels))
        contributions[source][data.groups] = share * (probe.predicted == data.classes)
    return _LabelShares(contributions, classes, len(data.folds))


def _label_measures(label: str, models: Mapping[str, Sequence[_LabelShares | None]]) -> Iterator[Measure]:
    known = {
        name: [one for one in seeds if one is not None] for name, seeds in models.items() if None not in seeds
    }
    if not known:
        return
    first = next(iter(known.values()))[0]
    # The K probes of a cross-fit share most of their rows (Nadeau & Bengio 2003, equation 9).
    widening = float(np.sqrt(1 + first.folds / (first.folds - 1)))
    own = {
        name: next(source for source in _OWN if source in seeds[0].contributions)
        for name, seeds in known.items()
    }
    having: dict[str, dict[str, str]] = {
        source: {name: source for name, seeds in known.items() if source in seeds[0].contributions}
        for source in ("rgb", "uv")
    }
    for metric, features in (
        ("accuracy", own),
        ("rgb_accuracy", having["rgb"]),
        ("uv_accuracy", having["uv"]),
    ):
        contributions = {
            name: np.stack([one.contributions[source] for one in known[name]])
            for name, source in features.items()
        }
        yield Measure("classification", label, metric, contributions, first.classes, features, widening)
