"""What is checked before any node runs: parameters, the study's source, and the inputs of the stage.

And what a run says: a line per node, and at its end what was found.
"""

import importlib
import logging
from collections import defaultdict
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final, assert_never

import click
from kedro.framework.cli.utils import KedroCliError
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines as registered
from kedro.io import CatalogProtocol, DatasetError
from kedro.pipeline import Node, Pipeline
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from xmodal_pipeline import checks
from xmodal_pipeline.aliases import check_aliases
from xmodal_pipeline.command_line import (
    asked_pipelines,
    check_environment,
    check_parts,
    check_pipelines,
    check_runner,
    check_versions,
    propose,
    typed_options,
)
from xmodal_pipeline.errors import (
    NO_FAULTS,
    MissingInputsError,
    ParametersError,
    RunStoppedError,
    StaleOutputsError,
    UnreadFolderError,
    rejection_summary,
)
from xmodal_pipeline.locks import hold_outputs
from xmodal_pipeline.params.presets import FILLED_GROUPS, describe_preset
from xmodal_pipeline.params.root import Parameters, validate_parameters
from xmodal_pipeline.params.variants import STRATEGIES, VARIANTS
from xmodal_pipeline.pipelines import STAGES
from xmodal_pipeline.pipelines.tags import CHECKS, TRAINING, Check, feature_set
from xmodal_pipeline.provenance.check import check_outputs
from xmodal_pipeline.summary import summarise_run

logger = logging.getLogger(__name__)


_WORKER_KILLED: Final = (
    "worker processes: each must live to the end of its work, one was killed, mostly because memory ran out; "
    "close other programs, or set quality.n_jobs=1,evaluation.n_jobs=1, and run again: what is finished stays"
)


class RunRefusedError(KedroCliError):
    """The run stops for a reason that the user can mend; the message is all there is to see."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message; Kedro's own `show` prints the exception in flight, already cleared by click."""
        click.secho(self.message, err=True, fg="yellow", file=file)


class ProjectHooks:
    """Stops a command with one clear message instead of a traceback half-way, and says what a run does."""

    def __init__(self) -> None:
        self._parameters: Parameters | None = None
        self._n_nodes = self._n_begun = 0
        self._held = ExitStack()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Validate the whole parameter tree; Kedro itself looks only at keys that nodes take."""
        logging.captureWarnings(True)
        options = typed_options()
        try:
            check_runner(options)
            conf_source = Path(context.config_loader.conf_source)
            check_environment(context.env, conf_source)
            check_aliases(conf_source, ("base", context.env or "local"))
            tree = _load_parameters(context)
            self._parameters = validate_parameters(tree)
            checks.check_study(self._parameters.study, _study_of_catalog(context))
            _check_names(options)
        except ParametersError as error:
            raise RunRefusedError(str(error)) from error

    @hook_impl
    def after_catalog_created(
        self, catalog: CatalogProtocol[Any, Any], load_versions: dict[str, str] | None
    ) -> None:
        """Give nodes the groups that a preset fills as they are in force."""
        try:
            check_versions(catalog, load_versions or {})
        except ParametersError as error:
            raise RunRefusedError(str(error)) from error
        if self._parameters is None:
            return
        for group in FILLED_GROUPS:
            held = catalog.get(f"params:{group}")
            if held is not None:
                held.save(getattr(self._parameters, group))

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Check what this run in particular needs."""
        # Of the nodes that only fill what is missing Kedro tells no number.
        self._n_nodes = 0 if run_params.get("only_missing_outputs") else len(pipeline.nodes)
        self._n_begun = 0
        if self._parameters is None:  # a session that made no context has nothing to check
            return
        stages = {str(node.namespace).split(".")[0] for node in pipeline.nodes}
        asked = run_params["pipeline_names"] or sorted(stages, key=STAGES.index)
        try:
            for check, nodes in _nodes_to_check(pipeline).items():
                _check(check, self._parameters, nodes, catalog)
            missing = sorted(
                name
                for name in pipeline.inputs()
                if not name.startswith("params:") and name != "parameters" and not catalog.exists(name)
            )
            if missing:
                raise MissingInputsError(_describe_missing(", ".join(asked), missing, catalog))
            check_outputs(
                pipeline,
                catalog,
                self._parameters,
                asked=", ".join(asked),
                only_missing=run_params.get("only_missing_outputs", False),
            )
            self._held.close()  # of a run before in this process that was interrupted
            self._held.enter_context(hold_outputs(_output_paths(pipeline, catalog)))
        except (ParametersError, MissingInputsError, StaleOutputsError, RunStoppedError) as error:
            raise RunRefusedError(str(error)) from error
        if any(TRAINING in node.tags for node in pipeline.nodes):
            logger.info("%s", describe_preset(self._parameters))

    @hook_impl
    def before_node_run(self, node: Node, catalog: CatalogProtocol[Any, Any], inputs: dict[str, Any]) -> None:
        """Say which node begins, and stop before the first that would work on no capture at all."""
        self._n_begun += 1
        # Workers of other runners know nothing of the run.
        of_all = f" {self._n_begun} of {self._n_nodes}" if self._n_nodes else ""
        logger.info("node%s: %s", of_all, node.name)
        index = inputs.get("specimen_index")
        if index is not None and index.empty:
            rejected = catalog.load("rejected_captures")
            is_fault = ~rejected["code"].isin(NO_FAULTS)
            shown = rejected[is_fault] if is_fault.any() else rejected
            raise UnreadFolderError(
                f"ingest: at least one capture must be usable, got none and {is_fault.sum()} rejected",
                rejection_summary(shown.itertuples(index=False), is_all=True),
            )

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """End with what came in, what was found and where to look."""
        self._held.close()
        if self._parameters is None:
            return
        if not self._n_begun:
            logger.info("nothing was run: every output is there")
        for line in summarise_run(pipeline.all_outputs(), catalog, self._parameters.study):
            logger.info("%s", line)

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """End a run that a node stopped on purpose with its message; other errors keep their traceback."""
        self._held.close()
        error = _without_kedro(error)
        if isinstance(error, RunStoppedError):
            said = "\n".join(part for part in (error.headline, error.details) if part)
            proposal = self._propose(said) if isinstance(error, UnreadFolderError) else ""
            raise RunRefusedError(f"{said}\n{proposal}" if proposal else said) from error
        if isinstance(error, ParametersError):
            raise RunRefusedError(str(error)) from error
        if isinstance(error, BrokenProcessPool):
            raise RunRefusedError(_WORKER_KILLED) from error

    def _propose(self, error: str) -> str:
        """What a look at the folder of the captures would set, without what the error says already."""
        root = None if self._parameters is None else self._parameters.specimens.root
        if root is None or not root.is_dir():
            return ""
        from xmodal_pipeline.specimens.inspection import propose_for_error  # most runs never look

        return propose_for_error(root, error)


