"""The evaluation protocol: each model is measured once, from its tables, by the same measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xmodal_pipeline.evaluation import schema
from xmodal_pipeline.evaluation.alignment import measure_alignment
from xmodal_pipeline.evaluation.galleries import (
    LEAST_TEST,
    few_specimens,
    measure_chance,
    measure_retrieval,
    query_contributions,
    rank_galleries,
)
from xmodal_pipeline.evaluation.geometry import geometry
from xmodal_pipeline.evaluation.labels import measure_labels
from xmodal_pipeline.evaluation.model_tables import ModelTables
from xmodal_pipeline.evaluation.predictability import predictability
from xmodal_pipeline.evaluation.results import (
    Cell,
    Number,
    Part,
    lack,
    not_applicable,
    plain_numbers,
    stack_contributions,
    tabulate_contributions,
    tabulate_numbers,
    too_few,
)
from xmodal_pipeline.evaluation.specimen_tables import (
    SPECIES,
    Pairs,
    describe_labels,
    feature_columns,
    first_captures,
    labels_of_species,
    pair_captures,
    specimen_labels,
)
from xmodal_pipeline.params.evaluate import EvaluationParams

_PARTS = (schema.RETRIEVAL, schema.CLASSIFICATION, schema.ALIGNMENT, schema.GEOMETRY, schema.PREDICTABILITY)


@dataclass(frozen=True, eq=False)
class Measured:
    """All that is known of a model."""

    metrics: dict[str, Any]
    """Nested, without NaN."""
    numbers: pd.DataFrame
    """Rows of `comparison`; a variant's have no `name` yet."""
    contributions: pd.DataFrame
    """Of `tabulate_contributions`; a variant's have no `name` yet."""


def measure_variant(
    embeddings: pd.DataFrame,
    projections: pd.DataFrame,
    views: pd.DataFrame,
    index: pd.DataFrame,
    params: EvaluationParams,
    *,
    label: str | None,
    confounders: Sequence[str] = (),
) -> Measured:
    """Everything that is measured of one variant, with the same keys whatever its strategy.

    Retrieval is of projections of the test partition, one capture per specimen and view; alignment, geometry
    and predictability are of the view that most specimens have; classification is of embeddings of all
    specimens (training saw no labels), averaged over a specimen's captures; geometry is of test projections,
    predictability of test embeddings.

    Args:
        embeddings: capture_id, specimen_id, partition, modality, x1 … xD: encoder features.
        projections: the same columns: head outputs, where the modalities share a space.
        views: like projections, of independently warped views: outline and pose do not give the match away.
        index: `specimen_index`, with label columns.
        params: the protocol.
        label: the label that the study is about; None: none in particular.
        confounders: columns of the index whose own accuracy stands beside the embeddings'.

    Returns:
        Metrics `alignment`, `retrieval` (with `opposite_views`), `classification` (per label), `geometry`,
        `predictability`, each a dict or {"not_applicable": reason}; `protocol`; `n`.

    Raises:
        ValueError: if `label` is not a column of the index or a table has captures that it lacks.
    """
    if label is not None and label not in index:
        raise ValueError(
            f"evaluate: label must be a column of the specimen index, got '{label}'; "
            f"the labels are {describe_labels(index)}"
        )
    test = _test_pairs(projections, index)
    if test is None:
        modalities = [name for name in schema.MODALITIES if (embeddings["modality"] == name).any()]
        parts = _lack_all(not_applicable(f"{schema.ONE_MODALITY}: {', '.join(modalities)}"))
        parts[schema.GEOMETRY] = _geometry_of_one(projections, modalities[0], index, params)
    elif (few := _shortage(test)) is not None:
        parts = _lack_all(few)
    else:
        parts = {schema.RETRIEVAL: _retrieve(ModelTables(embeddings, projections, views), index, params)}
        parts |= _structure(projections, test, embeddings, index, params, label)
    parts[schema.CLASSIFICATION] = measure_labels(embeddings, index, params, confounders)
    found = _gather(parts, index, params, kind="variant")
    found.metrics["protocol"] = params.model_dump(mode="json") | {"label": label}
    found.metrics["n"] = _counts(embeddings, test)
    return found


