"""What is typed after `kedro run`: refused where Kedro would end in a traceback or say little."""

import inspect
import json
import pkgutil
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click
import yaml
from kedro.framework.cli.hooks import cli_hook_impl
from kedro.framework.cli.project import run
from kedro.framework.project import pipelines as registered
from kedro.framework.startup import ProjectMetadata
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from xmodal_pipeline import pipelines as folders
from xmodal_pipeline.errors import ParametersError, did_you_mean
from xmodal_pipeline.params.dotted import dotted
from xmodal_pipeline.pipelines.tags import CHECKS, FEATURES

_SHORT: Final = 20
"""Names that a message lists even where one of them is near."""
_RUNNER: Final = "SequentialRunner"
"""Of Kedro's own. Others, such as one for a cluster, have a dotted name and answer for themselves."""


class CommandLineHooks:
    """Refuses options that Kedro's own parser does not survive."""

    @cli_hook_impl
    def before_command_run(self, project_metadata: ProjectMetadata | None, command_args: list[str]) -> None:
        """Stop before Kedro parses the options of `kedro run`; it is called in every project."""
        is_ours = project_metadata is not None and project_metadata.package_name == __package__
        if not is_ours or command_args[:1] != ["run"]:
            return
        context = click.Context(run, resilient_parsing=True)  # Kedro says itself what options it lacks
        options, _, _ = run.make_parser(context).parse_args(command_args[1:])
        try:
            check_options(options)
        except ParametersError as error:
            click.secho(str(error), err=True, fg="yellow")
            sys.exit(2)


