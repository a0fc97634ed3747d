"""Checks on a whole run that no single parameter model can make."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.params.ablation import list_cells
from xmodal_pipeline.params.root import Parameters

SIMULATED_LABELS = ("species", "sex", "morph", "session", "view")
"""Label columns of the simulated specimens' metadata."""


def check_study(study: str, study_of_catalog: str) -> None:
    """The parameter and the catalog must name the same study, or outputs would land in the wrong folder."""
    if study != study_of_catalog:
        raise ParametersError(
            f"study: must be set in globals.yml or with --params study=…, got '{study}' in a parameters file "
            f"while the catalog uses '{study_of_catalog}'; move it to globals.yml of the same environment"
        )


def check_specimens(parameters: Parameters, stored: dict[str, Any] | None) -> None:
    """The folder, the metadata and the labels must exist; a study must keep to one folder.

    Args:
        parameters: the whole tree.
        stored: the `capture_folder` entry of an earlier run of this study that accepted a capture, if any.

    Raises:
        ParametersError: naming the key, what was found and what to do.
    """
    specimens = parameters.specimens
    root = specimens.root
    if root is not None and not root.is_dir():
        raise ParametersError(
            f"specimens.root: must be an existing folder, got {'the file ' * root.is_file()}'{root}'; "
            + _mend_root(root)
        )
    here = "simulated specimens" if root is None else str(root.resolve())
    if stored is not None:
        before = "simulated specimens" if stored["is_simulated"] else stored["root"]
        if before != here:
            raise ParametersError(
                f"study '{parameters.study}': holds outputs made from {before}, got {here}; they are not "
                "overwritten: give the new specimens a study of their own, --params study=<name>"
            )
    if specimens.receptors is not None:
        from xmodal_pipeline.specimens.colour_tables import check_receptor_units, find_receptors

        receptors = find_receptors(root or Path(), specimens)
        if root is None:
            check_receptor_units(receptors, "relative (simulated)")
    columns = _label_columns(parameters)
    _check_labels(parameters, columns)
    if specimens.tree is not None:
        _check_tree(parameters, columns)
    if specimens.grey_standards is not None:
        _check_standards(parameters)
    if specimens.filter is not None:
        # Imported here, as in `_label_columns`: most commands read no table.
        from xmodal_pipeline.specimens.filtering import check_filter

        check_filter(specimens.filter, columns)


def _mend_root(root: Path) -> str:
    if root.parts[:1] == ("~",):
        return f"write $HOME/{'/'.join(root.parts[1:])}: shells know '~' at the beginning of a word only"
    return f"give its folder, {root.parent}" if root.is_file() else "check the path"


def _label_columns(parameters: Parameters) -> list[str]:
    from xmodal_pipeline.specimens.metadata import find_metadata, key_columns, read_metadata

    root = parameters.specimens.root
    if root is None:
        return list(SIMULATED_LABELS)
    try:
        path = find_metadata(Path(root), parameters.specimens)
        columns = list(read_metadata(path, parameters.specimens).columns) if path else []
    except (ValueError, FileNotFoundError) as error:
        from xmodal_pipeline.specimens.inspection import propose_for_error

        raise ParametersError(f"{error}\n{propose_for_error(root, str(error))}") from error
    return [column for column in columns if column not in key_columns(parameters.specimens)]


def _check_labels(parameters: Parameters, columns: list[str]) -> None:
    specimens = parameters.specimens
    wanted = {"specimens.confounders": specimens.confounders}
    if specimens.label is not None:
        wanted["specimens.label"] = (specimens.label,)
    if specimens.calibrate_by is not None:
        wanted["specimens.calibrate_by"] = (specimens.calibrate_by,)
    rig = parameters.registration.rig
    if rig is not None and specimens.registration != "correct":
        raise ParametersError(
            f"registration.rig: needs specimens.registration correct, got '{specimens.registration}'; "
            "set it to correct, or rig to null"
        )
    if rig not in (None, "all"):
        wanted["registration.rig"] = (rig,)
    for key, names in wanted.items():
        unknown = [name for name in names if name not in columns]
        if unknown:
            found = f"the metadata has {columns}" if columns else "there is no metadata with labels"
            raise ParametersError(f"{key}: must be a label column, got {unknown}; {found}")


def _check_tree(parameters: Parameters, columns: list[str]) -> None:
    from xmodal_pipeline.specimens.tree import find_tips

    if "species" not in columns:
        raise ParametersError(
            f"specimens.tree: needs a label column 'species' to match its tips with, got {columns}; "
            "add it to the metadata or set specimens.tree to null"
        )
    find_tips(parameters.specimens.root or Path(), parameters.specimens)


def _check_standards(parameters: Parameters) -> None:
    from xmodal_pipeline.specimens.grey_standards import read_standards

    try:
        read_standards(parameters.specimens.root or Path(), parameters.specimens)
    except (ValueError, FileNotFoundError) as error:
        raise ParametersError(str(error)) from error


def check_training(parameters: Parameters, variants: Iterable[str]) -> None:
    """The backbone must exist, and every variant to be trained must be possible with these losses."""
    # timm brings torch: only runs that train pay for it.
    from xmodal_pipeline.models import check_backbone

    try:
        check_backbone(parameters.training.backbone, pretrained=parameters.training.pretrained)
    except ValueError as error:
        raise ParametersError(f"training.backbone: {error}") from error
    if parameters.training.weights is not None:
        from xmodal_pipeline.models.weights import pretrained_backbone

        try:
            pretrained_backbone(parameters.training.backbone, parameters.training.weights)
        except ValueError as error:
            raise ParametersError(f"training.weights: {error}") from error
    from xmodal_pipeline.models.trunk import require_peft
    from xmodal_pipeline.training.processes import check_hardware

    try:
        check_hardware(parameters.training)
        if parameters.training.trunk == "lora":
            require_peft()
    except ValueError as error:
        raise ParametersError(str(error)) from error
    for name in variants:
        if name not in parameters.variants:
            raise ParametersError(f"variants.{name}: must be set to train it; add it to parameters_train.yml")
        if parameters.variants[name].joint_is_learnt and parameters.loss.joint_weight == 0:
            raise ParametersError(
                f"loss.joint_weight: must be positive for variants.{name}, whose joint path is learnt, "
                "got 0; raise it or train 'separate'"
            )


def check_uv_value(parameters: Parameters, features: Iterable[str]) -> None:
    """The primary feature sets of `uv_value` must be among those that the run tests."""
    known = list(features)
    unknown = [name for name in parameters.evaluation.uv_value_features if name not in known]
    if unknown:
        raise ParametersError(
            f"evaluation.uv_value_features: must be among the feature sets of this run {known}, "
            f"got {unknown}; name some of them, or run '--pipelines all_variants'"
        )


def check_cells(parameters: Parameters) -> None:
    """Every cell of the ablation's grid must be possible to train."""
    for cell in list_cells(parameters.ablation.grid, parameters):
        groups = {name: getattr(cell.params, name) for name in type(cell.params).model_fields}
        try:
            check_training(parameters.model_copy(update=groups), [cell.variant])
        except ParametersError as error:
            raise ParametersError(f"ablation.grid: cell {cell.settings}: {error}") from error


def check_checkpoint(parameters: Parameters) -> None:
    """`apply.checkpoint` must be a whole checkpoint of this pipeline."""
    path = parameters.apply.existing_file()
    # Safetensors come with torch: only `apply` pays for it.
    from xmodal_pipeline.training import Checkpoint

    try:
        Checkpoint.from_file(path)
    except ValueError as error:
        raise ParametersError(f"apply.checkpoint: {error}; pickled files are never read") from error
