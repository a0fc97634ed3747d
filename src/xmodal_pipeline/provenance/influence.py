"""Which settings reach an output: all that its makers took, but for the few that are named here."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from xmodal_pipeline.params.root import Parameters

WITHOUT_INFLUENCE: Final[Mapping[str, str]] = {
    "study": "names the folder of the outputs",
    "stale": "says what happens to outputs that other settings made",
    "quality.max_rejected_share": "says whether a run goes on, not what it makes",
    "quality.n_jobs": "worker processes; each capture is read by itself",
    "evaluation.n_jobs": "worker processes; every probe has its own seed",
    "training.devices": "rounds otherwise: a batch and its norms are those of all GPUs together",
    "training.nodes": "rounds otherwise: a batch and its norms are those of all GPUs together",
}
"""Settings that reach no output, with the reason. A study may be trained here and read elsewhere."""

NOT_IN_PREPARED: Final[Mapping[str, str]] = {
    "specimens.label": "a question that is asked of the captures",
    "specimens.confounders": "a question that is asked of the captures",
    "specimens.tree": "matched with species, not with captures",
    "specimens.receptors": "multiplies colours in a table of its own",
    "specimens.receptor_scale": "multiplies colours in a table of its own",
    "specimens.rgb_name": "a word in figures and sentences",
    "specimens.uv_name": "a word in figures and sentences",
}
"""Settings that every later stage takes with `study`, and that reach neither partitions nor pixels: with
another label nothing has to be prepared and trained again."""

_OUTPUTS_WITHOUT: Final = ("partitions", "prepared", "applied_prepared")


def flatten(parameters: BaseModel) -> dict[str, Any]:
    """Every setting by its dotted key, as JSON holds it; lists and plain dictionaries are one setting.

    A folder or file that exists is named by its absolute path.
    """
    return {key: to_jsonable_python(_absolute(value)) for key, value in leaves(parameters)}


def leaves(parameters: BaseModel, prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Every setting by its dotted key, as the model holds it."""
    for name, value in parameters:
        yield from _leaves(f"{prefix}{name}", value)


def _leaves(key: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        yield from leaves(value, f"{key}.")
    elif isinstance(value, dict) and value and all(isinstance(one, BaseModel) for one in value.values()):
        for name, one in value.items():
            yield from _leaves(f"{key}.{name}", one)
    else:
        yield key, value


def _absolute(value: Any) -> Any:
    return value.resolve() if isinstance(value, Path) and value.exists() else value


def keys_taken(parameters: Parameters, inputs: Iterable[str]) -> list[str]:
    """The settings that a node with these inputs takes, without those that reach no output."""
    groups = [name.removeprefix("params:") for name in inputs if is_parameter(name)]
    return [
        key
        for key, _ in leaves(parameters)
        if key not in WITHOUT_INFLUENCE
        and is_read(key, parameters)
        and any(group == "parameters" or f"{key}.".startswith(f"{group}.") for group in groups)
    ]


def is_read(key: str, parameters: Parameters) -> bool:
    """Whether other settings leave it a say: photographs are not simulated, and captures count epochs."""
    if key.startswith("simulation."):
        return parameters.specimens.root is None
    return key != "training.max_epochs" or parameters.training.captures_seen is None


def is_parameter(name: str) -> bool:
    """Whether an input of a node is a setting rather than an entry of the catalog."""
    return name == "parameters" or name.startswith("params:")


def settings_reaching(entry: str, settings: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """Those of a node's settings that reach one of its outputs."""
    without = NOT_IN_PREPARED if entry in _OUTPUTS_WITHOUT else {}
    return {key: value for key, value in settings.items() if key not in without}
