"""The model that training and embedding see: images of both modalities in, features and projections out."""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import normalize

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.fusion import FusedFeatures, Fusion, build_fusion
from xmodal_pipeline.models.linear_branch import LinearBranch
from xmodal_pipeline.models.projection import ProjectionHead, mean_direction
from xmodal_pipeline.params.train import TrainingParams
from xmodal_pipeline.params.variants import VariantParams


class ModelOutput(NamedTuple):
    """Features and projections by `rgb`, `uv`, `joint`; a baseline has its one modality."""

    features: dict[str, Tensor]
    """(batch, feature_dim), what is exported."""
    projections: dict[str, Tensor]
    """(batch, projection_dim), for the losses, which normalise them; longer by the linear branch."""
    unimodal_joint: dict[str, Tensor] = {}  # noqa: RUF012
    """(batch, projection_dim) by modality: the joint projection made from that modality alone."""


class CrossModalModel(nn.Module):
    """A fusion strategy and a projection head for each of its learnt features."""

    def __init__(
        self,
        fusion: Fusion,
        *,
        joint_is_learnt: bool,
        hidden_dim: int,
        projection_dim: int,
        unimodal_joint: bool = False,
    ) -> None:
        """Put heads on a fusion; `unimodal_joint` asks for what the loss's joint_mode `comm` needs."""
        super().__init__()
        self.fusion = fusion
        self.joint_is_learnt = joint_is_learnt
        self.unimodal_joint = unimodal_joint
        learnt = (*fusion.modalities, "joint") if joint_is_learnt else fusion.modalities
        self.heads = nn.ModuleDict(
            {name: ProjectionHead(fusion.feature_dim, hidden_dim, projection_dim) for name in learnt}
        )
        self.linear: LinearBranch | None = None
        """Beside the projections of a trained model."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """`("rgb", "uv")`, or the one of a baseline."""
        return self.fusion.modalities

    @property
    def feature_dim(self) -> int:
        """Length of every feature."""
        return self.fusion.feature_dim

    @property
    def encoders(self) -> dict[str, nn.Module]:
        """The encoder of each modality; the same module twice where it is shared."""
        return self.fusion.encoders

    def forward(self, rgb: Tensor | None, uv: Tensor | None) -> ModelOutput:
        """Encode and project a batch.

        Args:
            rgb: (batch, bands, height, width), standardised, background 0. A baseline of UV ignores it.
            uv: the same for UV, same rows. A baseline of RGB ignores it.

        Raises:
            ValueError: if a modality of this model is missing.
        """
        for modality, images in (("rgb", rgb), ("uv", uv)):
            if images is None and modality in self.modalities:
                raise ValueError(
                    f"model: {modality} must be given to a model of {self.modalities}, got None; "
                    "a model of one modality is the variant 'rgb_only' or 'uv_only'"
                )
        output = self.project(self.fusion(rgb, uv, alone=self.unimodal_joint))
        if self.linear is None or rgb is None or uv is None:
            return output
        return output._replace(projections=self.linear.beside(output.projections, self.linear(rgb, uv)))

    def project(self, fused: FusedFeatures) -> ModelOutput:
        """Projections of features that the fusion gave for `alone=unimodal_joint`."""
        projections = {name: head(fused.features[name]) for name, head in self.heads.items()}
        if self.joint_is_learnt:
            alone = {name: self.heads["joint"](feature) for name, feature in fused.alone.items()}
            return ModelOutput(fused.features, projections, alone)
        if len(self.modalities) == 1:
            return ModelOutput(fused.features, projections)
        alone = {name: normalize(z, dim=1) for name, z in projections.items()} if self.unimodal_joint else {}
        projections["joint"] = mean_direction(projections["rgb"], projections["uv"])
        return ModelOutput(fused.features, projections, alone)


def build_model(
    variant: VariantParams,
    training: TrainingParams,
    *,
    rgb_bands: int,
    uv_bands: int,
    image_size: int,
    unimodal_joint: bool = False,
) -> CrossModalModel:
    """The model of one variant, weights drawn from torch's global generator.

    Args:
        variant: fusion type and its parameters.
        training: the section `training`: backbone, weights, dimensions, checkpointing.
        rgb_bands: number of RGB bands.
        uv_bands: number of UV bands, 1 to 3.
        image_size: height and width in pixels.
        unimodal_joint: also give the joint projection of each modality alone, for `loss.joint_mode: comm`.

    Raises:
        ValueError: if the backbone is unknown, its weights cannot be had, or it does not suit the images.
    """
    spec = BackboneSpec(
        name=training.backbone,
        pretrained=training.pretrained,
        weights=training.weights,
        image_size=image_size,
        gradient_checkpointing=training.gradient_checkpointing,
        rgb_bands=rgb_bands,
        uv_bands=uv_bands,
    )
    return CrossModalModel(
        build_fusion(variant, spec),
        joint_is_learnt=variant.joint_is_learnt,
        hidden_dim=training.hidden_dim,
        projection_dim=training.projection_dim,
        unimodal_joint=unimodal_joint,
    )