def measure_baselines(
    models: Mapping[str, ModelTables],
    index: pd.DataFrame,
    params: EvaluationParams,
    confounders: Sequence[str] = (),
    *,
    label: str | None = None,
) -> Measured:
    """What chance, species, colour, outlines, PCA + CCA and encoders that learnt nothing here reach.

    Args:
        models: of `baseline_tables`.
        index: `specimen_index`, with label columns.
        params: the protocol.
        confounders: columns of the index whose own accuracy stands beside the classification.
        label: the label that the study is about; None: none in particular.

    Returns:
        Of all baselines together. Metrics: `chance` with its `retrieval`, and per model `retrieval` (with
        `opposite_views`), `classification` and, where its embeddings have both modalities, `alignment` and
        `predictability` of these and `geometry` of the projections, all of the same form as a variant's;
        `protocol`.
    """
    pairs = (_test_pairs(tables.embeddings, index) for tables in models.values())
    chance = measure_chance(next(one for one in pairs if one is not None), params)
    found = {
        schema.CHANCE: _gather({schema.RETRIEVAL: chance}, index, params, kind="baseline", name=schema.CHANCE)
    }
    for name, tables in models.items():
        skip = labels_of_species(index) if name == schema.SPECIES_ONLY else ()
        labels = measure_labels(tables.embeddings, index, params, confounders, skip=skip)
        parts = {schema.RETRIEVAL: _retrieve(tables, index, params), schema.CLASSIFICATION: labels}
        if _test_pairs(tables.embeddings, index) is not None:
            projected = _test_pairs(tables.projections, index)
            parts |= _structure(tables.embeddings, projected, tables.embeddings, index, params, label)
        found[name] = _gather(parts, index, params, kind="baseline", name=name)
    metrics: dict[str, Any] = {name: one.metrics for name, one in found.items()}
    return Measured(
        metrics | {"protocol": params.model_dump(mode="json")},
        pd.concat([one.numbers for one in found.values()], ignore_index=True),
        stack_contributions([one.contributions for one in found.values()]),
    )


def measure_contributions(tables: ModelTables, index: pd.DataFrame, params: EvaluationParams) -> pd.DataFrame:
    """What a model is compared with others by, and nothing else; as in `measure_variant`."""
    found = []
    for task, table in (
        (schema.RETRIEVAL, tables.projections),
        (schema.OPPOSITE_VIEWS, tables.opposite_views),
    ):
        pairs = _test_pairs(table, index)
        ranked = None if pairs is None else rank_galleries(pairs)
        found += [] if ranked is None else query_contributions(ranked, params, task)
    found += measure_labels(tables.embeddings, index, params, only_contributions=True).contributions
    return tabulate_contributions(found, all_specimens(index))


def all_specimens(index: pd.DataFrame) -> Any:
    """Ids of the specimens of the index, sorted."""
    return np.sort(index["specimen_id"].unique())


def _gather(
    parts: Mapping[str, Part], index: pd.DataFrame, params: EvaluationParams, *, kind: str, name: str = ""
) -> Measured:
    ordered = [parts[task] for task in _PARTS if task in parts]
    found = [one for part in ordered for one in part.contributions]
    return Measured(
        {task: part.cells for task, part in parts.items()},
        tabulate_numbers(
            (one for part in ordered for one in part.numbers), protocol=params.protocol, kind=kind, name=name
        ),
        tabulate_contributions(found, all_specimens(index), name=name),
    )


def _test_pairs(table: pd.DataFrame | None, index: pd.DataFrame) -> Pairs | None:
    """Both modalities of the test captures; None of a table that has not both."""
    if table is None or not set(schema.MODALITIES) <= set(table["modality"]):
        return None
    return pair_captures(table, index, partition="test")


def _lack_all(cell: Cell) -> dict[str, Part]:
    return {task: lack(task, cell) for task in _PARTS if task != schema.CLASSIFICATION}


def _shortage(test: Pairs) -> Cell | None:
    n = len(test.one_per_specimen().rgb)
    return few_specimens(n) if n < LEAST_TEST else None


def _retrieve(tables: ModelTables, index: pd.DataFrame, params: EvaluationParams) -> Part:
    """Retrieval by projections, and by opposite views where there are any."""
    plain, opposite = (_test_pairs(one, index) for one in (tables.projections, tables.opposite_views))
    if plain is None:
        few = f"fewer than {LEAST_TEST} training captures to fit PCA + CCA on"
        found = lack(schema.RETRIEVAL, not_applicable(tables.unpaired) if tables.unpaired else too_few(few))
    else:
        found = measure_retrieval(plain, params)
    if opposite is None:
        return found
    beside = measure_retrieval(opposite, params, schema.OPPOSITE_VIEWS)
    return Part(
        found.cells | {"opposite_views": beside.cells},
        sorted(found.numbers + beside.numbers, key=lambda one: schema.TASKS.index(one.task)),
        found.contributions + beside.contributions,
    )


