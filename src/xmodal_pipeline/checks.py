"""Checks on a whole run that no single parameter model can make."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xmodal_pipeline.errors import ParametersError
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
        stored: the `captures` entry that an earlier run of this study left, if any.

    Raises:
        ParametersError: naming the key, what was found and what to do.
    """
    specimens = parameters.specimens
    root = specimens.root
    if root is not None and not root.is_dir():
        raise ParametersError(f"specimens.root: must be an existing folder, got '{root}'; check the path")
    if specimens.tree is not None:
        raise ParametersError(
            f"specimens.tree: must be null in this version, without phylogenies, got '{specimens.tree}'; "
            "export the species means of the embeddings to a phylogenetic method instead"
        )
    here = "simulated specimens" if root is None else str(root.resolve())
    if stored is not None:
        before = "simulated specimens" if stored["is_simulated"] else stored["root"]
        if before != here:
            raise ParametersError(
                f"study '{parameters.study}': holds outputs made from {before}, got {here}; they are not "
                "overwritten: give the new specimens a study of their own, --params study=<name>"
            )
    _check_labels(parameters, _label_columns(parameters))


def _label_columns(parameters: Parameters) -> list[str]:
    from xmodal_pipeline.specimens.metadata import KEY_COLUMNS, find_metadata, read_metadata

    root = parameters.specimens.root
    if root is None:
        return list(SIMULATED_LABELS)
    try:
        path = find_metadata(Path(root), parameters.specimens)
        columns = list(read_metadata(path).columns) if path else []
    except (ValueError, FileNotFoundError) as error:
        raise ParametersError(str(error)) from error
    return [column for column in columns if column not in KEY_COLUMNS]


def _check_labels(parameters: Parameters, columns: list[str]) -> None:
    specimens = parameters.specimens
    wanted = {"specimens.confounders": specimens.confounders}
    if specimens.label is not None:
        wanted["specimens.label"] = (specimens.label,)
    for key, names in wanted.items():
        unknown = [name for name in names if name not in columns]
        if unknown:
            found = f"the metadata has {columns}" if columns else "there is no metadata with labels"
            raise ParametersError(f"{key}: must be a label column, got {unknown}; {found}")


def check_training(parameters: Parameters, variants: Iterable[str]) -> None:
    """The backbone must exist, and every variant to be trained must be possible with these losses."""
    # timm brings torch: only runs that train pay for it.
    from xmodal_pipeline.models import check_backbone

    try:
        check_backbone(parameters.training.backbone, pretrained=parameters.training.pretrained)
    except ValueError as error:
        raise ParametersError(f"training.backbone: {error}") from error
    for name in variants:
        if name not in parameters.variants:
            raise ParametersError(f"variants.{name}: must be set to train it; add it to parameters_train.yml")
        fusion = parameters.variants[name].fusion_type
        if fusion in ("concat", "attention") and parameters.loss.joint_weight == 0:
            raise ParametersError(
                f"loss.joint_weight: must be positive for variants.{name}, whose joint path is learnt, "
                "got 0; raise it or train 'separate'"
            )
