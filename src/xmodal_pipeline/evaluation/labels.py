"""Every label that specimens carry, classified from one row per specimen."""

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.classification import describe_label, probe_sources
from xmodal_pipeline.evaluation.probe_data import ProbeData, own_source, prepare_data
from xmodal_pipeline.evaluation.probes import Probe, Protocol
from xmodal_pipeline.evaluation.results import Contribution, Number, Part, lack, not_applicable, read_cell
from xmodal_pipeline.evaluation.schema import ABOVE_STRATA, CLASSIFICATION, MODALITIES, UV_MINUS_RGB
from xmodal_pipeline.evaluation.specimen_tables import (
    CLADE,
    SPECIES,
    labels_of_species,
    specimen_features,
    specimen_labels,
)
from xmodal_pipeline.params.evaluate import EvaluationParams


def measure_labels(
    embeddings: pd.DataFrame,
    index: pd.DataFrame,
    params: EvaluationParams,
    confounders: Sequence[str] = (),
    *,
    skip: Collection[str] = (),
    only_contributions: bool = False,
) -> Part:
    """`classification` of every label; species are the strata of those that vary within them.

    Args:
        embeddings: capture_id, specimen_id, partition, modality, x1 … xD.
        index: `specimen_index`; a column `clade` is held out whole, as species are.
        params: the protocol.
        confounders: columns of the index; those of a specimen's first capture count.
        skip: labels that are not asked for.
        only_contributions: leave out all but what models are compared by.

    Returns:
        Cells by label. There are no contributions where a specimen of the index is missing: all models are
        compared on the same ones.
    """
    features = specimen_features(embeddings)
    specimens = next(iter(features.values())).index
    labels = specimen_labels(index).reindex(specimens)
    if not len(labels.columns):
        return lack(CLASSIFICATION, not_applicable("the specimens carry no label with 2 to 50 classes"))
    partition = embeddings.drop_duplicates("specimen_id").set_index("specimen_id")["partition"]
    first = index.drop_duplicates("specimen_id").set_index("specimen_id").reindex(specimens)
    blocks = {name: table.to_numpy() for name, table in features.items()}
    is_test = (partition.reindex(specimens) == "test").to_numpy()
    of_species, strata = labels_of_species(index), _strata_of(first)
    work = (
        delayed(_measure_label)(
            blocks,
            labels[name],
            params,
            strata={} if name in of_species else strata,
            confounders=[first[other].to_numpy(dtype=object) for other in confounders if other != name],
            is_test=is_test,
            only_contributions=only_contributions,
        )
        for name in labels.columns
        if name not in skip
    )
    # One process per label, one thread each: the products are small and many.
    parts: list[Part] = Parallel(n_jobs=params.n_jobs)(work)
    is_whole = all(len(table) == index["specimen_id"].nunique() for table in features.values())
    names = [str(name) for name in labels.columns if name not in skip]
    return Part(
        {name: part.cells for name, part in zip(names, parts, strict=True)},
        [one for part in parts for one in part.numbers]
        + [_told_by_species(name) for name in names if name in of_species and name != SPECIES],
        [one for part in parts for one in part.contributions if is_whole],
    )


def _measure_label(
    blocks: dict[str, NDArray[np.float64]],
    labels: pd.Series,
    params: EvaluationParams,
    *,
    strata: dict[str, NDArray[Any]],
    confounders: list[NDArray[Any]],
    is_test: NDArray[np.bool_],
    only_contributions: bool,
) -> Part:
    label = str(labels.name)
    protocol = Protocol(**{field.name: getattr(params, field.name) for field in fields(Protocol)})
    data = prepare_data(
        dict(blocks),
        labels.to_numpy(dtype=object),
        None,
        strata.get(SPECIES),
        protocol,
        clades=strata.get(CLADE),
        confounders=np.stack(confounders, axis=1) if confounders else None,
        test=is_test,
    )
    if isinstance(data, dict):
        few = Number(task=CLASSIFICATION, label=label, metric="accuracy", n=data["n"], **read_cell(data))
        return Part(data, [few])
    if only_contributions:
        probes = probe_sources(data, protocol, {own_source(data.sources()), *MODALITIES})
        return Part({}, [], _contributions(label, data, probes, labels.index))
    probes = probe_sources(data, protocol)
    part = describe_label(data, probes, protocol)
    numbers = [replace(one, label=label) for one in part.numbers]
    return Part(part.cells, numbers, _contributions(label, data, probes, labels.index))


def _told_by_species(label: str) -> Number:
    metric = UV_MINUS_RGB + ABOVE_STRATA
    return Number(task=CLASSIFICATION, label=label, metric=metric, reason="each species has one class of it")


def _contributions(
    label: str, data: ProbeData, probes: dict[str, Probe], specimens: pd.Index
) -> list[Contribution]:
    """Shares of the balanced accuracy: of the model's own features, and of each modality's."""
    share = 1 / (len(data.names) * np.bincount(data.classes)[data.classes])
    metrics = {"accuracy": own_source(probes)}
    metrics |= {f"{name}_accuracy": name for name in MODALITIES if name in probes}
    return [
        Contribution(
            task=CLASSIFICATION,
            label=label,
            metric=metric,
            source=source,
            specimens=specimens.to_numpy()[data.groups],  # without groups, a group is the row of its specimen
            values=share * (probes[source].predicted == data.classes),
            strata=data.classes,
            folds=len(data.folds),
        )
        for metric, source in metrics.items()
    ]


def _strata_of(specimens: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Species and clades of specimens, however many there are."""
    return {
        column: specimens[column].to_numpy(dtype=object)
        for column in (SPECIES, CLADE)
        if column in specimens and specimens[column].notna().any()
    }
