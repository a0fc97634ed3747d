"""What a look at a folder proposes: settings, how sure each is and why; and as a parameters file."""

import json
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from xmodal_pipeline.params.ingest import SpecimensParams

State = Literal["certain", "doubtful", "unknown"]
"""Seen in the files; a guess that a person must confirm; not to be told from the files, must be set."""
_SHORTENED: Final = 140
_WIDTH: Final = 100
_SAYS: Final = {"certain": "Certain", "doubtful": "DOUBTFUL", "unknown": "MUST BE SET"}


@dataclass(frozen=True)
class Setting:
    """One key, what it would be set to, and why."""

    key: str
    """As parameters spell it, such as `specimens.mask`."""
    value: Any
    """None where the state is unknown, or where null is proposed."""
    state: State
    why: str
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Proposal:
    """How a folder would be read."""

    root: Path
    settings: tuple[Setting, ...]
    obstacles: tuple[str, ...] = ()
    """What cannot be read as it is, and how to mend it."""
    table: pd.DataFrame | None = None
    """Metadata that names both files of each pair, where no setting can join them; to be written for the
    study."""

    def __str__(self) -> str:
        """A few lines, for the end of an error."""
        if not self.settings:
            lines = [f"As far as a look at {self.root} tells:"]
        else:
            lines = [f"A look at {self.root} proposes:"]
        for setting in self.settings:
            if setting.state == "unknown":
                lines.append(f"  {setting.key} must be set: {_shorten(setting.why)}")
            elif setting.value is not None:
                doubt = "" if setting.state == "certain" else f"  (doubtful: {_shorten(setting.why)})"
                lines.append(f"  {setting.key}={show_value(setting.value)}{doubt}")
        lines += [f"  {_shorten(obstacle)}" for obstacle in self.obstacles]
        quoted = f'"{self.root}"' if " " in str(self.root) else str(self.root)
        return "\n".join([*lines, f"See all of it with: kedro xmodal inspect {quoted}"])


def show_value(value: Any) -> str:
    """A value as one types it after `--params`, mappings as in YAML."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {show_value(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show_value(one) for one in value) + "]"
    text = str(value)
    return text if text and text == text.strip() else f"'{text}'"


def specimens_params(settings: Iterable[Setting], **more: Any) -> SpecimensParams:
    """The settings of `specimens` that are certain or guessed, as parameters; `more` wins.

    Raises:
        ValueError: (pydantic's) where they contradict one another.
    """
    known = {
        one.key.removeprefix("specimens."): one.value
        for one in settings
        if one.state != "unknown" and one.value is not None and one.key.startswith("specimens.")
    }
    return SpecimensParams(**known | more)


def _shorten(text: str) -> str:
    return textwrap.shorten(text, _SHORTENED, placeholder=" …")


def write_parameters_text(proposal: Proposal, study: str, more: Mapping[str, Any]) -> str:
    """`parameters.yml` of a study's environment.

    What must be set stands in it as a comment, so that the run says what is missing.

    Args:
        proposal: of the study's folder.
        study: its name, for the first line.
        more: keys of `specimens` that follow from where files were put, such as `metadata`.
    """
    lines = [f"# Study '{study}', proposed by a look at its folder; change what is wrong, then:"]
    lines += [f"# kedro run --env {study}"]
    lines += [line for one in proposal.obstacles for line in _comment(f"NOTE: {one}", "")]
    groups: dict[str, list[str]] = defaultdict(list)
    groups["specimens"] += [f"  {key}: {_yaml(value)}" for key, value in more.items()]
    for setting in proposal.settings:
        group, key = setting.key.split(".", 1)
        groups[group] += [*_comment(_reason(setting), "  "), _line(key, setting)]
    for group, found in groups.items():
        lines += [f"{group}:", *found]
    return "\n".join(lines) + "\n"


def _reason(setting: Setting) -> str:
    other = ""
    if setting.alternatives and setting.state != "certain":
        word = "One of" if setting.state == "unknown" else "Or"
        other = f" {word}: {', '.join(setting.alternatives)}."
    stop = "" if setting.why.endswith("?") else "."
    return f"{_SAYS[setting.state]}: {setting.why}{stop}{other}"


def _line(key: str, setting: Setting) -> str:
    if setting.state == "unknown":
        return f"  # {key}:"
    return f"  {key}: {_yaml(setting.value)}"


def _yaml(value: Any) -> str:
    """One value in YAML's flow style; text in quotes, so that no name becomes a number or a truth."""
    if isinstance(value, str | int | float | list | tuple | dict) or value is None:
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(str(value), ensure_ascii=False)


def _comment(text: str, indent: str) -> list[str]:
    start = f"{indent}# "
    return textwrap.wrap(text, _WIDTH, initial_indent=start, subsequent_indent=start)