def _structure(
    compared: pd.DataFrame,
    projected: Pairs | None,
    embeddings: pd.DataFrame,
    index: pd.DataFrame,
    params: EvaluationParams,
    label: str | None,
) -> dict[str, Part]:
    """Do the two modalities order the specimens alike, predict one another, and lie how?

    Alignment and predictability are of all captures, geometry of one per specimen, all in one view.

    Args:
        compared: rows of which the alignment is.
        projected: of which the geometry is.
        embeddings: of which the predictability is.
        index: `specimen_index`.
        params: the protocol.
        label: held fixed in the alignment where it varies within species.
    """
    alike, every = (
        pair_captures(table, index, partition="test", every_capture=True).one_view()
        for table in (compared, embeddings)
    )
    few = _shortage(alike)
    if few is not None:
        return {task: lack(task, few) for task in (schema.ALIGNMENT, schema.GEOMETRY, schema.PREDICTABILITY)}
    predicted = predictability(every.rgb, every.uv, every.species, every.specimens, seed=params.seed)
    counts = {"n_species": predicted["n_species"]}
    rows = plain_numbers(schema.PREDICTABILITY, counts, predicted["n"])
    for target, cells in predicted.items():
        if target not in ("n", "n_species"):
            rows += plain_numbers(schema.PREDICTABILITY, cells, predicted["n"], target)
    parts = {
        schema.ALIGNMENT: _align(alike, index, params, label),
        schema.PREDICTABILITY: Part(predicted, rows),
    }
    if projected is not None:
        shown = projected.one_per_specimen()
        parts[schema.GEOMETRY] = _shape(geometry(shown.rgb, shown.uv, seed=params.seed))
    return parts


def _align(pairs: Pairs, index: pd.DataFrame, params: EvaluationParams, label: str | None) -> Part:
    """`alignment` with the species and the study's label held fixed, and a row that says so."""
    labels = specimen_labels(index)
    is_held = label is not None and label in labels and label not in labels_of_species(index)
    cells, numbers = measure_alignment(
        pairs.rgb,
        pairs.uv,
        pairs.species,
        params.permutations,
        params.seed,
        specimens=pairs.specimens,
        classes=labels.loc[pairs.specimens, label].to_numpy(dtype=object) if is_held else None,
    )
    held = ", ".join([SPECIES] * (pairs.species is not None) + [str(label)] * is_held)
    if not held:
        return Part(cells, numbers)
    row = Number(task=schema.ALIGNMENT, metric=schema.HELD_FIXED, n=cells["n_used"], text=held)
    return Part(cells | {schema.HELD_FIXED: held}, [*numbers, row])


def _shape(cells: dict[str, Any]) -> Part:
    measures = {metric: cell for metric, cell in cells.items() if metric != "n"}
    return Part(cells, plain_numbers(schema.GEOMETRY, measures, cells["n"]))


def _geometry_of_one(
    projections: pd.DataFrame, modality: str, index: pd.DataFrame, params: EvaluationParams
) -> Part:
    rows = projections[(projections["modality"] == modality) & (projections["partition"] == "test")]
    rows = first_captures(rows, index)
    if len(rows) < LEAST_TEST:
        return lack(schema.GEOMETRY, few_specimens(len(rows)))
    values = rows[feature_columns(rows)].to_numpy(np.float64)
    sides = dict.fromkeys(schema.MODALITIES) | {modality: values}
    return _shape(geometry(sides["rgb"], sides["uv"], seed=params.seed))


def _counts(embeddings: pd.DataFrame, test: Pairs | None) -> dict[str, int]:
    specimens = embeddings.drop_duplicates("specimen_id")["partition"].value_counts()
    counts = {f"{name}_specimens": int(specimens.get(name, 0)) for name in ("train", "validation", "test")}
    return {
        "captures": int(embeddings["capture_id"].nunique()),
        "specimens": int(embeddings["specimen_id"].nunique()),
        **counts,
        "retrieval_queries": 0 if test is None else len(test.rgb),
    }
