"""Pretrained weights: read from a file without running anything in it, fitted to a model, or refused."""

import hashlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from timm.models import PretrainedCfg, adapt_input_conv, load_state_dict
from torch import Tensor, nn

Tensors = dict[str, Tensor]

_TORCHVISION_VIT = (
    (r"^class_token$", "cls_token"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"^encoder\.ln\.", "norm."),
    (r"^heads\.head\.", "head."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.self_attention\.in_proj_", ".attn.qkv."),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(?:0|linear_1)\.", ".mlp.fc1."),
    (r"\.mlp\.(?:3|linear_2)\.", ".mlp.fc2."),
)
"""Names of torchvision's ViT, and timm's for the same."""
_HEADS = ("head.weight", "head.bias", "visual.proj", "visual.head.")
"""Classifiers and projections behind the features, of ConvNeXt's authors, of CLIP and of open_clip."""
_NAMED = 4
"""Tensors named in a message."""
_NATURAL_MEAN, _NATURAL_SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Red, green and blue of ImageNet's photographs, unit scale (He et al. 2016, and every library since)."""


def fingerprint(path: Path) -> str:
    """SHA-256 of a file: what a run's identity knows of its weights, wherever they lie."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pretrained_backbone(name: str, path: Path | None, **options: Any) -> nn.Module:
    """A timm model for three bands with pretrained weights, without its classifier.

    The names of timm and of what its own filters know pass: open_clip's and OpenAI's ViT (BioCLIP), DINOv2,
    ConvNeXt's authors. Those of torchvision's ViT are mapped. Where a torch file names everything otherwise
    (torchvision's and other EfficientNets), its tensors are taken in their order, if all agree in role and
    shape: both sides list them as they were defined.

    Args:
        name: a timm model.
        path: safetensors, or a file of torch.save; None takes timm's own weights, from its cache or the net.
        options: further arguments of the model, such as `img_size`.

    Raises:
        ValueError: if the file cannot be read, or is of another model; with what is missing, unexpected or of
            another shape.
        OSError: if timm's own weights cannot be had.
    """
    if path is None:
        own: nn.Module = timm.create_model(name, pretrained=True, num_classes=0, **options)
        return own
    tensors = _without_head(_named_as_timm(read_weights(path), name), name)
    try:
        backbone: nn.Module = timm.create_model(
            name,
            pretrained=True,
            # As many classes as the model will have, so that timm leaves no tensor out without a word.
            pretrained_cfg_overlay={"state_dict": tensors, "num_classes": 0},
            num_classes=0,
            **options,
        )
    except (RuntimeError, KeyError, ValueError, AttributeError) as error:  # of torch and of timm's filters
        raise ValueError(
            f"training: weights must be those of backbone '{name}', got '{path.name}' with "
            f"{_describe_misfit(error, tensors)}; set training.backbone to the timm model that they are of"
        ) from error
    backbone.pretrained_cfg.pop("state_dict", None)  # type: ignore[union-attr, operator]
    return backbone


def read_weights(path: Path) -> Tensors:
    """The tensors of a file, those of its moving average where it holds both.

    Raises:
        ValueError: if there is no such file, or it is neither safetensors nor tensors alone.
    """
    must = "training: weights must be a safetensors file, or a torch file of tensors alone"
    try:
        found = load_state_dict(str(path), weights_only=True)
    except FileNotFoundError as error:
        raise ValueError(f"{must}, got no file '{path}'; check the path") from error
    except (
        SafetensorError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        KeyError,
        AttributeError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{must}, got '{path.name}' ({reason}); nothing in a file is ever run") from error
    if not isinstance(found, Mapping) or not any(isinstance(value, Tensor) for value in found.values()):
        raise ValueError(f"{must}, got '{path.name}' without tensors; save a model's state_dict")
    return {str(key): value for key, value in found.items() if isinstance(value, Tensor)}


def _named_as_timm(tensors: Tensors, name: str) -> Tensors:
    """The tensors under names that timm or one of its filters knows, as far as that can be told."""
    if "class_token" in tensors:
        return {_renamed(key): tensor for key, tensor in tensors.items()}
    with torch.device("meta"):  # names and shapes are all that is asked
        expected: Tensors = timm.create_model(name).state_dict()
    if not expected.keys() & tensors.keys() and _agree_in_order(tensors, expected):
        return {
            key: tensor.reshape(like.shape)
            for (key, like), tensor in zip(expected.items(), tensors.values(), strict=True)
        }
    return tensors


def _renamed(key: str) -> str:
    for pattern, timm_name in _TORCHVISION_VIT:
        key = re.sub(pattern, timm_name, key)
    return key


def _agree_in_order(tensors: Tensors, expected: Tensors) -> bool:
    """Whether both list tensors of the same roles and shapes; a file sorted by name has no order."""
    if len(tensors) != len(expected) or list(tensors) == sorted(tensors):
        return False
    return all(
        _role(key) == _role(own) and tensor.squeeze().shape == like.squeeze().shape
        for (key, tensor), (own, like) in zip(tensors.items(), expected.items(), strict=True)
    )


def _role(key: str) -> str:
    """What a tensor is in its layer: weight, bias, running_mean and so on."""
    role = key.rpartition(".")[2]
    return "gamma" if role == "layer_scale" else role


def _configuration(name: str) -> PretrainedCfg:
    """What timm knows of a model's weights: layers, and how images are standardised for them."""
    return timm.get_pretrained_cfg(name) or PretrainedCfg()


def _without_head(tensors: Tensors, name: str) -> Tensors:
    """Leave out what comes after the features."""
    classifiers = _configuration(name).classifier or ()
    named = (classifiers,) if isinstance(classifiers, str) else tuple(classifiers)
    heads = (*_HEADS, *(f"{one}." for one in named))
    return {key: tensor for key, tensor in tensors.items() if not key.startswith(heads)}


def _describe_misfit(error: Exception, tensors: Tensors) -> str:
    lines = [" ".join(line.split()) for line in str(error).splitlines()[1:] if line.strip()]
    if not isinstance(error, RuntimeError) or not lines:
        return f"{len(tensors)} tensors of other names ({', '.join(list(tensors)[:_NAMED])}, …)"
    shapes = [line for line in lines if line.startswith("size mismatch")]
    rest = [", ".join(line.split(", ")[:_NAMED]) for line in lines if line not in shapes]
    return " / ".join([*rest, *shapes[:_NAMED]])


def adapt_stem(source: nn.Module, bands: tuple[int, ...]) -> Tensors:
    """Weights of a model for three bands, its first layer adapted to other images.

    One band takes the sum of the filters of red, green and blue, two bands two of them at 3/2: a grey image
    gives the same response. The bands of two modalities take filters of their own, side by side, since one
    of the two is often absent.

    Args:
        source: a timm model for three bands.
        bands: of each modality that the images hold.

    Raises:
        ValueError: if the model has no first convolution over three bands.
    """
    state: Tensors = source.state_dict()
    first: Any = source.pretrained_cfg["first_conv"]  # type: ignore[index]
    try:
        for layer in (first,) if isinstance(first, str) else tuple(first):
            weight = state[f"{layer}.weight"]
            state[f"{layer}.weight"] = torch.cat([adapt_input_conv(n, weight) for n in bands], dim=1)
    except (NotImplementedError, KeyError, TypeError) as error:
        raise ValueError(
            f"training: weights must have a first layer over three bands to take {sum(bands)}, got "
            f"{first}; choose another backbone, or captures with three UV bands"
        ) from error
    return state


def standardise_for_weights(
    name: str, statistics: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, list[float]]]:
    """What images are standardised by so that pretrained weights see the values they were trained on.

    Weights know natural photographs, (x − mean) / std of their timm configuration. The bands of a study, in
    whatever light, exposure and encoding, are moved to the mean and spread of those photographs first: with
    ImageNet's own configuration that is the study's statistics as they are. Two bands are taken for red and
    green, one for grey.

    Args:
        name: a timm model, whose configuration holds `mean` and `std`.
        statistics: `{"rgb": {"mean": […], "sd": […]}, "uv": …}`, over the study's training foreground.

    Returns:
        The same, to be subtracted and divided by.
    """
    cfg = _configuration(name)
    channels = list(zip(_NATURAL_MEAN, _NATURAL_SD, cfg.mean, cfg.std, strict=True))
    grey = tuple(sum(values) / len(channels) for values in zip(*channels, strict=True))
    moved: dict[str, dict[str, list[float]]] = {}
    for modality, of_study in statistics.items():
        taken = [grey] if len(of_study["mean"]) == 1 else channels[: len(of_study["mean"])]
        moved[modality] = {"mean": [], "sd": []}
        for mean, sd, (natural_mean, natural_sd, centre, spread) in zip(
            of_study["mean"], of_study["sd"], taken, strict=True
        ):
            # ((x − mean) / sd · natural_sd + natural_mean − centre) / spread, as one line.
            moved[modality]["mean"].append(mean - sd * (natural_mean - centre) / natural_sd)
            moved[modality]["sd"].append(sd * spread / natural_sd)
    return moved
