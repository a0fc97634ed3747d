"""Before a run: refuse to read, or to keep, what other settings or files made."""

import functools
import logging
from pathlib import Path
from typing import Final

import pandas as pd
from kedro.io import MemoryDataset
from kedro.pipeline import Pipeline

from xmodal_pipeline.command_line import propose
from xmodal_pipeline.datasets.atomic import OptionalParquetDataset
from xmodal_pipeline.errors import StaleOutputsError, Trouble
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.provenance.entries import CAPTURE_FOLDER, Catalog, entry_path, read_record, states_folder
from xmodal_pipeline.provenance.influence import is_parameter
from xmodal_pipeline.provenance.staleness import Staleness, Today, find_stale

logger = logging.getLogger(__name__)

_LEFT_OUT: Final = "left out, as if it had not been made; 'kedro run --pipelines ablation' makes it again"


def check_outputs(
    pipeline: Pipeline, catalog: Catalog, parameters: Parameters, *, asked: str, only_missing: bool
) -> None:
    """Look at every entry that a run reads from disk, or that it would keep.

    A stale entry that a study may lack counts as lacking: its dataset makes way for an empty table.

    Args:
        pipeline: of the run.
        catalog: of the run.
        parameters: of the run.
        asked: the pipelines as asked for.
        only_missing: whether outputs that exist are kept.

    Raises:
        StaleOutputsError: naming each setting and file that differs, the entries, and what to do, unless
            `stale` is `warn`.
    """
    names = pipeline.datasets() if only_missing else pipeline.inputs()
    entries = sorted(name for name in names if not is_parameter(name) and _is_on_disk(name, catalog))
    lacked = [name for name in entries if isinstance(catalog.get(name), OptionalParquetDataset)]
    if not entries:
        return
    today = look_at_today(catalog, parameters)
    records = functools.cache(lambda name: read_record(catalog, name))
    needed, optional = (
        find_stale(part, records, today)
        for part in ([name for name in entries if name not in lacked], lacked)
    )
    for line in needed.describe_unknown(today.root):
        logger.warning("%s", line)
    if needed.stale:
        if parameters.stale == "refuse":
            raise StaleOutputsError(_refuse(asked, needed, is_kept=only_missing))
        logger.warning("%s: outputs were made otherwise than now:\n%s", asked, needed.describe())
    for name in optional.stale:
        logger.warning(
            "%s: %s", "used all the same" if parameters.stale == "warn" else _LEFT_OUT, optional.describe()
        )
        if parameters.stale == "refuse":
            catalog[name] = MemoryDataset(pd.DataFrame())


def look_at_today(catalog: Catalog, parameters: Parameters) -> Today:
    """Settings and files as they are now, of the study that the catalog keeps."""
    root = parameters.specimens.root
    if root is None and catalog.exists(CAPTURE_FOLDER):
        root = Path(catalog.load(CAPTURE_FOLDER)["root"])
    return Today(parameters, root, states_folder(catalog))


def _is_on_disk(name: str, catalog: Catalog) -> bool:
    path = entry_path(catalog, name)
    return path is not None and path.exists()


def _refuse(asked: str, found: Staleness, *, is_kept: bool) -> str:
    steps = ",".join(found.stages)
    again = (
        f"make them again with '{propose(f'--pipelines {steps}')}' (a finished training stays as it is where "
    )
    again += "captures and settings are its own)"
    if is_kept:
        again = f"--only-missing-outputs would keep them: leave it out, or {again}"
    return (
        f"{asked}: outputs must have been made with the settings and files of now, got\n{found.describe()}\n"
        f"{again}; or restore what was; or go on as it is with --params stale=warn; more in "
        f"{Trouble.STALE_OUTPUTS.page}"
    )
