"""The studies under `data/`: which there are, how far each has come, and what belongs to one."""

import fnmatch
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from omegaconf import OmegaConf

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.params.root import STUDY_NAME
from xmodal_pipeline.pipelines import STAGES

_PLACEHOLDER: Final = re.compile(r"\{[^{}$]+\}")
_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class StudyOutputs:
    """What one study has made so far."""

    name: str
    folders: tuple[Path, ...]
    """`data/<layer>/<study>`, those that exist."""
    n_bytes: int
    stages: tuple[str, ...]
    """Stages and pipelines on request with any output."""
    root: str | None
    """Folder of its captures; None for simulated ones, or before `ingest`."""


def list_studies(project: Path) -> list[StudyOutputs]:
    """Every study with outputs under the project's `data/`, by name."""
    found = (find_study(project, name) for name in _study_names(project))
    return [study for study in found if study is not None]


def find_study(project: Path, name: str) -> StudyOutputs | None:
    """One study's outputs; None where there are none.

    Raises:
        ParametersError: if the name is none that a study can have.
    """
    check_study_name(name)
    folders = tuple(path for path in _layer_folders(project, name) if path.is_dir())
    sizes = [file.lstat().st_size for folder in folders for file in folder.rglob("*") if not file.is_dir()]
    if not sizes:
        return None
    patterns = _output_patterns(project, name)
    stages = tuple(stage for stage, paths in patterns.items() if any(_exists(path) for path in paths))
    return StudyOutputs(name, folders, sum(sizes), stages, _captures_of(project, name))


def check_removable(study: StudyOutputs, project: Path) -> None:
    """Refuse to remove what the pipelines did not make.

    Raises:
        ParametersError: if a folder is a link, holds captures of this or another study, or files that no
            catalog entry makes.
    """
    where = f"study '{study.name}'"
    for folder in study.folders:
        if folder.is_symlink():
            raise ParametersError(
                f"{where}: {folder} must be a folder, it is a link to {folder.resolve()}; remove it by hand"
            )
    real = [folder.resolve() for folder in study.folders]
    for root in _roots_in_use(project):
        if any(root == folder or root.is_relative_to(folder) for folder in real):
            raise ParametersError(
                f"{where}: must hold outputs alone, captures are read from {root}; "
                "move them out of data/ first"
            )
    made = [f"{path}*" for paths in _output_patterns(project, study.name).values() for path in paths]
    foreign = [
        file
        for folder in study.folders
        for file in sorted(folder.rglob("*"))
        if not file.is_dir() and not _is_made(file, folder, made)
    ]
    if foreign:
        raise ParametersError(
            f"{where}: must hold outputs alone, {len(foreign)} files are none of the catalog's, such as "
            f"{', '.join(str(file) for file in foreign[:_MOST_NAMED])}; move them elsewhere first"
        )


def check_study_name(name: str) -> None:
    """Refuse a name that no study can have.

    Raises:
        ParametersError: naming what is allowed.
    """
    if not STUDY_NAME.fullmatch(name):
        raise ParametersError(
            f"study: must be letters, digits, '-' and '_', the first a letter or digit, got '{name}'"
        )


def _is_made(file: Path, folder: Path, made: list[str]) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)  # partial saves, locks
    return hidden or any(fnmatch.fnmatchcase(str(file), pattern) for pattern in made)


def _exists(pattern: Path) -> bool:
    anchor = Path(pattern.anchor)
    return next(anchor.glob(f"{pattern.relative_to(anchor)}*"), None) is not None


def _layer_folders(project: Path, study: str) -> list[Path]:
    return [project / path for path in sorted(set(_layers(project, study).values()))]


def _layers(project: Path, study: str) -> dict[str, str]:
    """The folders that `catalog.yml` names, `${_study}` filled in."""
    catalog = _read_yaml(project / "conf" / "base" / "catalog.yml")
    return {
        name: str(path).replace("${_study}", study)
        for name, path in catalog.items()
        if str(path).endswith("/${_study}")
    }


def _output_patterns(project: Path, study: str) -> dict[str, list[Path]]:
    """Per stage the paths of its catalog entries, `*` for a variant; stages first, then those on request."""
    layers = _layers(project, study)
    base = project / "conf" / "base"
    found = {}
    on_request = sorted(path.stem.removeprefix("catalog_") for path in base.glob("catalog_*.yml"))
    for stage in dict.fromkeys([*STAGES, *on_request]):
        paths = []
        for entry in _read_yaml(base / f"catalog_{stage}.yml").values():
            path = str(entry.get("filepath") or entry.get("path") or "")
            for name, folder in layers.items():
                path = path.replace(f"${{{name}}}", folder)
            if path:
                paths.append(project / _PLACEHOLDER.sub("*", path))
        found[stage] = paths
    return found


def _captures_of(project: Path, study: str) -> str | None:
    for path in _output_patterns(project, study)["ingest"]:
        if path.name == "capture_folder.json" and path.is_file():
            stored = json.loads(path.read_text(encoding="utf-8"))
            return None if stored["is_simulated"] else str(stored["root"])
    return None


def _study_names(project: Path) -> list[str]:
    """Folders of the layers that may be studies, in order."""
    layers = {path.parent for path in _layer_folders(project, "*")}
    folders = (path for layer in layers if layer.is_dir() for path in layer.iterdir())
    return sorted({path.name for path in folders if STUDY_NAME.fullmatch(path.name)})


def _roots_in_use(project: Path) -> list[Path]:
    """Folders that any study or environment of the project reads captures from."""
    roots = [_captures_of(project, name) for name in _study_names(project)]
    for parameters in sorted((project / "conf").glob("*/parameters*.yml")):
        specimens = _read_yaml(parameters).get("specimens")
        roots.append(specimens.get("root") if isinstance(specimens, dict) else None)
    return [(project / root).resolve() for root in roots if root]


def _read_yaml(path: Path) -> dict[str, Any]:
    tree = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    return {str(key): value for key, value in tree.items()} if isinstance(tree, dict) else {}
