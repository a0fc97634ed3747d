"""An encoder: images of one modality, or of all bands, to features or to spatial tokens."""

from typing import Literal

import torch
from torch import Tensor, nn

from xmodal_pipeline.models.backbone import BackboneSpec, create_backbone, enable_checkpointing


class Encoder(nn.Module):
    """A timm backbone without parameters that its output does not depend on.

    `features` are what timm itself pools (class token, average or attention pooling, with the norms that
    pretrained weights expect); `tokens` are the spatial tokens before pooling.
    """

    def __init__(
        self, spec: BackboneSpec, *, bands: tuple[int, ...], output: Literal["features", "tokens"]
    ) -> None:
        """Build the backbone and remove what the chosen output leaves unused.

        Args:
            spec: which model, and how it is used.
            bands: of each modality that the images hold.
            output: pooled features, or spatial tokens.

        Raises:
            ValueError: if the backbone is unknown, cannot take images of this size, or yields a single token.
        """
        super().__init__()
        self.output = output
        self.backbone = create_backbone(spec, bands)
        probed = self._probe(spec, bands)
        remove_unused(self.backbone, probed)
        self.dim: int = probed.shape[-1]
        """Length of a feature or token."""
        if output == "tokens" and probed.shape[1] < 2:
            raise ValueError(
                f"training: backbone must yield at least two spatial tokens for attention, got one from "
                f"'{spec.name}' at {spec.image_size} px; use larger images or a backbone of smaller stride"
            )
        if spec.gradient_checkpointing:
            enable_checkpointing(self.backbone, spec.name)

    def forward(self, images: Tensor) -> Tensor:
        """Encode (batch, bands, height, width), standardised, background 0.

        Returns:
            (batch, dim) features, or (batch, tokens, dim) spatial tokens, by `output`.
        """
        encoded = self.backbone.forward_features(images)  # type: ignore[operator]
        if self.output == "tokens":
            return spatial_tokens(encoded, self.backbone)
        pooled: Tensor = self.backbone.forward_head(encoded, pre_logits=True)  # type: ignore[operator]
        return pooled.flatten(1)

    def _probe(self, spec: BackboneSpec, bands: tuple[int, ...]) -> Tensor:
        """Output for one blank image, with its graph; in eval mode, so that no statistic moves."""
        self.eval()
        blank = torch.zeros(1, sum(bands), spec.image_size, spec.image_size)
        try:
            output: Tensor = self(blank)
        except (AssertionError, RuntimeError) as error:  # how timm refuses a size
            raise ValueError(
                f"training: backbone must accept images of {spec.image_size} px, got '{spec.name}' "
                f"({error}); choose another backbone or image size"
            ) from error
        self.train()
        return output


def spatial_tokens(encoded: Tensor, backbone: nn.Module) -> Tensor:
    """Spatial tokens in reading order, without class or register tokens, from any timm `forward_features`.

    Args:
        encoded: (batch, tokens, dim) from a ViT, (batch, dim, height, width) from a CNN, or
            (batch, height, width, dim) where `backbone.output_fmt` says NHWC.
        backbone: the timm model it came from.

    Returns:
        (batch, tokens, dim).
    """
    if encoded.ndim == 3:
        return encoded[:, getattr(backbone, "num_prefix_tokens", 0) :]
    if str(getattr(backbone, "output_fmt", "NCHW")) == "NHWC":
        return encoded.flatten(1, 2)
    return encoded.flatten(2).transpose(1, 2)


def remove_unused(module: nn.Module, output: Tensor) -> None:
    """Take out every parameter on which the output does not depend: an unused head, norm or pooling.

    Left in, such parameters would stop a distributed run, and weight decay would move them.

    Args:
        module: changed in place.
        output: of the module, with its graph.
    """
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(output.sum(), list(parameters.values()), allow_unused=True)
    unused = {name for name, gradient in zip(parameters, gradients, strict=True) if gradient is None}
    for path, child in list(module.named_modules()):
        owned = {f"{path}.{name}" for name, _ in child.named_parameters()}
        if path and owned and owned <= unused:
            module.set_submodule(path, nn.Identity())
            unused -= owned
    for name in unused:
        path, _, attribute = name.rpartition(".")
        setattr(module.get_submodule(path), attribute, None)
