"""How the captures of a study became what models see, in as much as it holds for any capture, anywhere."""

from pathlib import Path
from typing import Literal, Self

from xmodal_pipeline.imaging.study import ColourUnits, Study
from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.ingest import RegistrationParams, Scale, SpecimensParams

_OF_ANY_CAPTURE = ("layout", "scale", "registration", "rgb_suffix", "uv_suffix", "mask", "encoding")


class Recipe(ParamsModel):
    """Travels with a model, so that one capture can be prepared as those were that it learnt from."""

    settings: SpecimensParams
    """Of the study, without its folder, tables and labels."""
    scale: Scale
    colour_units: ColourUnits
    rgb_bands: tuple[str, ...]
    uv_bands: tuple[str, ...]
    registration: RegistrationParams
    crop: Literal["specimen", "frame"]
    has_grey_standards: bool
    """Whether lines of the study's own grey standards made counts into reflectance."""

    @classmethod
    def of_study(cls, study: Study, crop: Literal["specimen", "frame"]) -> Self:
        """What a study's captures have in common.

        Args:
            study: the study.
            crop: of `split`.
        """
        settings = study.settings
        kept = {name: getattr(settings, name) for name in _OF_ANY_CAPTURE}
        if settings.mask == "patches":
            kept |= {"patches": settings.patches}
        if settings.rgb_column is not None:  # two files, whatever they are called
            kept |= {"rgb_suffix": "_rgb", "uv_suffix": "_uv"}
        return cls(
            settings=SpecimensParams(**kept),
            scale=study.scale,
            colour_units=study.colour_units,
            rgb_bands=study.rgb_bands,
            uv_bands=study.uv_bands,
            registration=study.registration,
            crop=crop,
            has_grey_standards=settings.grey_standards is not None,
        )

    def study(self) -> Study:
        """A study that reads captures by this, wherever they lie."""
        return Study(
            root=Path(),
            is_simulated=False,
            settings=self.settings,
            scale=self.scale,
            colour_units=self.colour_units,
            rgb_bands=self.rgb_bands,
            uv_bands=self.uv_bands,
            registration=self.registration,
        )
