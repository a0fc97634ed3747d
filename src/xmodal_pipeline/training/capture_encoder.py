"""A trained model for captures at hand: files or arrays in, embeddings out."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.imaging.capture import Capture, CaptureFiles, Mask
from xmodal_pipeline.imaging.preparation import PreparedCapture, prepare_capture
from xmodal_pipeline.imaging.reading import read_capture
from xmodal_pipeline.imaging.recipe import Recipe
from xmodal_pipeline.imaging.registration import estimate_registration
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training.checkpoint import Checkpoint
from xmodal_pipeline.training.embedding import embed

File = str | Path
Embeddings = dict[str, NDArray[np.float32]]


def load_encoder(file: File) -> "CaptureEncoder":
    """Read a trained model.

    Args:
        file: a `checkpoint.safetensors` of this pipeline.

    Raises:
        ValueError: if it is none.
    """
    return CaptureEncoder(Checkpoint.from_file(Path(file)))


class CaptureEncoder:
    """Embeds captures as the study's own were: read, registered, cut out and standardised in the same way."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Take up a trained variant.

        Raises:
            RunStoppedError: if it does not say how its captures were read.
        """
        if checkpoint.config.recipe is None:
            raise RunStoppedError(
                "load_encoder: the checkpoint must say how its captures were read, got none of it from an "
                "earlier version; run 'kedro run --pipelines split', then '--pipelines train'"
            )
        self.checkpoint = checkpoint
        self._recipe: Recipe = checkpoint.config.recipe
        self._study = self._recipe.study()

    def embed(
        self,
        rgb: Any,
        uv: Any = None,
        mask: Any = None,
    ) -> Embeddings:
        """Features of one capture or, given lists, of many: those of the study's `embeddings` table.

        Args:
            rgb: array (3, height, width) in unit scale, linear where the study's are (`specimens.encoding`);
                or a file: the photograph, or the stack with all bands.
            uv: (UV bands, height, width) or a file likewise; None where `rgb` names stacks.
            mask: (height, width), positive on the specimen, of arrays; a pair of photographs that the study
                does not register takes (2, height, width), RGB's and UV's. None takes the whole frame.

        Returns:
            By `rgb`, `uv`, `joint`, as far as the model has them: (dim,) of one, (captures, dim) of many.

        Raises:
            RunStoppedError: if the arguments do not fit together, or the study's captures were not prepared
                one by one: by a shared rig, or by grey standards.
            CaptureRejected: if a file cannot be used, by its name and the reason.
        """
        is_one = _is_file(rgb) or getattr(rgb, "ndim", 4) == 3
        sides = [None if side is None else [side] if is_one else list(side) for side in (rgb, uv, mask)]
        count = len(sides[0] or [])
        if not count or any(side is not None and len(side) != count for side in sides):
            raise RunStoppedError(
                f"embed: rgb, uv and mask must have as many captures each, at least one, got "
                f"{[None if side is None else len(side) for side in sides]}; give one of each per capture"
            )
        filled = [side or [None] * count for side in sides]
        captures = [self._prepare(self._read(*one)) for one in zip(*filled, strict=True)]
        return self._embed(captures, is_one=is_one)

    def _read(self, rgb: Any, uv: Any, mask: Any) -> Capture:
        if not _is_file(rgb):
            return self._capture(rgb, uv, mask)
        if self._recipe.has_grey_standards:
            raise RunStoppedError(
                "embed: files of a study with grey standards must be calibrated by its own, got files; run "
                "'kedro run --pipelines apply', or give arrays of reflectance"
            )
        settings = self._recipe.settings
        is_pair = settings.is_pair
        if mask is not None or is_pair != _is_file(uv):
            needed = "a file of RGB and one of UV" if is_pair else "one file with all bands"
            raise RunStoppedError(
                f"embed: this model's captures must be {needed}, whose mask is '{settings.mask}', "
                f"got uv {type(uv).__name__} and mask {type(mask).__name__}; leave out the rest"
            )
        path = Path(str(rgb))
        files = CaptureFiles(path.stem, path.stem, path, Path(str(uv)) if is_pair else None)
        return read_capture(files, self._study)

    def _capture(self, rgb: Any, uv: Any, mask: Any) -> Capture:
        bands = np.asarray(rgb, np.float32), np.asarray([] if uv is None or _is_file(uv) else uv, np.float32)
        expected = len(self._recipe.rgb_bands), len(self._recipe.uv_bands)
        if any(one.ndim != 3 or len(one) != n for one, n in zip(bands, expected, strict=True)):
            raise RunStoppedError(
                f"embed: arrays must be ({expected[0]}, height, width) of {list(self._recipe.rgb_bands)} and "
                f"({expected[1]}, height, width) of {list(self._recipe.uv_bands)}, got {bands[0].shape} and "
                f"{bands[1].shape}; give bands first"
            )
        masks = _own_mask(mask, 0, bands[0].shape[1:]), _own_mask(mask, 1, bands[1].shape[1:])
        if not all(one.any() for one in masks) or not all(np.isfinite(one).all() for one in bands):
            raise RunStoppedError(
                "embed: every mask must hold a pixel, and every band finite numbers; look at this capture"
            )
        return Capture(*bands, *masks)

    def _prepare(self, capture: Capture) -> PreparedCapture:
        mode, params = self._recipe.settings.registration, self._recipe.registration
        if mode == "correct" and params.rig is not None:
            raise RunStoppedError(
                f"embed: captures must be registered one by one, got a model whose rigs ('{params.rig}') "
                "share a transform; run 'kedro run --pipelines apply'"
            )
        registration = None
        if mode == "correct":
            registration = estimate_registration(
                capture.rgb, capture.uv, capture.rgb_mask, params, correct=True
            )
        return prepare_capture(
            capture,
            registration,
            size=self.checkpoint.config.image_size,
            crop=self._recipe.crop,
            share_mask=self._study.shares_grid,
        )

    def _embed(self, captures: list[PreparedCapture], *, is_one: bool) -> Embeddings:
        config = self.checkpoint.config
        names = tuple(str(at) for at in range(len(captures)))
        rgb, uv, masks = (np.stack(arrays) for arrays in zip(*captures, strict=True))
        prepared = Prepared(
            rgb=rgb,
            uv=uv,
            masks=masks,
            capture_ids=names,
            specimen_ids=names,
            partitions=("given",) * len(names),
            statistics=config.channel_statistics(),
            rgb_bands=config.rgb_bands,
            uv_bands=config.uv_bands,
            is_calibrated=self._study.is_calibrated,
        )
        table = embed(self.checkpoint, prepared).embeddings
        vectors = {
            str(name): rows.filter(regex=r"^x\d+$").to_numpy(np.float32)
            for name, rows in table.groupby("modality", sort=False)
        }
        return {name: rows[0] if is_one else rows for name, rows in vectors.items()}


def _own_mask(mask: Any, at: int, shape: tuple[int, ...]) -> Mask:
    """The mask of RGB (0) or UV (1)."""
    if mask is None:
        return np.ones(shape, np.bool_)
    given = np.asarray(mask) > 0
    own: Mask = given[at] if given.ndim == 3 else given
    if own.shape != shape:
        raise RunStoppedError(
            f"embed: a mask must have the height and width of its bands {shape}, got {own.shape}; give "
            "(height, width), or one of each modality"
        )
    return own


def _is_file(value: object) -> bool:
    return isinstance(value, str | Path)
