"""The array stores of a study: every accepted capture prepared once, in blocks, and their statistics."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from xmodal_pipeline.imaging.calibration import Calibration
from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.preparation import PreparedCapture, prepare_capture
from xmodal_pipeline.imaging.reading import read_capture
from xmodal_pipeline.imaging.registration import Registration, registration_of
from xmodal_pipeline.imaging.scale import resolve_scale
from xmodal_pipeline.params.ingest import Scale, SpecimensParams
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.specimens.calibrating import capture_calibrations
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.stores import ArrayStore, StoreBlock

_BLOCK = 256
"""Captures per block: bounds the memory, and is long enough to keep every worker busy."""


def prepare_stores(
    specimen_index: pd.DataFrame,
    registration_qa: pd.DataFrame,
    calibration: pd.DataFrame,
    root: Path,
    specimens: SpecimensParams,
    params: SplitParams,
    *,
    n_jobs: int,
) -> Iterator[tuple[StoreBlock, StoreBlock, StoreBlock]]:
    """Prepare every capture of the index, in its order.

    Yields:
        Blocks of RGB images (float16, (n, 3, S, S)), UV images (float16, (n, uv bands, S, S)) and
        masks (uint8, (n, 2, S, S): RGB's, then UV's).
    """
    files = capture_files(specimen_index, root)
    scale = resolve_scale(files, specimens)
    transforms = corrections(registration_qa)
    lines = capture_calibrations(calibration, specimen_index, specimens)
    total = len(files)
    with tqdm(total=total, desc="Preparing captures", unit="capture") as progress:
        for start in range(0, total, _BLOCK):
            block = files[start : start + _BLOCK]
            work = (
                delayed(_prepare)(
                    f, specimens, scale, lines.get(f.capture_id), transforms.get(f.capture_id), params
                )
                for f in block
            )
            prepared: list[PreparedCapture] = Parallel(n_jobs=n_jobs)(work)
            progress.update(len(block))
            ids = tuple(f.capture_id for f in block)
            rgb, uv, masks = (np.stack(arrays) for arrays in zip(*prepared, strict=True))
            yield tuple(StoreBlock(start, total, ids, array) for array in (rgb, uv, masks))  # type: ignore[misc]


def corrections(registration_qa: pd.DataFrame) -> dict[str, Registration]:
    """The transform of every capture whose registration is to be corrected, by capture."""
    corrected = registration_qa[registration_qa["status"] == "corrected"]
    return {row["capture_id"]: registration_of(row) for row in corrected.to_dict("records")}


def _prepare(
    files: CaptureFiles,
    specimens: SpecimensParams,
    scale: Scale,
    calibration: Calibration | None,
    registration: Registration | None,
    params: SplitParams,
) -> PreparedCapture:
    # Separate photographs that nobody registered have nothing but their own outline to go by.
    share_mask = not (specimens.is_pair and specimens.registration == "off")
    capture = read_capture(files, specimens, scale, calibration)
    return prepare_capture(
        capture, registration, size=params.image_size, crop=params.crop, share_mask=share_mask
    )


def channel_statistics(
    rgb_images: ArrayStore, uv_images: ArrayStore, masks: ArrayStore, is_train: np.ndarray
) -> dict[str, dict[str, list[float]]]:
    """Mean and standard deviation of every band over the foreground of the training captures.

    Args:
        rgb_images: (captures, 3, S, S), unit scale.
        uv_images: (captures, uv bands, S, S), unit scale.
        masks: (captures, 2, S, S).
        is_train: (captures,) bool.

    Returns:
        `{"rgb": {"mean": […], "sd": […]}, "uv": …}`, in unit scale.

    Raises:
        ValueError: if a band is constant over all training foreground.
    """
    rows = np.flatnonzero(is_train)
    stores = {"rgb": rgb_images, "uv": uv_images}
    return {
        name: _moments(name, store, masks, channel, rows)
        for channel, (name, store) in enumerate(stores.items())
    }


def _moments(
    name: str, images: ArrayStore, masks: ArrayStore, channel: int, rows: np.ndarray
) -> dict[str, list[float]]:
    n, total, squares = 0, np.zeros(images.shape[1]), np.zeros(images.shape[1])
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        inside = masks[block][:, channel].astype(bool)
        pixels = images[block].astype(np.float64).transpose(0, 2, 3, 1)[inside]
        n += len(pixels)
        total += pixels.sum(0)
        squares += (pixels**2).sum(0)
    mean = total / n
    sd = np.sqrt(np.maximum(squares / n - mean**2, 0))
    if (sd <= 0).any():
        raise ValueError(
            f"channel_statistics: every {name} band must vary over the training foreground, got sd "
            f"{sd.tolist()}; look for dead bands in quality_report"
        )
    return {"mean": mean.tolist(), "sd": sd.tolist()}
