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


def measure_runs(
    compare: CompareParams,
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    prepared: Prepared,
    evaluation: EvaluationParams,
) -> dict[str, list[pd.DataFrame]]:
    """What specimens contribute to the models that `compare.runs` names: tables are read, checkpoints embed.

    Raises:
        ParametersError: naming a run whose file is missing or of other captures or partitions.
    """
    from xmodal_pipeline.evaluation.measurement import measure_contributions
    from xmodal_pipeline.evaluation.model_tables import check_table

    found: dict[str, list[pd.DataFrame]] = {}
    for name, path in ((name, path) for name, files in compare.runs.items() for path in files):
        if not path.is_file():
            raise ParametersError(
                f"compare.runs.{name}: must be an existing file, got '{path}'; check the path"
            )
        is_checkpoint = path.suffix == ".safetensors"
        tables = _embed(name, path, prepared) if is_checkpoint else _read_tables(path)
        for table in tables.known():
            check_table(name, table, specimen_index, partitions)
        with threadpool_limits(limits=_THREADS):
            found.setdefault(name, []).append(measure_contributions(tables, specimen_index, evaluation))
    return found


def _read_tables(path: Path) -> Any:
    """A table of embeddings with what lies beside a run's `embeddings.parquet`."""
    from xmodal_pipeline.evaluation.model_tables import ModelTables

    beside = [path.with_name(f"{kind}.parquet") for kind in ("projections", "opposite_views")]
    is_run = path.name == "embeddings.parquet"
    projections, views = (pd.read_parquet(one) if is_run and one.is_file() else None for one in beside)
    return ModelTables(pd.read_parquet(path), projections, views)


def _embed(name: str, path: Path, prepared: Prepared) -> Any:
    from xmodal_pipeline.evaluation.model_tables import ModelTables
    from xmodal_pipeline.training import Checkpoint, embed

    try:
        tables = embed(Checkpoint.from_file(path), prepared)
    except ValueError as error:
        raise ParametersError(f"compare.runs.{name}: {error}") from error
    return ModelTables(tables.embeddings, tables.projections, tables.opposite_views)


def compare_models(
    other_contributions: dict[str, list[pd.DataFrame]],
    baselines: pd.DataFrame,
    specimen_index: pd.DataFrame,
    evaluation: EvaluationParams,
    **variants: pd.DataFrame,
) -> pd.DataFrame:
    """Every pair of models, and every model with every baseline; runs of one name are seeds of one model."""
    from xmodal_pipeline.evaluation.pairing import compare_contributions

    models = {name: [rows] for name, rows in variants.items()}
    for name, seeds in other_contributions.items():
        models[name] = models.get(name, []) + seeds
    with threadpool_limits(limits=_THREADS):
        return compare_contributions(models, baselines, specimen_index, evaluation)


def draw_compared(compared: pd.DataFrame, study: Study) -> dict[str, bytes]:
    """The forest plot, for print (PDF) and for slides (PNG); no file where there is nothing to draw."""
    from xmodal_pipeline.reporting.model_comparison import picture_differences
    from xmodal_pipeline.reporting.words import ModalityNames

    figure = picture_differences(compared, names=ModalityNames.of(study))
    if figure.reason:
        logger.warning("compare: no figure: %s", figure.reason)
    return figure.files