cli_hooks = CommandLineHooks()
"""What the entry point in pyproject.toml registers."""


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse what `kedro run` cannot parse.

    Args:
        options: texts as typed, by the names that Kedro gives them.

    Raises:
        ParametersError: naming the option, what it must be and how to write it.
    """
    if options.get("pipeline") and options.get("pipelines"):
        both = f"{options['pipeline']},{options['pipelines']}"
        raise ParametersError(f"--pipeline: must not be given beside --pipelines; write --pipelines {both}")
    check_runner(options)
    _check_params(options.get("params") or "")


def check_runner(options: Mapping[str, Any]) -> None:
    """Nodes run one after the other; files may be loaded and saved in threads.

    What nodes compute hangs on state of the whole process: torch's random generator, the number of threads of
    linear algebra (which decides on the last bits of a sum) and matplotlib's style. In threads beside one
    another they would change one another's numbers.

    Raises:
        ParametersError: for Kedro's runners of threads and processes, and for unknown parameters of a runner.
    """
    runner = options.get("runner") or _RUNNER
    name = runner.removeprefix("kedro.runner.")
    if name != _RUNNER and "." in name:
        return
    if name != _RUNNER:
        raise ParametersError(
            f"--runner: must be {_RUNNER}, got '{runner}'; leave it out: nodes use several processes "
            "by themselves, set by quality.n_jobs, evaluation.n_jobs and training.devices"
        )
    params = _runner_params(options)
    if not (params.keys() <= {"is_async"} and all(isinstance(value, bool) for value in params.values())):
        got = _as_typed(params)
        raise ParametersError(
            f"--runner-params: must be left out, or is_async=True to load and save in threads, got {got}"
        )


def _runner_params(options: Mapping[str, Any]) -> dict[str, Any]:
    """By key, of a text as typed or of what Kedro makes of it."""
    given = options.get("runner_params") or {}
    if not isinstance(given, str):
        return dict(given)
    try:
        parts = (part.partition("=") for part in given.split(",") if part.strip())
        return {key: yaml.safe_load(value) for key, _, value in parts}
    except yaml.YAMLError as error:
        raise ParametersError(f"--runner-params: must be key=value, got '{given}'") from error


def _check_params(text: str) -> None:
    """Kedro splits `--params` at every comma, also within brackets and quotes."""
    groups: list[list[str]] = []
    for item in (item.strip() for item in text.split(",") if item.strip()):
        if "=" in item or not groups:
            groups.append([item])
        else:
            groups[-1].append(item)
    for first, *others in groups:
        key, equals, value = first.partition("=")
        if not equals:
            written = first.replace(":", "=", 1) if ":" in first else f"{first}=<value>"
            raise ParametersError(f"--params: must be key=value, got '{first}'; write --params {written}")
        if others:
            raise ParametersError(_explain_list(groups, key, others[0]))
        try:
            OmegaConf.from_dotlist([first])
        except (yaml.YAMLError, OmegaConfBaseException) as error:
            raise ParametersError(
                f"--params: {key} must be readable as YAML, got {value}; quote it within quotes: "
                f"--params \"{key}='{value}'\""
            ) from error


def _explain_list(groups: list[list[str]], key: str, found: str) -> str:
    lines = []
    for first, *others in groups:
        name, _, value = first.partition("=")
        values = [f"- {part.strip('[]() ')}" for part in (value, *others)]
        lines.append(f"{name}=" + r"\n".join(values) if others else first)
    return (
        f"--params: must be key=value between commas, got '{found}': Kedro splits at every comma, also "
        f"within brackets; write a list of one as {key}=[…], a longer one in lines, "
        f"--params $'{','.join(lines)}' (bash and zsh), or put it into conf/local/parameters.yml"
    )


def check_environment(environment: str | None, folder: Path) -> None:
    """An environment that is asked for must be a folder of `conf`.

    Raises:
        ParametersError: listing those that are.
    """
    if environment and folder.is_dir() and not (folder / environment).is_dir():
        known = [path.name for path in folder.iterdir() if path.is_dir()]
        raise ParametersError(_unknown("--env", f"a folder of {folder.name}", [environment], known))


def check_pipelines(names: Iterable[str]) -> None:
    """Every pipeline must exist.

    Raises:
        ParametersError: listing those that do.
    """
    known = ["__default__", *(found.name for found in pkgutil.iter_modules(folders.__path__) if found.ispkg)]
    if unknown := [name for name in names if name not in known]:
        raise ParametersError(_unknown("--pipelines", "among the pipelines", unknown, known))


def asked_pipelines(options: Mapping[str, Any]) -> list[str]:
    """Names of the pipelines of a run, by the options of `kedro run`."""
    return [options["pipeline"]] if options.get("pipeline") else options.get("pipelines") or ["__default__"]


def check_parts(pipeline: Pipeline, options: Mapping[str, Any]) -> None:
    """Every name that narrows a run must exist in its pipelines; together they must leave nodes that can run.

    Args:
        pipeline: the pipelines of the run.
        options: of `kedro run`, as its command takes them.

    Raises:
        ParametersError: naming the option, with the pipelines that have such a name, else the nearest names.
    """
    if not pipeline.nodes:
        raise ParametersError(
            f"--pipelines {','.join(asked_pipelines(options))}: must hold a node, got none; "
            "create_pipeline in its pipeline.py returns them"
        )
    for name, find in _NAMES.items():
        known = find(pipeline)
        if unknown := [one for one in options.get(name) or () if one not in known]:
            hidden = (CHECKS, FEATURES, "params:", "parameters")
            shown = [one for one in known if not one.startswith(hidden)]
            registered.set_requested(None)  # Kedro had loaded no more than the pipelines of the run
            others = {home: of for home, of in registered.items() if home != "__default__"}  # a sum of them
            homes = {one: [home for home, of in others.items() if one in find(of)] for one in unknown}
            raise ParametersError(_unknown(_OPTIONS[name], "names of this run", unknown, shown, homes))
    given = {name: options[name] for name in _NAMES if options.get(name)}
    narrowed = {("node_namespaces" if name == "namespaces" else name): value for name, value in given.items()}
    try:
        left = pipeline.filter(**narrowed)
    except ValueError as error:
        asked = " ".join(f"{_OPTIONS[name]} {','.join(value)}" for name, value in given.items())
        raise ParametersError(f"{asked}: must leave a node to run, got none; drop one of them") from error
    as_they_go = [node.name for node in left.nodes if inspect.isgeneratorfunction(node.func)]
    threaded = "--async" if options.get("is_async") else "--runner-params=is_async=True"
    if (options.get("is_async") or _runner_params(options).get("is_async")) and as_they_go:
        raise ParametersError(
            f"{threaded}: must be left out where a node saves as it goes, got {', '.join(as_they_go)}, whose "
            "results Kedro would not wait for"
        )


def check_versions(catalog: CatalogProtocol[Any, Any], versions: Collection[str]) -> None:
    """Kedro loads what is there, and says nothing, where a version is asked of a dataset that keeps none.

    Raises:
        ParametersError: naming the datasets.
    """
    if plain := [name for name in versions if getattr(catalog.get(name), "_version", None) is None]:
        raise ParametersError(
            "--load-versions: must name datasets with 'versioned: true' in the catalog, got "
            f"{', '.join(plain)}; outputs of other settings are kept as another study, --params study=<name>"
        )


def _namespaces(pipeline: Pipeline) -> set[str]:
    parts = [str(node.namespace).split(".") for node in pipeline.nodes]
    return {".".join(part[: at + 1]) for part in parts for at in range(len(part))}


_NAMES: Final[dict[str, Callable[[Pipeline], Collection[str]]]] = {
    "tags": lambda pipeline: {tag for node in pipeline.nodes for tag in node.tags},
    "namespaces": _namespaces,
    "node_names": lambda pipeline: [node.name for node in pipeline.nodes],
    "from_nodes": lambda pipeline: [node.name for node in pipeline.nodes],
    "to_nodes": lambda pipeline: [node.name for node in pipeline.nodes],
    "from_inputs": lambda pipeline: {name for node in pipeline.nodes for name in node.inputs},
    "to_outputs": lambda pipeline: pipeline.all_outputs(),
}
"""What the values of an option must be among, by Kedro's name of the option."""
_OPTIONS: Final = {
    name: "--nodes" if name == "node_names" else f"--{name.replace('_', '-')}" for name in _NAMES
}


