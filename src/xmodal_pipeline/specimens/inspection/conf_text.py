"""A proposal as a parameters file, with the reason for every key."""

import json
import textwrap
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from xmodal_pipeline.specimens.inspection.proposal import Proposal, Setting

_WIDTH: Final = 100
_SAYS: Final = {"certain": "Certain", "doubtful": "DOUBTFUL", "unknown": "MUST BE SET"}


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
