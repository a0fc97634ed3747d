"""Every accepted capture as the models see it: arrays, who is in which partition, and band statistics."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.imaging.calibration import Calibration
from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.preparation import PreparedCapture, prepare_capture
from xmodal_pipeline.imaging.reading import read_capture
from xmodal_pipeline.imaging.recipe import Recipe
from xmodal_pipeline.imaging.registration import Registration
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.registered import corrections
from xmodal_pipeline.specimens.study_calibration import capture_calibrations
from xmodal_pipeline.specimens.workers import count_workers

Statistics = Mapping[str, Mapping[str, Sequence[float]]]
"""`{"rgb": {"mean": […], "sd": […]}, "uv": …}`, one number per band, in unit scale."""

_BLOCK = 256
"""Captures per block: bounds the memory, and is long enough to keep every worker busy."""
_FINGERPRINT_ROWS = 64


class Manifest(ParamsModel):
    """What stands beside the arrays; one entry per capture where it says so."""

    capture_ids: tuple[str, ...]
    specimen_ids: tuple[str, ...]
    """Per capture."""
    partitions: tuple[str, ...]
    """Per capture."""
    statistics: Statistics
    """Over the foreground of the training captures."""
    rgb_bands: tuple[str, ...]
    uv_bands: tuple[str, ...]
    is_calibrated: bool
    """As `Study.is_calibrated`."""
    recipe: Recipe | None = None
    """How the captures were read; None where they come from no files."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """All captures of a study, row by row in the order of `specimen_index`.

    The arrays are usually memory-mapped: cut rows out before computing.

    Raises:
        ValueError: if arrays and names differ in length, or bands and arrays in number.
    """

    rgb: NDArray[np.float16]
    """(captures, 3, side, side), unit scale, background 0."""
    uv: NDArray[np.float16]
    """(captures, UV bands, side, side), unit scale, background 0."""
    masks: NDArray[np.uint8]
    """(captures, 2, side, side), 0 or 1: RGB's mask, then UV's."""
    capture_ids: tuple[str, ...]
    specimen_ids: tuple[str, ...]
    partitions: tuple[str, ...]
    statistics: Statistics
    rgb_bands: tuple[str, ...]
    uv_bands: tuple[str, ...]
    is_calibrated: bool
    recipe: Recipe | None = None

    def __post_init__(self) -> None:
        rows = ("rgb", "uv", "masks", "capture_ids", "specimen_ids", "partitions")
        lengths = {name: len(getattr(self, name)) for name in rows}
        bands = (self.rgb.shape[1], self.uv.shape[1])
        if len(set(lengths.values())) > 1 or bands != (len(self.rgb_bands), len(self.uv_bands)):
            raise ValueError(
                f"prepared: every array must have a row per capture and a plane per band, got {lengths} and "
                f"{bands} planes for {len(self.rgb_bands)} and {len(self.uv_bands)} bands; make it again "
                "with 'kedro run --pipelines split'"
            )

    def __len__(self) -> int:
        return len(self.capture_ids)

    @property
    def image_size(self) -> int:
        """Side of the images, in pixels."""
        return int(self.rgb.shape[-1])

    @property
    def manifest(self) -> Manifest:
        """All but the arrays."""
        return Manifest(**{name: getattr(self, name) for name in Manifest.model_fields})

    def rows_of(self, partition: str) -> NDArray[np.int64]:
        """Rows of the captures in one partition."""
        return np.flatnonzero(np.asarray(self.partitions) == partition)

    def fingerprint(self) -> dict[str, Any]:
        """Numbers that change when the captures do: all names and partitions, and a sample of the pixels."""
        names = hashlib.sha256("\n".join([*self.capture_ids, *self.specimen_ids, *self.partitions]).encode())
        pixels = hashlib.sha256()
        for row in np.unique(np.linspace(0, len(self) - 1, _FINGERPRINT_ROWS).astype(int)):
            for array in (self.rgb, self.uv, self.masks):
                pixels.update(np.ascontiguousarray(array[row]).tobytes())
        return {"captures": len(self), "names": names.hexdigest(), "pixels": pixels.hexdigest()}


@dataclass(frozen=True, eq=False)
class PreparedBlock:
    """Consecutive rows of `Prepared` that is being made; the last block brings the manifest."""

    rgb: NDArray[np.float16]
    uv: NDArray[np.float16]
    masks: NDArray[np.uint8]
    manifest: Manifest | None = None


@dataclass(frozen=True, eq=False)
class PreparedBlocks:
    """What `Prepared` will be: its sizes, and its blocks in row order, made while someone iterates."""

    shapes: Mapping[str, tuple[int, ...]]
    """Of `rgb`, `uv` and `masks`, over all blocks."""
    make: Callable[[], Iterator[PreparedBlock]]

    def __iter__(self) -> Iterator[PreparedBlock]:
        return self.make()


def prepare_captures(
    study: Study,
    specimen_index: pd.DataFrame,
    partitions: pd.DataFrame,
    registration_qa: pd.DataFrame,
    calibration: pd.DataFrame,
    params: SplitParams,
    *,
    n_jobs: int,
    statistics: Statistics | None = None,
) -> PreparedBlocks:
    """Register, cut out, mask and resize every capture of the index, in its order.

    Args:
        study: how the captures are read.
        specimen_index: the accepted captures.
        partitions: specimen_id, partition.
        registration_qa: says which captures are to be corrected.
        calibration: the lines of the study; empty without grey standards.
        params: size and crop.
        n_jobs: worker processes.
        statistics: of other captures, to be used instead of those of the training partition.

    Raises:
        RunStoppedError: if a specimen has no partition, or, while the blocks are made, a band is constant
            over all training foreground.
    """
    assigned = _partition_of_captures(specimen_index, partitions)
    files = capture_files(specimen_index, study.root)
    transforms = corrections(registration_qa)
    lines = capture_calibrations(calibration, specimen_index, study)
    works = [
        delayed(_prepare)(one, study, lines.get(one.capture_id), transforms.get(one.capture_id), params)
        for one in files
    ]
    names = {
        "capture_ids": tuple(one.capture_id for one in files),
        "specimen_ids": tuple(one.specimen_id for one in files),
        "partitions": assigned,
        "rgb_bands": study.rgb_bands,
        "uv_bands": study.uv_bands,
        "is_calibrated": study.is_calibrated,
        "recipe": Recipe.of_study(study, params.crop),
    }
    side = (params.image_size, params.image_size)
    planes = {"rgb": len(study.rgb_bands), "uv": len(study.uv_bands), "masks": 2}
    return PreparedBlocks(
        {name: (len(files), count, *side) for name, count in planes.items()},
        lambda: _make_blocks(works, names, statistics, count_workers(files, study.settings, n_jobs)),
    )


def _make_blocks(
    works: Sequence[Any], names: dict[str, Any], statistics: Statistics | None, n_jobs: int
) -> Iterator[PreparedBlock]:
    sums, total = ChannelSums(), len(works)
    with tqdm(total=total, desc="Preparing captures", unit="capture") as progress:
        for start in range(0, total, _BLOCK):
            captures: list[PreparedCapture] = Parallel(n_jobs=n_jobs)(works[start : start + _BLOCK])
            progress.update(len(captures))
            if statistics is None:
                trained = names["partitions"][start : start + _BLOCK]
                sums.add(one for one, part in zip(captures, trained, strict=True) if part == "train")
            manifest = None
            if start + len(captures) == total:
                manifest = Manifest(statistics=statistics or sums.statistics(), **names)
            rgb, uv, masks = (np.stack(arrays) for arrays in zip(*captures, strict=True))
            yield PreparedBlock(rgb, uv, masks, manifest)


def _partition_of_captures(specimen_index: pd.DataFrame, partitions: pd.DataFrame) -> tuple[str, ...]:
    assigned = specimen_index["specimen_id"].map(partitions.set_index("specimen_id")["partition"])
    if assigned.isna().any():
        raise RunStoppedError(
            f"split: every specimen must have a partition, got none for "
            f"'{specimen_index['specimen_id'][assigned.isna()].iloc[0]}'; run 'kedro run --pipelines split' "
            "again"
        )
    return tuple(assigned)


def _prepare(
    files: CaptureFiles,
    study: Study,
    calibration: Calibration | None,
    registration: Registration | None,
    params: SplitParams,
) -> PreparedCapture:
    # Separate photographs that nobody registered have nothing but their own outline to go by.
    return prepare_capture(
        read_capture(files, study, calibration),
        registration,
        size=params.image_size,
        crop=params.crop,
        share_mask=study.shares_grid,
    )


def channel_statistics(captures: Iterable[PreparedCapture]) -> Statistics:
    """Mean and standard deviation of every band over the foreground of some captures.

    Raises:
        RunStoppedError: if a band is constant over all of it.
    """
    sums = ChannelSums()
    sums.add(captures)
    return sums.statistics()


class ChannelSums:
    """Sums over the foreground of captures, added up in blocks of one size however the captures come.

    The last bits of a floating-point sum depend on what is added to what first.
    """

    def __init__(self) -> None:
        self._waiting: list[PreparedCapture] = []
        self._sums: dict[str, tuple[int, Any, Any]] = {"rgb": (0, 0.0, 0.0), "uv": (0, 0.0, 0.0)}

    def add(self, captures: Iterable[PreparedCapture]) -> None:
        """Take some captures in."""
        for one in captures:
            self._waiting.append(one)
            if len(self._waiting) == _BLOCK:
                self._add_waiting()

    def _add_waiting(self) -> None:
        rgb, uv, masks = (np.stack(arrays) for arrays in zip(*self._waiting, strict=True))
        self._waiting.clear()
        for channel, (name, images) in enumerate((("rgb", rgb), ("uv", uv))):
            pixels = images.astype(np.float64).transpose(0, 2, 3, 1)[masks[:, channel].astype(bool)]
            n, total, squares = self._sums[name]
            self._sums[name] = (n + len(pixels), total + pixels.sum(0), squares + (pixels**2).sum(0))

    def statistics(self) -> Statistics:
        """Mean and standard deviation of every band, in unit scale.

        Raises:
            RunStoppedError: if a band is constant.
        """
        if self._waiting:
            self._add_waiting()
        return {name: _moments(name, *sums) for name, sums in self._sums.items()}


def _moments(name: str, n: int, total: Any, squares: Any) -> dict[str, list[float]]:
    mean = total / n
    sd = np.sqrt(np.maximum(squares / n - mean**2, 0))
    if (sd <= 0).any():
        raise RunStoppedError(
            f"channel_statistics: every {name} band must vary over the training foreground, got sd "
            f"{sd.tolist()}; look for dead bands in quality_report"
        )
    return {"mean": mean.tolist(), "sd": sd.tolist()}
