"""How much of a pretrained encoder learns: everything, nothing, or low-rank adapters."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from xmodal_pipeline.models.cross_modal import CrossModalModel

_RANK = 8
"""Of the adapters, as in the paper's vision follow-ups; their effect is scaled by alpha / rank = 2."""


def restrict_trunk(model: CrossModalModel, trunk: str) -> None:
    """Leave `requires_grad` only where the trunk is to learn; heads and fusion always do.

    Args:
        model: changed in place.
        trunk: `full`, `frozen` or `lora`, as `training.trunk`.

    Raises:
        ValueError: for `lora` without peft.
    """
    if trunk == "frozen":
        for backbone in _backbones(model):
            backbone.requires_grad_(False)
    elif trunk == "lora":
        add_adapters(model)


def add_adapters(model: CrossModalModel) -> None:
    """Put a low-rank adapter beside every linear map of the encoders, and let nothing else of them learn.

    Linear maps are linear layers and convolutions over all channels; depthwise ones have no rank to lower.

    Args:
        model: changed in place; its features stay what they were until a first step.

    Raises:
        ValueError: if peft is not installed.

    References:
        Hu et al. 2022, LoRA, arXiv:2106.09685.
    """
    peft = require_peft()
    for backbone in _backbones(model):
        linear = [path for path, layer in backbone.named_modules() if _is_linear_map(layer)]
        config = peft.LoraConfig(r=_RANK, lora_alpha=2 * _RANK, target_modules=linear)
        peft.inject_adapter_in_model(config, backbone)


def merge_adapters(model: CrossModalModel, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the plain model that does what the adapted one did.

    Args:
        model: the plain model; changed in place.
        weights: `state_dict` of the model with adapters.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    add_adapters(model)
    model.load_state_dict(dict(weights))
    for backbone in _backbones(model):
        for path, layer in list(backbone.named_modules()):
            if isinstance(layer, BaseTunerLayer):
                layer.merge()
                backbone.set_submodule(path, layer.get_base_layer())
    return model.state_dict()


def require_peft() -> Any:
    """The package, imported.

    Raises:
        ValueError: if it is not installed.
    """
    try:
        import peft
    except ImportError as error:
        raise ValueError(
            "training.trunk: must be full or frozen without the package peft, got lora; "
            "install it with pip install 'xmodal-pipeline[lora]'"
        ) from error
    return peft


def _backbones(model: CrossModalModel) -> Iterator[nn.Module]:
    """The timm model of each encoder, once where modalities share it."""
    for encoder in {id(one): one for one in model.encoders.values()}.values():
        yield encoder.get_submodule("backbone")


def _is_linear_map(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv2d):
        return layer.groups == 1 and layer.dilation == (1, 1)  # adapters of peft have no dilation
    return isinstance(layer, nn.Linear)
