"""Parameters of `train`: optimisation, losses and augmentation; the model variants stand in `variants.py`."""

from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.variants import VARIANTS, VariantParams, default_variants

Precision = Literal["32", "bf16-mixed", "16-mixed"]


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    if not 0 < limits[0] <= limits[1]:
        raise ValueError(f"must be two positive numbers, the smaller first, got {limits}")
    return limits


Limits = Annotated[tuple[float, float], AfterValidator(_ordered)]
"""Smallest and largest value of a draw, both positive."""


_OF_A_LEARNING_TRUNK = (
    *("lr_rgb", "lr_uv", "gradient_cache_chunks", "gradient_checkpointing", "compile", "devices", "nodes"),
)
"""Keys that only training of the encoders reads."""


class TrainingParams(ParamsModel):
    """Optimisation, hardware and the encoder. Keys left null take the preset's value."""

    of_preset: ClassVar[frozenset[str]] = frozenset(
        (
            *("backbone", "lr", "batch_size", "max_epochs", "captures_seen", "warmup_epochs", "precision"),
            "gradient_checkpointing",
        )
    )
    preset: Literal["auto", "demo", "photographs", "museum"] = "auto"
    """Values of the keys here and in `evaluation` that are left null: demo, photographs (a few hundred to a
    few thousand specimens, two cores) or museum (one GPU). Auto is demo for simulated specimens, photographs
    for others."""
    backbone: str = "test_resnet"
    """Any timm model name."""
    pretrained: bool = False
    """Start from timm's weights of that model, which are fetched once."""
    weights: Path | None = None
    """Start from this file instead: safetensors, or a torch file of tensors, named as in timm, torchvision or
    open_clip (BioCLIP). Null: none."""
    trunk: Literal["full", "frozen", "lora"] = "full"
    """What of a pretrained encoder learns: all of it (full), nothing (frozen: its features are computed once,
    heads train in a minute), or low-rank adapters (lora; needs the extra `[lora]`)."""
    projection_dim: int = Field(128, ge=2)
    """Columns of the projections, which the loss compares."""
    hidden_dim: int = Field(256, ge=2)
    """Units in the hidden layer of each projection head."""
    linear_share: float | None = Field(None, ge=0, le=1)
    """Share of PCA + CCA of pixels in the similarity of two projections: 0 leaves what is learnt; null takes
    the usual one unless validation specimens clearly prefer another."""
    lr: float = Field(1e-3, gt=0)
    """Learning rate at the end of the warm-up; a cosine takes it to 0."""
    lr_rgb: float | None = Field(None, gt=0)
    """Learning rate of the RGB encoder; null uses `lr`."""
    lr_uv: float | None = Field(None, gt=0)
    """Learning rate of the UV encoder; null uses `lr`."""
    weight_decay: float = Field(0.05, ge=0)
    """Decay of weights by AdamW."""
    batch_size: int = Field(32, ge=2)
    """Captures that meet in the loss, on all devices together."""
    accumulation: int = Field(1, ge=1)
    """Batches per optimiser step."""
    gradient_clip: float | None = Field(1.0, gt=0)
    """Largest norm of the gradient; null never clips."""
    gradient_cache_chunks: int = Field(1, ge=1)
    """Chunks in which each device encodes its part of a batch, twice, to hold one chunk's activations only;
    the gradient stays that of the whole batch (GradCache). Batch norms see a chunk."""
    max_epochs: int = Field(18, ge=1)
    """Passes over the training captures."""
    captures_seen: int | None = Field(None, ge=1)
    """Captures that training sees, all epochs together, in the place of `max_epochs`; at least 20 epochs."""
    warmup_epochs: float = Field(2, ge=0)
    """Epochs in which the learning rate rises to `lr`."""
    patience: int | None = Field(None, ge=1)
    """Epochs without better validation retrieval before training stops; null never stops early."""
    precision: Precision = "32"
    """Arithmetic of the forward pass: 32, bf16-mixed or 16-mixed."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: less memory, more time."""
    channels_last: bool = True
    """Memory layout of images; faster for most convolutions."""
    compile: bool = False
    """Compile the model with `torch.compile`: slow to start, faster after."""
    devices: int = Field(1, ge=1)
    """GPUs of each node, or processes where there is no GPU; above 1, torchrun starts one process each."""
    nodes: int = Field(1, ge=1)
    """Machines; above 1 only within a SLURM allocation of as many."""
    seed: int = Field(0, ge=0)
    """Weights, batches and views follow from it."""

    @property
    def processes(self) -> int:
        """Training processes on all nodes."""
        return self.devices * self.nodes

    @field_validator("precision", mode="before")
    @classmethod
    def _older_spelling(cls, value: object) -> object:
        """Read 16 as 16-mixed and 32 as full precision: the spelling of earlier Lightning versions."""
        return {16: "16-mixed", "16": "16-mixed", 32: "32", "bf16": "bf16-mixed"}.get(value, value)

    @property
    def is_pretrained(self) -> bool:
        """Whether encoders start from weights that others trained."""
        return self.pretrained or self.weights is not None

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if self.pretrained and self.weights is not None:
            raise ValueError(
                f"pretrained must be false where weights name a file, got true and '{self.weights.name}'; "
                "choose one of them"
            )
        if self.trunk != "full" and not self.is_pretrained:
            raise ValueError(
                f"trunk must be full where encoders start from nothing, got {self.trunk}; name a file in "
                "weights, or set pretrained to true"
            )
        return self

    @model_validator(mode="after")
    def _frozen_trunk_runs_once(self) -> Self:
        if self.trunk == "frozen":
            fields = type(self).model_fields
            idle = [name for name in _OF_A_LEARNING_TRUNK if getattr(self, name) != fields[name].default]
            if idle:
                raise ValueError(
                    f"{', '.join(idle)} must be as by default where trunk is frozen: it runs once, in one "
                    "process; leave them out"
                )
        return self

    @model_validator(mode="after")
    def _equal_parts(self) -> Self:
        if self.batch_size % self.processes:
            raise ValueError(
                f"batch_size must be a multiple of devices × nodes = {self.processes}, "
                f"got {self.batch_size}; every process takes an equal part of a batch"
            )
        part = self.batch_size // self.processes
        if self.gradient_cache_chunks > part:
            raise ValueError(
                f"gradient_cache_chunks must not exceed the {part} captures of a device, "
                f"got {self.gradient_cache_chunks}; lower it or raise batch_size"
            )
        return self


