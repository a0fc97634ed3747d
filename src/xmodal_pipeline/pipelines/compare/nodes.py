"""Nodes of `compare`. They import what they call, so that `kedro registry list` stays quick.

Tables of a model are therefore `Any` in their signatures: Kedro evaluates every annotation.
"""

import logging
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.compare import CompareParams
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.specimens.prepared import Prepared

logger = logging.getLogger(__name__)

_THREADS = 1
"""Thousands of small products: several threads only wait for one another."""


def read_runs(
    compare: CompareParams,
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    prepared: Prepared,
) -> dict[str, Any]:
    """The models that `compare.runs` names, as `ModelTables`: tables are read, captures embedded.

    Raises:
        ParametersError: naming a run whose file is missing or of other captures or partitions.
    """
    from xmodal_pipeline.evaluation.model_tables import ModelTables, check_table

    found: dict[str, ModelTables] = {}
    for name, files in compare.runs.items():
        for path in files:
            if not path.is_file():
                raise ParametersError(
                    f"compare.runs.{name}: must be an existing file, got '{path}'; check the path"
                )
            if path.suffix == ".safetensors":
                tables = _embed(name, path, prepared)
            else:
                projections, views = (
                    _tables_beside(path, kind) for kind in ("projections", "opposite_views")
                )
                tables = ModelTables((pd.read_parquet(path),), projections, views)
            for table in (*tables.embeddings, *tables.projections, *tables.opposite_views):
                check_table(name, table, specimen_index, partitions)
            found[name] = found[name].with_seeds_of(tables) if name in found else tables
    return found


def _tables_beside(path: Path, kind: str) -> tuple[pd.DataFrame, ...]:
    """The table of a kind that lies beside a run's `embeddings.parquet`; a table from elsewhere has none."""
    beside = path.with_name(f"{kind}.parquet")
    return (pd.read_parquet(beside),) if path.name == "embeddings.parquet" and beside.is_file() else ()


def _embed(name: str, path: Path, prepared: Prepared) -> Any:
    from xmodal_pipeline.evaluation.model_tables import ModelTables
    from xmodal_pipeline.training import Checkpoint, embed

    try:
        tables = embed(Checkpoint.from_file(path), prepared)
    except ValueError as error:
        raise ParametersError(f"compare.runs.{name}: {error}") from error
    return ModelTables((tables.embeddings,), (tables.projections,), (tables.opposite_views,))


def compare_models(
    other_runs: dict[str, Any],
    baseline_tables: dict[str, Any],
    specimen_index: pd.DataFrame,
    evaluation: EvaluationParams,
    **variants: Any,
) -> pd.DataFrame:
    """Every pair of models, and every model with every baseline."""
    from xmodal_pipeline.evaluation import paired_measures

    models = dict(variants)
    for name, tables in other_runs.items():
        models[name] = models[name].with_seeds_of(tables) if name in models else tables
    with threadpool_limits(limits=_THREADS):
        return paired_measures.compare_tables(models, baseline_tables, specimen_index, evaluation)


def draw_compared(compared: pd.DataFrame, study: Study) -> dict[str, bytes]:
    """The forest plot, for print (PDF) and for slides (PNG); no file where there is nothing to draw."""
    from xmodal_pipeline.reporting.model_comparison import picture_differences
    from xmodal_pipeline.reporting.words import ModalityNames

    figure = picture_differences(compared, names=ModalityNames.of(study))
    if figure.reason:
        logger.warning("compare: no figure: %s", figure.reason)
    return figure.files
