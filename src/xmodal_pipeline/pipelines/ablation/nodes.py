"""Nodes of `ablation`. Torch is imported inside them, so that other stages start without it."""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

import xmodal_pipeline
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ablation import AblationParams, Cell, list_cells
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.params.train import TrainParams
from xmodal_pipeline.specimens.prepared import Prepared

logger = logging.getLogger(__name__)

_THREADS = 1
"""Thousands of small products: several threads only wait for one another."""


def plan_cells(
    ablation: AblationParams,
    evaluation: EvaluationParams,
    study: Study,
    prepared: Prepared,
    **train: Any,
) -> list[dict[str, Any]]:
    """Every cell of the grid with its whole configuration, and a name that changes when any of it does.

    `train` are the groups of `TrainParams`.
    """
    base = TrainParams.model_validate(train)
    shared = {
        "captures": prepared.fingerprint(),
        "evaluation": evaluation.model_dump(mode="json", exclude={"n_jobs"}),
        "label": study.label,
        "version": xmodal_pipeline.__version__,
    }
    return [_plan(cell, base, prepared, shared) for cell in list_cells(ablation.grid, base)]


def _plan(cell: Cell, base: TrainParams, prepared: Prepared, shared: dict[str, Any]) -> dict[str, Any]:
    from xmodal_pipeline.training import FitConfig

    params, variant = cell.params, cell.params.variants[cell.variant].model_dump()
    config = FitConfig.for_prepared(prepared, params.training, params.loss, params.augmentation, variant)
    content = shared | {"config": config.identity()}
    return {
        "cell": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16],
        "settings": cell.settings,
        "variant": cell.variant,
        "seed": params.training.seed,
        "is_base": _without_seed(params) == _without_seed(base),
        "config": config.model_dump(mode="json"),
    }


def _without_seed(params: TrainParams) -> dict[str, Any]:
    tree = params.model_dump(include=set(TrainParams.model_fields))
    tree["training"].pop("seed")
    return tree


def train_cells(
    ablation_plan: list[dict[str, Any]],
    ablation_state: Path,
    finished_cells: Path,
    study: Study,
    specimen_index: pd.DataFrame,
    prepared: Prepared,
    evaluation: EvaluationParams,
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Train, embed and measure every cell that has no result yet.

    Yields:
        Checkpoint and result of one cell, which are saved before the next one starts: the checkpoint first,
        so that a result means a finished cell.
    """
    from xmodal_pipeline import training
    from xmodal_pipeline.evaluation.grid import list_rows
    from xmodal_pipeline.evaluation.measurement import measure_variant

    missing = [cell for cell in ablation_plan if not (finished_cells / f"{cell['cell']}.json").is_file()]
    for cell in ablation_plan:
        if cell not in missing:  # a kill right after a save leaves the state behind
            shutil.rmtree(ablation_state / cell["cell"], ignore_errors=True)
    logger.info("ablation: %d of %d cells are to be trained", len(missing), len(ablation_plan))
    yield {}, {}  # a generator node must yield, also where every cell is done
    for cell in missing:
        logger.info("ablation: %s, seed %d", cell["settings"], cell["seed"])
        state = ablation_state / cell["cell"]
        result = training.fit(training.FitConfig.model_validate(cell["config"]), prepared, state)
        tables = training.embed(result.checkpoint, prepared)
        with threadpool_limits(limits=_THREADS):
            measured = measure_variant(
                tables.embeddings,
                tables.projections,
                tables.opposite_views,
                specimen_index,
                evaluation,
                label=study.label,
            )
        outcome = {"rows": list_rows(measured.numbers, result.history)}
        if cell["is_base"] and cell["variant"] in evaluation.uv_value_features:
            outcome["uv_value"] = _uv_value(
                cell["variant"], tables.embeddings, specimen_index, study, evaluation
            )
        yield {cell["cell"]: result.checkpoint}, {cell["cell"]: outcome}
        shutil.rmtree(state)  # both are saved; a state is several times the size of its checkpoint


def _uv_value(
    variant: str,
    embeddings: pd.DataFrame,
    specimen_index: pd.DataFrame,
    study: Study,
    evaluation: EvaluationParams,
) -> list[dict[str, Any]]:
    """Rows of `uv_value` by this training's features, as JSON holds them."""
    from xmodal_pipeline.evaluation.uv_value import uv_value_table
    from xmodal_pipeline.evaluation.uv_value.features import embedding_features

    features = {variant: embedding_features(embeddings)}
    with threadpool_limits(limits=_THREADS):
        table = uv_value_table(features, specimen_index, evaluation, study.label, blocks=study.confounders)
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return rows


def tabulate_cells(
    ablation_plan: list[dict[str, Any]],
    ablation_cells: dict[str, Callable[[], dict[str, Any]]],
    comparison: pd.DataFrame,
    uv_value: pd.DataFrame,
    evaluation: EvaluationParams,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """All cells of the present grid and the study's baselines as one table, and what several seeds say.

    Returns:
        The table, the spread between seeds, and `uv_value` by the median over seeds of the named variant.
    """
    from xmodal_pipeline.evaluation import grid
    from xmodal_pipeline.evaluation.uv_value.seeds import take_median

    cells = [cell | ablation_cells[cell["cell"]]() for cell in ablation_plan]
    rows = comparison[comparison["kind"] == "baseline"]
    baselines = {str(name): grid.list_rows(part) for name, part in rows.groupby("name", sort=False)}
    table = grid.tabulate_cells(cells, baselines)
    trainings = [pd.DataFrame(cell["uv_value"]) for cell in cells if cell.get("uv_value")]
    median = take_median(uv_value, trainings, margin=evaluation.uv_value_margin)
    return table, grid.seed_spread(table), median


def draw_ablation(ablation: pd.DataFrame, study: Study) -> dict[str, bytes]:
    """The figure, for print (PDF) and for slides (PNG); no file where there is nothing to draw."""
    from xmodal_pipeline.reporting.model_comparison import picture_ablation
    from xmodal_pipeline.reporting.words import ModalityNames

    names = ModalityNames.of(study)
    figure = picture_ablation(ablation, label=study.label, names=names)
    if figure.reason:
        logger.warning("ablation: no figure: %s", figure.reason)
    return figure.files