class CurriculumWeights(ParamsModel):
    """Weights of the two terms that a curriculum moves."""

    cross_modal: float = Field(ge=0)
    """Weight of the cross-modal term."""
    intra_modal: float = Field(ge=0)
    """Weight of the intra-modal term."""


COARSE_PX: Final = 16
"""Side to which pixels are averaged before PCA + CCA, in the linear branch and in the baseline alike: of 8 to
64, the one by which most swallowtails were found (decision 0038)."""

LEARNT_TEMPERATURES: Final = (0.01, 1.0)
"""Range a learnt temperature is clamped to. CLIP caps its logit scale at 100 (arXiv:2103.00020, section 2.5);
above 1 all logits lie within 2 of one another, and the loss hardly tells a match from the rest."""


class LossParams(ParamsModel):
    """The combined loss: cross-modal, intra-modal and joint terms.

    The title of a weight is what Methods call its term.
    """

    of_preset: ClassVar[frozenset[str]] = frozenset(("temperature", "intra_modal_weight", "cross_views"))
    temperature: float = Field(0.1, gt=0)
    """Divides similarities; the start of a learnt one."""
    adaptive_temperature: bool = False
    """Learn it, clamped to 0.01 to 1."""
    cross_modal_weight: float = Field(1.0, ge=0, title="cross-modal (InfoNCE, Radford et al. 2021)")
    """Weight of RGB against UV of the same capture."""
    intra_modal_weight: float = Field(0.5, ge=0, title="intra-modal (NT-Xent, Chen et al. 2020)")
    """Weight of two views of one modality, mean of both modalities."""
    joint_weight: float = Field(0.5, ge=0, title="joint")
    """Weight of the joint term."""
    joint_mode: Literal["simclr", "comm"] = "simclr"
    """Joint view against joint view (simclr), or each modality against the joint of the other view (comm)."""
    cross_views: Literal["opposite", "same", "all"] = "opposite"
    """Which views the cross-modal term pairs: opposite (of different crops), same, or all."""
    curriculum: Literal["none", "linear", "cosine"] = "none"
    """How the first two weights move over training: none (as given above), linear or cosine."""
    curriculum_start: CurriculumWeights = CurriculumWeights(cross_modal=0.2, intra_modal=0.8)
    """Weights that a curriculum starts from."""
    curriculum_end: CurriculumWeights = CurriculumWeights(cross_modal=0.8, intra_modal=0.2)
    """Weights that a curriculum ends with."""

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each term, by its name; a curriculum replaces those that it moves."""
        names = [name for name in type(self).model_fields if name.endswith("_weight")]
        return {name.removesuffix("_weight"): getattr(self, name) for name in names}

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if not any(self.weights.values()):
            raise ValueError(
                f"at least one loss weight must be positive, got 0 for {', '.join(self.weights)}"
            )
        return self

    @model_validator(mode="after")
    def _learnt_temperature_in_range(self) -> Self:
        low, high = LEARNT_TEMPERATURES
        if self.adaptive_temperature and not low <= self.temperature <= high:
            raise ValueError(
                f"temperature must be within {low} and {high} where adaptive_temperature is true, "
                f"got {self.temperature}; a learnt temperature is clamped to that range"
            )
        return self


class GeometryParams(ParamsModel):
    """One warp shared by RGB, UV and mask."""

    of_preset: ClassVar[frozenset[str]] = frozenset(("crop_scale", "rotation_deg"))
    crop_scale: Limits = (0.5, 1.0)
    """Area of the crop as a share of the image."""
    crop_ratio: Limits = (0.8, 1.25)
    """Width over height of the crop."""
    horizontal_flip: float = Field(0.5, ge=0, le=1)
    """Chance of a flip left to right."""
    vertical_flip: float = Field(0.0, ge=0, le=1)
    """Chance of a flip upside down."""
    rotation_deg: float = Field(20.0, ge=0, le=180)
    """Largest rotation, to either side."""
    perspective: float = Field(0.0, ge=0, le=0.5)
    """Largest shift of a corner, as a share of half the side; 0 leaves perspective out."""

    @field_validator("crop_scale")
    @classmethod
    def _within_the_image(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits[1] > 1:
            raise ValueError(f"must not exceed 1, the whole image, got {limits}")
        return limits


class RGBPhotometryParams(ParamsModel):
    """Photometry of RGB, drawn independently of UV."""

    brightness: float = Field(0.2, ge=0)
    """Largest change of brightness, as a share."""
    contrast: float = Field(0.2, ge=0)
    """Largest change of contrast about the specimen's mean, as a share."""
    saturation: float = Field(0.2, ge=0)
    """Largest change of saturation, as a share."""
    hue: float = Field(0.05, ge=0, le=0.5)
    """Largest turn of hue, in turns."""
    greyscale: float = Field(0.1, ge=0, le=1)
    """Chance that all colour goes."""
    blur_sigma: Limits = (0.1, 1.0)
    """SD of the blur, in pixels."""
    blur: float = Field(0.3, ge=0, le=1)
    """Chance of a blur."""


class UVPhotometryParams(ParamsModel):
    """Photometry of UV; its bands share every draw, since one filter makes them nearly one dimension."""

    gain: float = Field(0.1, ge=0, lt=1)
    """Largest change of level, as a share."""
    gamma: Limits = (0.8, 1.25)
    """Exponent of the values."""
    noise_sd: float = Field(0.02, ge=0)
    """SD of the noise of a pixel, of the unit range."""
    blur_sigma: Limits = (0.1, 1.0)
    """SD of the blur, in pixels."""
    blur: float = Field(0.3, ge=0, le=1)
    """Chance of a blur."""


class ReflectancePhotometryParams(ParamsModel):
    """Photometry that leaves calibrated colour alone, for both modalities: small gain, noise and blur."""

    gain: float = Field(0.03, ge=0, lt=1)
    """Largest change of level, as a share; each RGB band by itself, the UV bands together."""
    noise_sd: float = Field(0.01, ge=0)
    """SD of the noise of a pixel, of the unit range."""
    blur_sigma: Limits = (0.1, 1.0)
    """SD of the blur, in pixels."""
    blur: float = Field(0.3, ge=0, le=1)
    """Chance of a blur."""


class AugmentationParams(ParamsModel):
    """How two views are made of one capture."""

    of_preset: ClassVar[frozenset[str]] = frozenset(("photometry",))
    photometry: Literal["reflectance", "uncalibrated"] | None = None
    """Mild, as for reflectance, or strong, for light that differs; the demo's is reflectance where captures
    are calibrated."""
    geometry: GeometryParams = GeometryParams()
    """One warp shared by RGB, UV and mask."""
    rgb: RGBPhotometryParams = RGBPhotometryParams()
    """Photometry of RGB, drawn independently of UV."""
    uv: UVPhotometryParams = UVPhotometryParams()
    """Photometry of UV; its bands share every draw, since one filter makes them nearly one dimension."""
    reflectance: ReflectancePhotometryParams = ReflectancePhotometryParams()
    """Photometry that leaves calibrated colour alone, for both modalities: small gain, noise and blur."""


class TrainParams(ParamsModel):
    """What the nodes of `train` take."""

    training: TrainingParams = TrainingParams()
    """Optimisation, hardware and the encoder. Keys left null take the preset's value."""
    loss: LossParams = LossParams()
    """The combined loss: cross-modal, intra-modal and joint terms."""
    augmentation: AugmentationParams = AugmentationParams()
    """How two views are made of one capture."""
    variants: dict[str, VariantParams] = Field(default_factory=default_variants)
    """The model variants: `fusion_type` names the strategy, `use_modality_specific` gives each modality an
    encoder of its own."""

    @field_validator("variants")
    @classmethod
    def _known_variants(cls, variants: dict[str, VariantParams]) -> dict[str, VariantParams]:
        unknown = sorted(set(variants) - set(VARIANTS))
        if unknown:
            raise ValueError(f"must be among {list(VARIANTS)}, got {unknown}")
        return variants
