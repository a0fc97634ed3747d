"""What a study is: where its captures lie, how they are read, and what was decided about all of them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from xmodal_pipeline.errors import CaptureRejected, ParametersError
from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.photograph import count_bands
from xmodal_pipeline.imaging.scale import resolve_scale, sample_captures
from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.ingest import PAIR, BandLayout, RegistrationParams, Scale, SpecimensParams

ColourUnits = Literal["reflectance", "relative", "uncalibrated"]


class Study(ParamsModel):
    """One specimen folder, decided once by `ingest`; every later stage takes it as it is."""

    root: Path
    """Folder that file names are relative to."""
    is_simulated: bool
    settings: SpecimensParams
    """As they were when the captures were read."""
    scale: Scale
    """What the numbers in the files are."""
    colour_units: ColourUnits
    """What the numbers are once a capture is read."""
    rgb_bands: tuple[str, ...]
    uv_bands: tuple[str, ...]
    """As many as the files have, in the layout's order."""
    registration: RegistrationParams = RegistrationParams()
    """The gate that judged how UV lies on RGB."""

    @property
    def layout(self) -> BandLayout:
        """The layout in force."""
        return self.settings.band_layout

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands of both modalities, RGB first."""
        return (*self.rgb_bands, *self.uv_bands)

    @property
    def shares_grid(self) -> bool:
        """Whether RGB and UV are meant to lie on one another: all but pairs that nobody registers."""
        return self.settings.shares_grid

    @property
    def is_linear(self) -> bool:
        """Whether bands, once read, are proportional to light."""
        return self.settings.is_linear

    @property
    def is_calibrated(self) -> bool:
        """Whether ratios between captures mean something: of reflectance, and of relative values."""
        return self.colour_units != "uncalibrated"

    @property
    def label(self) -> str | None:
        """The label that the study is about; None for all."""
        return self.settings.label

    @property
    def confounders(self) -> tuple[str, ...]:
        """Labels that may go together with the one of interest."""
        return self.settings.confounders


def open_study(
    root: Path, settings: SpecimensParams, files: Sequence[CaptureFiles], *, is_simulated: bool = False
) -> Study:
    """Decide what holds for all captures of a folder: scale, colour units and bands.

    Args:
        root: folder that the file names are relative to.
        settings: how the files are read; `scale` may be `auto`.
        files: every capture of the study.
        is_simulated: whether the captures come from the simulation, whose white is known.

    Raises:
        ParametersError: if `auto` cannot tell the scale, or the masks are to come from a band that the layout
            has not; not where no capture can be read, which has a cause of its own.
    """
    scale = resolve_scale(files, settings)
    layout = settings.band_layout
    if settings.mask == "band" and layout.mask is None and any(sample_captures(files, settings)):
        raise ParametersError(
            f"specimens.mask: must be {'alpha, ' if settings.is_pair else ''}white_background, patches or "
            f"none (the whole frame) for layout '{layout.name}', which has no mask band, got band; set "
            "specimens.mask"
        )
    return Study(
        root=root,
        is_simulated=is_simulated,
        settings=settings,
        scale=scale,
        colour_units=_colour_units(settings, scale, is_simulated=is_simulated),
        rgb_bands=layout.rgb,
        uv_bands=_uv_bands(files, settings),
    )


def _colour_units(settings: SpecimensParams, scale: Scale, *, is_simulated: bool) -> ColourUnits:
    """What the numbers are: reflectance only through grey standards, or where the user says so of the files.

    Simulated captures are white-balanced at one exposure, but for the drift between sessions: relative.
    """
    if is_simulated:
        return "relative"
    if settings.grey_standards is not None:
        return "reflectance"
    if scale in ("percent", "unit"):
        return "relative" if settings.scale == "auto" else "reflectance"
    return "uncalibrated"


def _uv_bands(files: Sequence[CaptureFiles], settings: SpecimensParams) -> tuple[str, ...]:
    """The layout's; of a pair as many as most UV photographs have, and the more where it is a draw."""
    layout = settings.band_layout
    if layout.name != PAIR:
        return layout.uv
    counts: Counter[int] = Counter()
    possible = range(1, len(layout.uv) + 1)
    for one in files:
        if one.uv_path is not None and one.uv_path.is_file():
            try:
                counts[count_bands(one.uv_path, possible, limits=settings.limits)] += 1
            except CaptureRejected:
                continue  # the examination says why
    usual = max(possible, key=lambda n_bands: (counts[n_bands], n_bands))
    return layout.uv[:usual]
