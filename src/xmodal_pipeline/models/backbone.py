"""timm backbones: finding one by name, and building it for any band count and image size."""

import difflib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from xmodal_pipeline.models.weights import adapt_stem, pretrained_backbone

NEAREST = 5
"""Names listed when a backbone is unknown."""


@dataclass(frozen=True)
class BackboneSpec:
    """What all encoders of one model have in common."""

    name: str
    pretrained: bool
    image_size: int
    """Height and width in pixels."""
    gradient_checkpointing: bool
    rgb_bands: int
    uv_bands: int
    weights: Path | None = None
    """File of pretrained weights; instead of `pretrained`."""

    @property
    def bands(self) -> dict[str, int]:
        """Number of bands by modality."""
        return {"rgb": self.rgb_bands, "uv": self.uv_bands}


def check_backbone(name: str, *, pretrained: bool = False) -> None:
    """Refuse a name that timm does not know, or weights that it does not have.

    Args:
        name: a timm model, with or without a weight tag (`resnet18`, `resnet18.a1_in1k`).
        pretrained: also require that weights exist. Whether they can be had without a network is only
            known when the model is built.

    Raises:
        ValueError: naming the nearest models or tags.
    """
    if not timm.is_model(name):
        known = timm.list_models()
        nearest = difflib.get_close_matches(name, known, n=NEAREST, cutoff=0.4)
        hint = f"the nearest are {', '.join(nearest)}" if nearest else "see timm.list_models()"
        raise ValueError(f"training: backbone must be a timm model, got '{name}'; {hint}")
    tags = timm.list_pretrained(name.split(".")[0] + ".*")
    if "." in name and name not in tags:
        raise ValueError(f"training: backbone must be a timm model, got '{name}'; its weights are {tags}")
    if pretrained and not timm.models.is_model_pretrained(name):
        raise ValueError(
            f"training: pretrained must be false for backbone '{name}', got true; timm has no weights for it"
        )


def create_backbone(spec: BackboneSpec, bands: tuple[int, ...]) -> nn.Module:
    """A timm model without its classifier, its stem adapted to the bands.

    Args:
        spec: which model, and how it is used.
        bands: of each modality that the images hold.

    Raises:
        ValueError: if the name is unknown, the weights cannot be had or do not fit, or the image size does
            not suit the model.
    """
    check_backbone(spec.name, pretrained=spec.pretrained)
    options = _size_options(spec)
    if not spec.pretrained and spec.weights is None:
        return _blank_backbone(spec, bands, options)
    try:
        source = pretrained_backbone(spec.name, spec.weights, **options)
    except OSError as error:  # no network and no cached copy
        raise ValueError(
            f"training: weights of backbone '{spec.name}' must be in the local cache or downloadable, "
            f"got {type(error).__name__}; name a file in training.weights, run once with a network, or set "
            "training.pretrained to false"
        ) from error
    if bands == (3,):
        return source
    backbone = _blank_backbone(spec, bands, options)
    backbone.load_state_dict(adapt_stem(source, bands))
    return backbone


def _blank_backbone(spec: BackboneSpec, bands: tuple[int, ...], options: dict[str, Any]) -> nn.Module:
    blank: nn.Module = timm.create_model(spec.name, in_chans=sum(bands), num_classes=0, **options)
    return blank


def enable_checkpointing(backbone: nn.Module, name: str) -> None:
    """Recompute activations in the backward pass: less memory, a third more time.

    Raises:
        ValueError: if this timm model cannot.
    """
    try:
        backbone.set_grad_checkpointing(True)  # type: ignore[operator]
    except (AssertionError, AttributeError) as error:  # timm's way to say no
        raise ValueError(
            f"training: gradient_checkpointing must be false for backbone '{name}', got true; "
            "timm cannot checkpoint it"
        ) from error


def _size_options(spec: BackboneSpec) -> dict[str, Any]:
    """Arguments that fit a model to the image size: ViTs take the size, CNNs a smaller stride.

    At stride 32 an image below 64 px would leave one token, over which attention is no attention.
    """
    with torch.device("meta"):  # the class decides which arguments exist; nothing is allocated
        model_class = type(timm.create_model(spec.name, num_classes=0))
    accepted = inspect.signature(model_class).parameters
    options: dict[str, Any] = {"img_size": spec.image_size} if "img_size" in accepted else {}
    if spec.image_size < 64 and "output_stride" in accepted:
        options["output_stride"] = 16 if spec.image_size >= 32 else 8
    return options
