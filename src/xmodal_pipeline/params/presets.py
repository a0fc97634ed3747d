"""Presets: what the keys take that a parameters file leaves `null`.

Decision 0037 has the measurements. The defaults of the models in this package are those of `demo`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from xmodal_pipeline.params._model import ParamsModel

if TYPE_CHECKING:
    from xmodal_pipeline.params.root import Parameters

Preset = Literal["demo", "photographs", "museum"]
Group = TypeVar("Group", bound=ParamsModel)

_PHOTOGRAPHS: Final[Mapping[str, Mapping[str, Any]]] = {
    "training": {"batch_size": 64, "captures_seen": 40_000},
    "loss": {"temperature": 0.07, "intra_modal_weight": 0.1, "cross_views": "all"},
    "augmentation": {
        "photometry": "reflectance",
        "geometry": {"crop_scale": (0.7, 1.0), "rotation_deg": 10.0},
    },
    "evaluation": {
        "protocol": "photographs",
        "bootstraps": 1000,
        "permutations": 1999,
        "reference_permutations": 99,
    },
}
_MUSEUM: Final[Mapping[str, Mapping[str, Any]]] = {
    **_PHOTOGRAPHS,
    "training": {
        "backbone": "vit_base_patch16_224",
        "precision": "bf16-mixed",
        "batch_size": 256,
        "max_epochs": 200,
        "warmup_epochs": 10.0,
        "lr": 3e-4,
        "gradient_checkpointing": True,
    },
    "evaluation": {
        "protocol": "museum",
        "inner_folds": 5,
        "c_values": tuple(10.0**k for k in range(-4, 4)),
        "bootstraps": 2000,
        "permutations": 9999,
        "reference_permutations": 200,
    },
}
PRESETS: Final[Mapping[Preset, Mapping[str, Mapping[str, Any]]]] = MappingProxyType(
    {"demo": {}, "photographs": _PHOTOGRAPHS, "museum": _MUSEUM}
)
"""Values by group and key where they are not the models' own."""
FILLED_GROUPS: Final = ("training", "loss", "augmentation", "evaluation")
"""Groups in which a preset has a say."""


def preset_of(parameters: "Parameters") -> Preset:
    """The preset in force: `auto` is `demo` for simulated specimens and `photographs` for all others."""
    named = parameters.training.preset
    if named != "auto":
        return named
    return "demo" if parameters.specimens.root is None else "photographs"


def describe_preset(parameters: "Parameters") -> str:
    """Which preset is in force, why, and how long it trains."""
    named, training = parameters.training.preset, parameters.training
    why = "as training.preset says"
    if named == "auto":
        why = "for simulated specimens" if parameters.specimens.root is None else "for specimens of your own"
    seen = training.captures_seen
    length = f"{training.max_epochs} epochs" if seen is None else f"{seen:,} captures seen"
    return f"training: preset {preset_of(parameters)}, {why}; {training.backbone}, {length}"


def fill_from_preset(parameters: "Parameters") -> "Parameters":
    """The same parameters with every key that was left `null` at its preset's value.

    Captures whose modalities share a grid share their outline within a view, which would give the pairs of
    `cross_views: all` away: they keep the opposite views.
    """
    values = {group: dict(keys) for group, keys in PRESETS[preset_of(parameters)].items()}
    if parameters.specimens.shares_grid:
        values.get("loss", {}).pop("cross_views", None)
    if "max_epochs" in parameters.training.model_fields_set:
        values.get("training", {}).pop("captures_seen", None)
    filled = {group: fill(getattr(parameters, group), keys) for group, keys in values.items()}
    return parameters.model_copy(update=filled)


def fill(group: Group, values: Mapping[str, Any]) -> Group:
    """A group with these values where it was given none.

    Args:
        group: keys that were given stand in its `model_fields_set`.
        values: by key, nested as the group is.

    Raises:
        pydantic.ValidationError: if what was given does not go with the rest.
    """
    update = {
        key: fill(getattr(group, key), value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if isinstance(value, Mapping) or key not in group.model_fields_set
    }
    return type(group).model_validate(dict(group) | update)
