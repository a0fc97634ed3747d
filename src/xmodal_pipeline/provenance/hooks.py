"""Records what makes each output, while a run makes it."""

import inspect
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Node, Pipeline
from pydantic_core import to_jsonable_python

from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.root import Parameters, validate_parameters
from xmodal_pipeline.pipelines.tags import DESCRIBES
from xmodal_pipeline.provenance.entries import (
    CAPTURE_FOLDER,
    Catalog,
    entry_path,
    is_work_folder,
    read_record,
)
from xmodal_pipeline.provenance.files import CAPTURES, CaptureFilesState, digests_of_named_files
from xmodal_pipeline.provenance.influence import flatten, is_parameter, keys_taken, settings_reaching
from xmodal_pipeline.provenance.record import Record, record_path


class RecordHooks:
    """Writes the record of every entry that a node saves, and lets nodes describe what made their inputs."""

    def __init__(self) -> None:
        self._begin(None)

    def _begin(self, catalog: Catalog | None) -> None:
        self._catalog = catalog
        self._parameters: Parameters | None = None
        self._made: dict[str, Record] = {}
        """By entry, in memory ones too, of this run."""
        self._of_node: Record | None = None
        self._unwritten: dict[str, Record] = {}
        """Of a generator node, whose entries are whole once the next node begins."""

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Catalog) -> None:
        """Forget an earlier run of this process."""
        self._begin(catalog)

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str, node: Node) -> None:
        """A node begins, so that the one before it has saved everything."""
        self._write()

    @hook_impl
    def before_node_run(self, node: Node, catalog: Catalog, inputs: dict[str, Any]) -> dict[str, Any] | None:
        """Take down what a node takes; one that describes gets the settings that made its other inputs."""
        self._write()
        if self._catalog is not catalog:  # a worker of another runner knows nothing of the run
            self._begin(catalog)
        if self._parameters is None:
            self._parameters = validate_parameters(catalog.load("parameters"))
        sources = self._sources(node)
        self._of_node = self._record(node, sources, self._parameters)
        if DESCRIBES not in node.tags:
            return None
        return _as_made(inputs, [one for one in sources.values() if one], flatten(self._parameters))

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Until it is saved whole, an entry is none that its record describes."""
        path = self._path(dataset_name)
        if self._of_node is not None and path is not None and dataset_name not in self._made:
            self._of_node.model_copy(update={"is_finished": False}).to_file(path)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Write the record, or keep it where the node goes on saving parts."""
        if self._of_node is None:
            return
        record = self._of_node
        path = self._path(dataset_name)
        if dataset_name == CAPTURE_FOLDER and path is not None and self._parameters is not None:
            kept = path.parent
            state = CaptureFilesState.look(
                Path(data["root"]), self._parameters.specimens, CaptureFilesState.from_folder(kept)
            )
            state.to_folder(kept)
            record = record.model_copy(update={"files": record.files | {CAPTURES: (state.digest,)}})
        reaching = settings_reaching(dataset_name, record.settings)
        files = settings_reaching(dataset_name, record.files)
        self._made[dataset_name] = record.model_copy(update={"settings": reaching, "files": files})
        self._unwritten[dataset_name] = self._made[dataset_name]
        if not inspect.isgeneratorfunction(node.func):
            self._write()

    @hook_impl
    def after_pipeline_run(self) -> None:
        """The last node has saved everything."""
        self._write()

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """What the last node saved stays unfinished, unless a later one had begun."""
        self._unwritten.clear()

    def _write(self) -> None:
        for name, record in self._unwritten.items():
            path = self._path(name)
            if path is not None:
                record.to_file(path)
        self._unwritten.clear()

    def _entry(self, name: str) -> Path | None:
        return None if self._catalog is None else entry_path(self._catalog, name)

    def _path(self, name: str) -> Path | None:
        path = self._entry(name)
        return None if path is None else record_path(path)

    def _sources(self, node: Node) -> dict[str, Record | None]:
        """The record of each entry that a node reads; None where there is none."""
        if self._catalog is None:
            return {}
        names = [
            name for name in node.inputs if not is_parameter(name) and not is_work_folder(self._catalog, name)
        ]
        return {
            name: self._made[name] if name in self._made else read_record(self._catalog, name)
            for name in names
        }

    def _record(self, node: Node, sources: dict[str, Record | None], parameters: Parameters) -> Record:
        """What a node makes; one that describes takes no setting of its own that made its inputs."""
        known = {name: record for name, record in sources.items() if record is not None}
        keys = keys_taken(parameters, node.inputs)
        if DESCRIBES in node.tags:
            keys = [key for key in keys if not any(key in record.settings for record in known.values())]
        values = flatten(parameters)
        stored = {name: self._entry(name) for name in sources}
        through = (name for key, one in known.items() if stored[key] is None for name in one.inputs)
        missing = {name: path for name, path in stored.items() if name not in known}
        return Record.of_node(
            node.name,
            {key: values[key] for key in keys},
            digests_of_named_files(parameters, keys, parameters.specimens.root),
            known.values(),
            inputs=tuple(dict.fromkeys([*(name for name, path in stored.items() if path), *through])),
            absent=tuple(name for name, path in missing.items() if path is None or not path.exists()),
            unknown=tuple(name for name, path in missing.items() if path is not None and path.exists()),
        )


def _as_made(inputs: dict[str, Any], records: list[Record], today: dict[str, Any]) -> dict[str, Any]:
    """The settings among a node's inputs as they were when its other inputs were made, where they differ.

    Where outputs were made with several values, the first stands for all; the run has named them.
    """
    was = {
        key: values[0]
        for record in records
        for key, values in record.settings.items()
        if key in today and list(values) != [today[key]]
    }
    changed = {}
    for name, value in inputs.items():
        group = "" if name == "parameters" else f"{name.removeprefix('params:')}."
        mine = {key.removeprefix(group): one for key, one in was.items() if key.startswith(group)}
        if is_parameter(name) and mine:
            changed[name] = _overlay(value, mine)
    return changed


def _overlay(value: Any, settings: dict[str, Any]) -> Any:
    tree = to_jsonable_python(value)  # in the tree of all parameters Kedro has groups as models too
    for key, one in settings.items():
        *groups, last = key.split(".")
        group = tree
        for name in groups:
            group = group[name]
        group[last] = one
    return type(value).model_validate(tree) if isinstance(value, ParamsModel) else tree