def _output_paths(pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> list[Path]:
    """Files and folders that a run is going to make."""
    made = [catalog.get(name) for name in pipeline.all_outputs() if name in catalog]
    described = [dataset._describe() for dataset in made if dataset is not None]
    found = (said.get("filepath") or said.get("path") for said in described)
    return [Path(str(path)) for path in found if path]


def _without_kedro(error: Exception) -> Exception:
    """What stopped a run on purpose while a dataset was saved; Kedro wraps it, once per layer."""
    cause: BaseException | None = error
    while isinstance(cause, DatasetError):
        cause = cause.__cause__
    return cause if isinstance(cause, RunStoppedError) else error


def _load_parameters(context: KedroContext) -> dict[str, Any]:
    try:
        tree: dict[str, Any] = context.config_loader["parameters"]
    except (YAMLError, OmegaConfBaseException, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ParametersError(f"parameters: files and --params must fit together, got: {reason}") from error
    return tree


def _check_names(options: dict[str, Any]) -> None:
    """Kedro looks pipelines, nodes and tags up right after the context is there."""
    if not options:
        return
    asked = asked_pipelines(options)
    check_pipelines(asked)
    check_parts(sum((registered[name] for name in asked), Pipeline([])), options)


def _study_of_catalog(context: KedroContext) -> str:
    """The study that the catalog's paths are made from."""
    runtime = context.config_loader.runtime_params or {}
    return str(runtime.get("study", context.config_loader["globals"]["study"]))


def _nodes_to_check(pipeline: Pipeline) -> dict[Check, list[Node]]:
    """Nodes by the check that they ask for."""
    found = defaultdict(list)
    for node in pipeline.nodes:
        for tag in node.tags:
            if tag.startswith(CHECKS):
                found[Check(tag)].append(node)  # an unknown tag stops the run: nobody would check
    return found


def _check(
    check: Check, parameters: Parameters, nodes: list[Node], catalog: CatalogProtocol[Any, Any]
) -> None:
    tags = {tag for node in nodes for tag in node.tags}
    match check:
        case Check.SPECIMENS:
            checks.check_specimens(parameters, _taken_folder(catalog))
        case Check.TRAINING:
            checks.check_training(parameters, [name for name in VARIANTS if name in tags])
        case Check.FEATURES:
            known = [name for name in ("colour", *STRATEGIES) if feature_set(name) in tags]
            checks.check_uv_value(parameters, known)
        case Check.CELLS:
            checks.check_cells(parameters)
        case Check.CHECKPOINT:
            checks.check_checkpoint(parameters)
        case _:
            assert_never(check)


def _taken_folder(catalog: CatalogProtocol[Any, Any]) -> dict[str, Any] | None:
    """The folder whose captures the study holds; None as long as no capture was accepted."""
    if not (catalog.exists("capture_folder") and catalog.exists("specimen_index")):
        return None
    if catalog.load("specimen_index").empty:
        return None
    folder: dict[str, Any] = catalog.load("capture_folder")
    return folder


def _describe_missing(asked: str, missing: list[str], catalog: CatalogProtocol[Any, Any]) -> str:
    pipelines = {
        stage: importlib.import_module(f"xmodal_pipeline.pipelines.{stage}").create_pipeline()
        for stage in STAGES
    }
    needed: set[str] = set()
    wanted = set(missing)
    # Backwards through the stages: what makes the missing inputs, and what those makers miss themselves.
    for stage in reversed(STAGES):
        if wanted & pipelines[stage].all_outputs():
            needed.add(stage)
            wanted |= {
                name
                for name in pipelines[stage].inputs()
                if not name.startswith("params:") and not catalog.exists(name)
            }
    order = [stage for stage in STAGES if stage in needed]
    steps = ", then ".join(
        f"'{propose(f'--pipelines {stage}')}'" if first else f"'--pipelines {stage}'"
        for stage, first in zip(order, [True] + [False] * len(order), strict=False)
    )
    return f"{asked}: needs {', '.join(missing)}; run {steps}"
