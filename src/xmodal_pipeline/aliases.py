"""YAML files whose aliases stand for more than any configuration holds: refused before they are expanded."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import yaml

from xmodal_pipeline.errors import ParametersError

_MOST_NODES: Final = 100_000
"""Values of one file once its aliases are written out; OmegaConf writes them out. Ours have some hundred."""


def check_aliases(conf_source: Path, environments: Iterable[str | None]) -> None:
    """Refuse configuration files that a few lines of nested aliases make gigabytes of.

    Args:
        conf_source: the folder of the environments.
        environments: those that are read.

    Raises:
        ParametersError: naming the file.
    """
    for environment in dict.fromkeys(name for name in environments if name):
        for path in sorted((conf_source / environment).rglob("*.y*ml")):
            _check(path)


def _check(path: Path) -> None:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return  # whoever reads the file says so
    n = _count(root, {}) if root is not None else 0
    if n > _MOST_NODES:
        raise ParametersError(
            f"'{path.name}': aliases must stand for at most {_MOST_NODES:,} values, got {n:,}; write out "
            "the few that are needed"
        )


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Values below a node with its aliases written out; each node is counted once, so that this is quick."""
    if id(node) not in known:
        known[id(node)] = _MOST_NODES + 1  # an alias of what holds it never ends
        known[id(node)] = 1 + sum(_count(child, known) for child in _children(node))
    return known[id(node)]


def _children(node: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []
