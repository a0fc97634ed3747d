"""Parameters of `ingest`: the specimens, how their files are read, registration and quality."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.columns import column_name

MaskSource = Literal["band", "alpha", "white_background", "patches", "none"]
Scale = Literal["uint8", "uint16", "percent", "unit"]
"""What the numbers in files are."""
RegistrationMode = Literal["correct", "check", "off"]
PatchSource = Literal["roi", "labels"]


class BandLayout(ParamsModel):
    """Which bands a capture has, in file order. The only place where band order is written down.

    `rgb` and `uv` name the bands of each modality in the order the models see them;
    `mask` names the mask band, or is null when the mask comes from elsewhere.
    """

    name: str
    """What it is called where captures are described."""
    order: tuple[str, ...]
    """Names of all bands of a file, in its order."""
    rgb: tuple[str, ...]
    """The visible bands, in the order that models see them."""
    uv: tuple[str, ...] = Field(min_length=1, max_length=3)
    """The UV bands, one to three, likewise."""
    mask: str | None = None
    """The band that is the mask; null: the mask comes from elsewhere."""
    wavelength_nm: dict[str, float] = Field({})
    """Centre of each band in nm, where it is known."""

    @model_validator(mode="after")
    def _bands_are_in_order(self) -> Self:
        if len(set(self.order)) != len(self.order):
            raise ValueError(f"order must name each band once, got {list(self.order)}")
        used = [*self.rgb, *self.uv, *([self.mask] if self.mask else [])]
        missing = [band for band in (*used, *self.wavelength_nm) if band not in self.order]
        if missing:
            raise ValueError(f"every band must be in order {list(self.order)}, got {missing}")
        if len(set(used)) != len(used):
            raise ValueError(f"a band must belong to one modality, got {used}")
        return self

    def indices(self, bands: tuple[str, ...]) -> list[int]:
        """Positions of `bands` in the file's order."""
        return [self.order.index(band) for band in bands]


PAIR = "pair"
"""The layout of two files per capture; its UV bands are as many as the UV file has."""
_WAVELENGTHS = {"R": 610.0, "G": 540.0, "B": 460.0, "UV1": 380.0, "UV2": 365.0, "UV3": 350.0}
_RGB_UV = ("R", "G", "B", "UV1", "UV2", "UV3")

LAYOUTS: dict[str, BandLayout] = {
    "rgb_uv_mask": BandLayout(
        name="rgb_uv_mask",
        order=(*_RGB_UV, "mask"),
        rgb=_RGB_UV[:3],
        uv=_RGB_UV[3:],
        mask="mask",
        wavelength_nm=_WAVELENGTHS,
    ),
    "rgb_uv": BandLayout(
        name="rgb_uv",
        order=_RGB_UV,
        rgb=_RGB_UV[:3],
        uv=_RGB_UV[3:],
        wavelength_nm=_WAVELENGTHS,
    ),
    # micaToolbox exports vR vG vB uB uR: the UV bands run from short to long wavelength.
    "micatoolbox": BandLayout(
        name="micatoolbox",
        order=("vR", "vG", "vB", "uB", "uR"),
        rgb=("vR", "vG", "vB"),
        uv=("uB", "uR"),
    ),
    PAIR: BandLayout(name=PAIR, order=_RGB_UV, rgb=_RGB_UV[:3], uv=_RGB_UV[3:]),
}
"""Named layouts."""


class LimitParams(ParamsModel):
    """The most that a file may declare; it is checked before memory is taken for it."""

    max_megapixels: float = Field(200.0, gt=0)
    """Width × height of one photograph, in millions; the largest cameras have 151."""
    max_bands: int = Field(256, ge=1)
    """Bands and pages of one file, alpha and mask among them."""
    max_gigabytes: float = Field(5.0, gt=0)
    """Size of one file's pixels once they are unpacked; 151 megapixels of seven float32 bands have 4.2."""


class SpecimensParams(ParamsModel):
    """Where the captures are and how to read them."""

    root: Path | None = None
    """Folder of the captures; null simulates a study. Nothing is ever written into it."""
    metadata: Path | None = None
    """CSV of labels, relative to the root; null takes `metadata.csv` beside the captures, if there is one."""
    layout: str | BandLayout | None = None
    """Bands of a file: rgb_uv_mask, rgb_uv, micatoolbox, pair, or bands of your own (`order`, `rgb`, `uv`,
    `mask`); null: a pair where suffixes or columns are set, else rgb_uv_mask."""
    scale: Literal[Scale, "auto"] = "auto"
    """What the numbers mean: uint8, uint16, percent, unit, or auto, which refuses when it cannot tell."""
    registration: RegistrationMode = "correct"
    """Move UV onto RGB (correct), only judge where it lies (check), or leave it alone (off)."""
    rgb_suffix: str | None = None
    """Ending that the stems of RGB files share, such as `_vis`, of captures that are pairs of files."""
    uv_suffix: str | None = None
    """The same for UV files."""
    rgb_column: str | None = None
    """Column of the metadata that holds each pair's RGB file; one row per pair. Instead of suffixes."""
    uv_column: str | None = None
    """The same for its UV file."""
    mask: MaskSource = "band"
    """Where the outline comes from: band, alpha, white_background, patches (all of them together), or none:
    the whole frame."""
    encoding: Literal["linear", "srgb"] | None = None
    """linear, or srgb: undo that curve. Required to calibrate, never guessed; null leaves values alone."""
    grey_standards: Path | None = None
    """CSV of the grey standards in the photographs (see docs/how-to); null leaves colour uncalibrated."""
    calibrate_by: str | None = None
    """Label whose captures share one line per band, such as session; null: standards in every photograph."""
    label: str | None = None
    """Label that `uv_value` is about; null takes `sex` where there is one."""
    filter: str | None = None
    """Captures that the study is about, such as `view == 'dorsal'`; one without the label is left out."""
    confounders: tuple[str, ...] = ()
    """Labels within whose classes `uv_value` compares, and that are tested against every other label."""
    tree: Path | None = None
    """Newick file with tips Genus_species; species that it lacks are listed, and exports carry its tips."""
    patches: PatchSource | None = None
    """Files beside the captures with patches: ImageJ regions, or label images; null measures the whole."""
    receptors: Path | None = None
    """CSV of the study's cone-catch coefficients (receptor, term, coefficient); they need reflectance."""
    receptor_scale: Literal["percent", "unit"] = "percent"
    """What the coefficients multiply: reflectance of 0 to 100, as in micaToolbox, or of 0 to 1."""
    vocabulary: dict[str, dict[str, str]] = Field({"sex": {"m": "m", "male": "m", "f": "f", "female": "f"}})
    """Per label, spellings and the term each stands for; other values mean unlabelled."""
    missing: tuple[str, ...] = ("NA", "N/A", "NaN", "-", "unknown", "none", "?")
    """Spellings that mean unlabelled, beside the empty cell, in any case; your list replaces this one."""
    rgb_name: str = "RGB"
    """What tables and figures call the first modality."""
    uv_name: str = "UV"
    """What they call the second."""
    limits: LimitParams = LimitParams()
    """The most that a file may declare; it is checked before memory is taken for it."""

    @field_validator("registration", mode="before")
    @classmethod
    def _yaml_reads_off_as_false(cls, value: object) -> object:
        """YAML 1.1 turns a bare `off` into false before any of our code sees it."""
        return "off" if value is False else value

    @field_validator("rgb_column", "uv_column", "calibrate_by", "label", mode="after")
    @classmethod
    def _names_column(cls, name: str | None) -> str | None:
        return None if name is None else column_name(name)

    @field_validator("confounders", mode="after")
    @classmethod
    def _names_columns(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(column_name(name) for name in names)

    @field_validator("vocabulary", mode="after")
    @classmethod
    def _is_keyed_by_columns(cls, vocabulary: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        return {column_name(name): terms for name, terms in vocabulary.items()}

    @model_validator(mode="after")
    def _suffixes_come_in_pairs(self) -> Self:
        if (self.rgb_suffix is None) != (self.uv_suffix is None):
            raise ValueError("rgb_suffix and uv_suffix must be set together, got one of them")
        if self.rgb_suffix is not None and self.rgb_suffix == self.uv_suffix:
            raise ValueError(f"rgb_suffix and uv_suffix must differ, got {self.rgb_suffix!r} twice")
        if (self.rgb_column is None) != (self.uv_column is None):
            raise ValueError("rgb_column and uv_column must be set together, got one of them")
        if self.rgb_column is not None and self.rgb_column == self.uv_column:
            raise ValueError(f"rgb_column and uv_column must differ, got {self.rgb_column!r} twice")
        if self.rgb_column is not None and self.rgb_suffix is not None:
            raise ValueError("pairs must be joined by suffixes or by columns, got both; set one pair to null")
        if self.rgb_column is not None and self.root is None:
            raise ValueError("rgb_column needs root: simulated specimens are stacks")
        if self.receptors is not None and not self.shares_grid:
            raise ValueError("receptors need RGB and UV on one grid, got pairs with registration off")
        if isinstance(self.layout, str) and self.layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {sorted(LAYOUTS)} or a band layout, got {self.layout!r}")
        if self.mask == "patches" and (self.patches is None or not self.shares_grid):
            raise ValueError(
                "mask: patches needs patches (roi or labels), drawn on RGB, and UV that lies on it, got "
                f"patches {self.patches or 'null'} and registration {self.registration}"
            )
        if self.mask == "alpha" and not self.is_pair:
            raise ValueError(
                "mask must be band, white_background or none for stacks, got alpha, which photographs of a "
                "pair have; name the stack's mask band in layout and set mask to band"
            )
        return self

    @model_validator(mode="after")
    def _calibration_is_told_all(self) -> Self:
        if self.grey_standards is None:
            if self.calibrate_by is not None:
                raise ValueError(f"calibrate_by needs grey_standards, got {self.calibrate_by!r} without it")
            return self
        if self.encoding is None:
            raise ValueError("encoding must be linear or srgb: required to calibrate, never guessed")
        if self.root is None:
            raise ValueError("grey_standards needs root: simulated specimens have no standards")
        return self

    @property
    def is_pair(self) -> bool:
        """Whether a capture is two files."""
        return self.rgb_suffix is not None or self.rgb_column is not None

    @property
    def shares_grid(self) -> bool:
        """Whether RGB and UV are meant to lie on one another: all but pairs that nobody registers."""
        return not (self.is_pair and self.registration == "off")

    @property
    def is_linear(self) -> bool:
        """Whether bands, once read, are proportional to light: not in photographs of unknown encoding."""
        return self.encoding is not None or not self.is_pair

    @property
    def band_layout(self) -> BandLayout:
        """The layout in force: as given, else a pair where suffixes are set, else the reference stack."""
        if isinstance(self.layout, BandLayout):
            return self.layout
        return LAYOUTS[self.layout or (PAIR if self.is_pair else "rgb_uv_mask")]


class RegistrationParams(ParamsModel):
    """The registration gate; defaults are measured (see docs/decisions)."""

    working_size_px: int = Field(256, ge=64)
    """Longest side of the overview and of the detail in which shifts are measured."""
    min_margin: float = 0.005
    """The score where UV lies must exceed the best score 2 or 4 px away by this."""
    min_corrected_margin: float = 0.02
    """The same once a shift was undone: that place was chosen because its score is high."""
    min_correction_px: float = Field(0.5, gt=0)
    """Shifts below this are left alone."""
    max_residual_px: float = Field(1.5, gt=0)
    """Largest shift that may be left between RGB and UV."""
    max_shift_px: float = Field(100.0, gt=0)
    """Largest shift that is looked for."""
    max_rotation_deg: float = Field(0.5, gt=0)
    """Largest turn of UV against RGB that passes."""
    max_scale_error: float = Field(0.004, gt=0)
    """Largest difference in size between RGB and UV that passes, as a share."""
    min_uv_snr: float = Field(1.5, gt=0)
    """Structure over noise, in blocks of 4 × 4 pixels, below which a modality is not judged; noise has 1."""
    rig: str | None = None
    """Label whose captures share a camera set-up and its transform, or `all`; null judges each by itself."""

    @field_validator("rig", mode="after")
    @classmethod
    def _names_column(cls, name: str | None) -> str | None:
        return None if name is None else column_name(name)


class QualityParams(ParamsModel):
    """When a capture is flagged, and when a data set is refused."""

    max_rejected_share: float = Field(0.2, ge=0, le=1)
    """Share of rejected captures above which the run stops after `ingest`."""
    max_saturated_share: float = Field(0.01, ge=0, le=1)
    """Share of a specimen's pixels at the top of a band's range above which it is flagged."""
    min_band_snr: float = Field(1.5, gt=0)
    """Structure over noise below which a band that follows no other counts as dead."""
    max_focus_ratio: float = Field(3.0, gt=1)
    """Between the sharper and the blurrier modality, of squared spatial frequency."""
    max_out_of_range_share: float = Field(0.01, ge=0, le=1)
    """Share of pixels below 0 or above 1 above which a capture is flagged."""
    n_jobs: int = Field(-1)
    """Worker processes for per-capture work; -1 uses every core."""


class SimulationParams(ParamsModel):
    """The simulated specimens used when `specimens.root` is null. Effects are in units of δ."""

    image_size_px: int = Field(96, ge=32)
    """Side of the square images."""
    n_per_sex: int = Field(10, ge=0)
    """Specimens per sex in each species with a planted trait; `male_share` shifts them between the sexes."""
    n_effect_species: int = Field(4, ge=0)
    """Species whose sex UV shows and RGB does not."""
    n_redundant_species: int = Field(1, ge=0)
    """Species whose sex RGB and UV both show, UV adding next to nothing."""
    n_rgb_only_species: int = Field(0, ge=0)
    """Species whose sex RGB shows and UV does not; one morph."""
    n_leaking_species: int = Field(0, ge=0)
    """Species whose sex UV shows, and RGB in part."""
    n_pattern_species: int = Field(1, ge=0)
    """Species whose sex shows in where UV lies and in no band's mean or SD; one morph."""
    n_per_sex_pattern: int = Field(24, ge=0)
    """Specimens per sex in the pattern species."""
    n_plain_species: int = Field(2, ge=0)
    """Species with no sex difference and one morph."""
    n_per_sex_plain: int = Field(6, ge=0)
    """Specimens per sex in the plain species."""
    uv_effect: float = Field(3.5, ge=0)
    """δ of sex in UV: given RGB in the UV species, by itself in the leaking ones."""
    rgb_effect: float = Field(2.5, ge=0)
    """δ in RGB of what UV does not show: `morph`, and sex in the RGB-only species."""
    shared_effect: float = Field(2.5, ge=0)
    """δ of sex in RGB in the redundant species."""
    pattern_effect: float = Field(10.0, ge=0)
    """δ of sex in how much of the UV of two spots lies forward, in the pattern species."""
    male_share: float = Field(0.5, gt=0, lt=1)
    """Share of males among the specimens of a species."""
    repeat_share: float = Field(0.1, ge=0, le=1)
    """Share of specimens photographed twice."""
    max_shift_px: float = Field(4.0, ge=0)
    """Largest shift of UV against RGB in x and in y; every capture has one."""
    fault_count: int = Field(0, ge=0)
    """Captures of each planted fault."""
    seed: int = Field(0, ge=0)
    """Everything in the study follows from it and the other parameters."""


class IngestParams(ParamsModel):
    """What the nodes of `ingest` take."""

    specimens: SpecimensParams = SpecimensParams()
    """Where the captures are and how to read them."""
    registration: RegistrationParams = RegistrationParams()
    """The registration gate; defaults are measured (see docs/decisions)."""
    quality: QualityParams = QualityParams()
    """When a capture is flagged, and when a data set is refused."""
    simulation: SimulationParams = SimulationParams()
    """The simulated specimens used when `specimens.root` is null. Effects are in units of δ."""
