"""What each specimen contributes to a model's numbers: the same folds and test specimens for all models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.evaluation.measurement import LEAST_TEST
from xmodal_pipeline.evaluation.paired import Measure
from xmodal_pipeline.evaluation.probe_data import prepare_data
from xmodal_pipeline.evaluation.probes import Protocol, cross_fit
from xmodal_pipeline.evaluation.ranks import query_measures
from xmodal_pipeline.evaluation.retrieval import DIRECTIONS, rank_matches
from xmodal_pipeline.evaluation.specimen_tables import pair_captures, specimen_features, specimen_labels
from xmodal_pipeline.params.evaluate import EvaluationParams

Floats = NDArray[np.float64]

_OWN = ("joint", "combined", "rgb", "uv")
"""What stands for a model as a whole: the first of these that it has."""
_KEYS = ["capture_id", "specimen_id", "partition", "modality"]


@dataclass(frozen=True, eq=False)
class ModelTables:
    """One model's tables, one per seed; projections and opposite views may be missing."""

    embeddings: tuple[pd.DataFrame, ...]
    projections: tuple[pd.DataFrame, ...] = ()
    opposite_views: tuple[pd.DataFrame, ...] = ()

    def with_seeds_of(self, other: "ModelTables") -> "ModelTables":
        """The tables of both, as seeds of one model."""
        return ModelTables(
            self.embeddings + other.embeddings,
            self.projections + other.projections,
            self.opposite_views + other.opposite_views,
        )


def check_table(name: str, table: pd.DataFrame, index: pd.DataFrame, partitions: pd.DataFrame) -> None:
    """A table of another run must describe the captures of this study, in its partitions.

    Args:
        name: of the run, for the message.
        table: capture_id, specimen_id, partition, modality, x1 … xD.
        index: `specimen_index`.
        partitions: specimen_id, partition.

    Raises:
        ParametersError: naming the run and the first capture or specimen that differs.
    """
    missing = [column for column in [*_KEYS, "x1"] if column not in table]
    if missing:
        raise ParametersError(
            f"compare.runs.{name}: table must have the columns {', '.join(_KEYS)}, x1 … xD, got none of "
            f"{missing}; give the embeddings.parquet of a run"
        )
    if table.duplicated(["capture_id", "modality"]).any():
        raise ParametersError(f"compare.runs.{name}: a capture must have one row per modality, got several")
    for modality, rows in table.groupby("modality"):
        differing = sorted(set(rows["capture_id"]) ^ set(index["capture_id"]))
        if differing:
            raise ParametersError(
                f"compare.runs.{name}: {modality} rows must be of the captures of this study "
                f"({len(index)}), got {len(rows)} that differ in {len(differing)}, the first "
                f"'{differing[0]}'; embed this study's captures with that model"
            )
    here = partitions.set_index("specimen_id")["partition"]
    moved = table.loc[table["specimen_id"].map(here) != table["partition"], "specimen_id"]
    if len(moved):
        raise ParametersError(
            f"compare.runs.{name}: specimens must be in the partitions of this study, got another for "
            f"{moved.nunique()}, the first '{moved.iloc[0]}': what is tested here may have trained there; "
            "use the same split.seed and shares"
        )


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
        two models have is left out.
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
    work = [
        (label, name, seed)
        for label in labels
        for name, tables in models.items()
        for seed in range(len(tables))
    ]
    # One process per probe, one thread each: the products are small and many.
    shares = Parallel(n_jobs=params.n_jobs)(
        delayed(_label_contributions)(features[name][seed], labels[label], params)
        for label, name, seed in work
    )
    found = dict(zip(work, shares, strict=True))
    for label in labels:
        per_model = {
            name: [found[label, name, seed] for seed in range(len(tables))] for name, tables in models.items()
        }
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