def _unknown(
    option: str,
    what: str,
    unknown: list[str],
    known: Collection[str],
    homes: Mapping[str, list[str]] | None = None,
) -> str:
    """`homes`: pipelines that have an unknown name, which this run leaves out."""
    hints = "".join(_hint(name, known, (homes or {}).get(name, [])) for name in unknown)
    listed = f"; there are {', '.join(sorted(known))}" if len(known) <= _SHORT or not hints else ""
    return f"{option}: must be {what}, got {', '.join(map(repr, unknown))}{hints}{listed}"


def _hint(name: str, known: Collection[str], homes: list[str]) -> str:
    if homes:
        return f"; '{name}' is in --pipelines {' or '.join(sorted(homes))}"
    # Nodes, variants and their outputs are known by the last part of their names.
    if same := sorted(one for one in known if one.endswith(f".{name}")):
        return f"; did you mean {' or '.join(map(repr, same))}?"
    return did_you_mean(name, known)


def typed_options() -> dict[str, Any]:
    """The options of `kedro run`; empty where a run is not started from the command line."""
    command = click.get_current_context(silent=True)
    return command.params if command and "runner" in command.params else {}  # `kedro viz run` has none


def propose(slice_: str) -> str:
    """A command to type next, with the environment and the parameters of this one: they choose the study.

    Args:
        slice_: what is run, such as `--pipelines train`.
    """
    options = typed_options()
    words = ["kedro run", slice_]
    if options.get("env"):
        words.append(f"--env {options['env']}")
    if options.get("params"):
        words.append(f"--params {shlex.quote(_as_typed(options['params']))}")
    return " ".join(words)


def _as_typed(params: Mapping[str, Any]) -> str:
    """`training.lr=0.01,study=x`, from what Kedro makes of it."""
    return ",".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in dotted(params)
    )
