"""`kedro xmodal …`: a look at a folder before the first run, the studies of this project, its pipelines.

Kedro takes `cli` of this module for the project's own commands, and `run` for `python -m xmodal_pipeline`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from kedro.framework.cli.project import run
from kedro.framework.startup import ProjectMetadata

if TYPE_CHECKING:
    from xmodal_pipeline.specimens.inspection import Inspection, Proposal

__all__ = ["cli", "run"]

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def cli() -> None:
    """Commands of this project."""


@cli.group()
def xmodal() -> None:
    """Look at a folder of captures before the first run; list and remove studies; share the pipelines."""


@xmodal.command("inspect")
@click.argument("folder", type=_FOLDER)
@click.pass_obj
def inspect_command(metadata: ProjectMetadata, folder: Path) -> None:
    """Say what FOLDER holds, how it would be read, and what is doubtful about that.

    Nothing is written into FOLDER; thumbnails go to data/inspections/.
    """
    # Imported in each command: `kedro run` and `kedro registry list` load this module too.
    from xmodal_pipeline.errors import ParametersError
    from xmodal_pipeline.specimens.inspection import describe_inspection, inspect_folder

    try:
        inspection = inspect_folder(folder)
    except ParametersError as error:
        raise click.ClickException(str(error)) from error
    sheet = _save_sheet(inspection, metadata.project_path)
    click.echo(describe_inspection(inspection, sheet))
    if inspection.proposal.settings:
        click.echo(f"\nNext: kedro xmodal init {_quoted(folder)} <name of the study>")


@xmodal.command()
@click.argument("folder", type=_FOLDER)
@click.argument("study")
@click.pass_obj
def init(metadata: ProjectMetadata, folder: Path, study: str) -> None:
    """Write conf/STUDY/ from a look at FOLDER; nothing that exists is overwritten."""
    from xmodal_pipeline.errors import ParametersError
    from xmodal_pipeline.specimens.inspection import propose
    from xmodal_pipeline.studies import check_study_name

    conf = metadata.project_path / "conf" / study
    try:
        check_study_name(study)
        if conf.exists():
            raise click.ClickException(
                f"conf/{study} must not exist yet, it does and stays as it is; choose another name, or "
                "remove it"
            )
        proposal = propose(folder)
    except ParametersError as error:
        raise click.ClickException(str(error)) from error
    if not proposal.settings:
        raise click.ClickException(str(proposal))
    _write_conf(proposal, study, conf)
    click.echo(f"Wrote {', '.join(f'conf/{study}/{path.name}' for path in sorted(conf.iterdir()))}.")
    unset = [setting.key for setting in proposal.settings if setting.state == "unknown"]
    if unset:
        click.echo(f"Set first, in conf/{study}/parameters.yml: {', '.join(unset)}.")
    n_doubtful = sum(setting.state == "doubtful" for setting in proposal.settings)
    if n_doubtful:
        click.echo(f"Read there what is marked DOUBTFUL: {n_doubtful} settings.")
    for obstacle in proposal.obstacles:
        click.echo(f"Note: {obstacle}")
    click.echo(f"Next: kedro run --env {study} --pipelines ingest,colour (nothing is trained);")
    click.echo(f"then kedro run --env {study}")


def _write_conf(proposal: "Proposal", study: str, conf: Path) -> None:
    from xmodal_pipeline.specimens.inspection import write_parameters_text

    conf.mkdir(parents=True)
    more = {"root": str(proposal.root)}
    if proposal.table is not None:
        more["metadata"] = str(conf / "pairs.csv")
        proposal.table.to_csv(conf / "pairs.csv", index=False)
    (conf / "globals.yml").write_text(f'study: "{study}"\n', encoding="utf-8")
    (conf / "parameters.yml").write_text(write_parameters_text(proposal, study, more), encoding="utf-8")


@xmodal.command()
@click.pass_obj
def studies(metadata: ProjectMetadata) -> None:
    """List the studies that have outputs, with size and stages."""
    from xmodal_pipeline.studies import list_studies

    found = list_studies(metadata.project_path)
    if not found:
        click.echo("No study has outputs yet; 'kedro run' makes the first.")
    width = max((len(study.name) for study in found), default=0)
    for study in found:
        source = study.root or "simulated"
        click.echo(
            f"{study.name:<{width}} {_size(study.n_bytes):>9}  {', '.join(study.stages) or '-'}  ({source})"
        )


@xmodal.command()
@click.argument("study")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget(metadata: ProjectMetadata, study: str, *, yes: bool) -> None:
    """Remove the outputs of STUDY: data/<layer>/STUDY. Captures and conf/STUDY stay."""
    import shutil

    from xmodal_pipeline.errors import ParametersError
    from xmodal_pipeline.studies import check_removable, find_study, list_studies

    project = metadata.project_path
    try:
        found = find_study(project, study)
        if found is None:
            names = ", ".join(one.name for one in list_studies(project)) or "none"
            raise click.ClickException(f"study '{study}' has no outputs; there are: {names}")
        check_removable(found, project)
    except ParametersError as error:
        raise click.ClickException(str(error)) from error
    for folder in found.folders:
        click.echo(f"  {folder.relative_to(project)}")
    if not yes:
        click.confirm(f"Remove these folders with {_size(found.n_bytes)}?", abort=True)
    for folder in found.folders:
        shutil.rmtree(folder)
    click.echo(f"Removed the outputs of study '{study}'.")


@xmodal.command("viz-build")
@click.option("--include-previews", is_flag=True, help="Tables, figures and metrics go along.")
@click.option("--env", "-e", help="Folder of conf/: the study whose outputs are previewed.")
@click.pass_obj
def viz_build(metadata: ProjectMetadata, *, include_previews: bool, env: str | None) -> None:
    """Write build/: the pipelines in Kedro-Viz, as files that name no path of this machine.

    As `kedro viz build`, without telemetry and without calls out; put the folder on any web server.
    """
    import logging

    from xmodal_pipeline.errors import ParametersError
    from xmodal_pipeline.viz import build_viz

    logging.getLogger("kedro_viz").setLevel(logging.ERROR)  # a warning per output that was not made
    try:
        folder = build_viz(metadata.project_path, env=env, previews=include_previews)
    except ParametersError as error:
        raise click.ClickException(str(error)) from error
    name = folder.relative_to(metadata.project_path)
    click.echo(f"Wrote {name}/. To look at it: python -m http.server --directory {name}")


def _save_sheet(inspection: "Inspection", project: Path) -> Path | None:
    """The thumbnails as a PNG in a folder that the project owns; None where nothing could be read."""
    from PIL import Image

    from xmodal_pipeline.specimens.inspection import draw_sheet

    picture = None if inspection.look is None else draw_sheet(inspection.look)
    if picture is None:
        return None
    root = inspection.folder.root
    path = project / "data" / "inspections" / f"{root.name or 'root'}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path.relative_to(project)


def _quoted(folder: Path) -> str:
    return f'"{folder}"' if " " in str(folder) else str(folder)


def _size(n_bytes: int) -> str:
    size, unit = float(n_bytes), "B"
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
