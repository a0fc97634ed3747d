"""Kedro-Viz as a folder of files to hand on: no path of this machine, no telemetry, no calls out.

`kedro viz build` writes absolute paths of datasets and sources, and a page that asks Google for a font.
"""

import json
import re
import shutil
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import Any, Final

from xmodal_pipeline.errors import ParametersError

_BUILD: Final = "build"
_MARK: Final = "api/deploy-viz-metadata"
"""What Kedro-Viz writes into every build, and nothing else does."""
_SOURCE: Final = re.compile(rf"^.*/(?={__package__}/.*\.py$)")
"""What stands before the package in the path of one of its sources."""
_ABSOLUTE: Final = re.compile(r"(?<![\w.:/~…-])/([\w.@+~-]+)(?:/[\w.@+~-]+)*")
_REMOTE_LINK: Final = re.compile(r"\s*<link\b[^>]*https?://[^>]*>")


def build_viz(project: Path, *, env: str | None, previews: bool) -> Path:
    """Write `build/`: the pipelines as a static site, which any web server shows.

    Args:
        project: the folder of the project.
        env: a folder of `conf`, for the study whose outputs are previewed.
        previews: whether tables, figures and metrics go along.

    Returns:
        The folder.

    Raises:
        ParametersError: if something else is called `build`, or a path of this machine is left.
    """
    folder = project / _BUILD
    if folder.exists():
        if not (folder / _MARK).is_file():
            raise ParametersError(
                f"{folder}: must be a build of Kedro-Viz to be replaced, got another folder; move it away"
            )
        shutil.rmtree(folder)
    with chdir(project), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Kedro-Viz's own, for its developers
        from kedro_viz.integrations.deployment.local_deployer import LocalDeployer
        from kedro_viz.server import load_and_populate_data

        load_and_populate_data(project, env=env, package_name=__package__)
        LocalDeployer().deploy(previews)
    known = machine_paths(project)
    for path in _answers(folder):
        answer = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(without_paths(answer, known)), encoding="utf-8")
    (folder / "telemetry.html").unlink(missing_ok=True)
    for page in folder.glob("*.html"):
        page.write_text(_REMOTE_LINK.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    left = [path for path in _answers(folder) if any(one in path.read_text("utf-8") for one in known)]
    if left:
        raise ParametersError(f"{left[0]}: must name no path of this machine, got one; do not hand it on")
    return folder


def machine_paths(project: Path) -> list[str]:
    """Folders that tell of this machine, the longest first: of the project, of Python and of its user."""
    folders = {project, project.resolve(), Path(sys.prefix), Path(sysconfig.get_path("purelib")), Path.home()}
    return sorted((str(one) for one in folders if len(one.parts) > 1), key=len, reverse=True)


def without_paths(value: Any, known: list[str]) -> Any:
    """The same JSON without paths of this machine.

    Below a known folder they become relative to it; of others that lie on this machine, such as the folder of
    the captures, the last name is left: `…/wings`.

    Args:
        value: what `json.loads` gives.
        known: of `machine_paths`.
    """
    match value:
        case dict():
            return {without_paths(name, known): without_paths(one, known) for name, one in value.items()}
        case list():
            return [without_paths(one, known) for one in value]
        case str():
            text = _SOURCE.sub("", value)
            for folder in known:
                text = text.replace(f"{folder}/", "").replace(folder, "…")
            return _ABSOLUTE.sub(_last_name, text)
        case _:
            return value


def _last_name(found: re.Match[str]) -> str:
    is_here = found.group(1) in _top_folders()
    return f"…/{Path(found.group()).name}" if is_here else found.group()


@cache
def _top_folders() -> set[str]:
    return {path.name for path in Path("/").iterdir()}


def _answers(folder: Path) -> Iterator[Path]:
    """What the page asks for, as JSON."""
    return (path for path in (folder / "api").rglob("*") if path.is_file())
