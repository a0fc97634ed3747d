"""Training of heads on a frozen trunk: a few views of every capture are encoded once, and then read."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from xmodal_pipeline.augmentation import Batch
from xmodal_pipeline.models import ModelOutput
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training.batches import read_batch
from xmodal_pipeline.training.config import FitConfig
from xmodal_pipeline.training.module import ContrastiveTraining

VIEWS = 8
"""Of a training capture: each epoch compares two of them, 28 pairs in all."""
_PAIR_STREAM = 4
"""Last word of the seed of the generator that chooses the two."""
_ENCODED_AT_ONCE = 64
Encoded = dict[str, Tensor]
"""What `Fusion.encode` gives."""


class RowNumbers(Dataset[Tensor]):
    """The rows of a batch alone: what belongs to them is encoded already."""

    def __getitem__(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(rows)


class ViewCache:
    """Encodings of views of some captures, in half precision, on disk."""

    def __init__(self, folder: Path, rows: NDArray[np.int64], views: int) -> None:
        """Prepare an empty cache.

        Args:
            folder: for the files; must be empty or missing.
            rows: of the captures in `Prepared`.
            views: of each capture.
        """
        folder.mkdir(parents=True)
        self._folder, self._rows, self._views = folder, rows, views
        self._place = {row: place for place, row in enumerate(rows.tolist())}
        self._arrays: dict[str, NDArray[np.float16]] = {}

    def put(self, places: slice, view: int, encoded: Encoded) -> None:
        """Keep the encodings of one view.

        Args:
            places: of the captures, among the rows of this cache.
            view: which of their views.
            encoded: by name, (captures, …).

        Raises:
            ValueError: if a number does not fit half precision.
        """
        for name, values in encoded.items():
            stored = values.half().cpu().numpy()
            if not np.isfinite(stored).all():
                raise ValueError(
                    f"training.trunk: frozen features must lie within ±65504, got {name} features beyond; "
                    "use other weights, or trunk: lora"
                )
            if name not in self._arrays:
                shape = (len(self._rows), self._views, *stored.shape[1:])
                self._arrays[name] = np.lib.format.open_memmap(
                    self._folder / f"{name}.npy", mode="w+", dtype=np.float16, shape=shape
                )
            self._arrays[name][places, view] = stored

    def two_views(self, seed: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Two different views of every capture, drawn from a seed."""
        order = np.random.default_rng(seed).random((len(self._rows), self._views)).argsort(axis=1)
        return order[:, 0], order[:, 1]

    def read(self, rows: Tensor, views: NDArray[np.int64] | int) -> Encoded:
        """Encodings of one view of each row.

        Args:
            rows: (captures,) rows in `Prepared`, on any device; the result is there too.
            views: the view of each place of this cache, or one for all.
        """
        places = np.array([self._place[row] for row in rows.tolist()])
        chosen = views if isinstance(views, int) else views[places]
        return {
            name: torch.from_numpy(array[places, chosen].astype(np.float32)).to(rows.device)
            for name, array in self._arrays.items()
        }


class FrozenTraining(ContrastiveTraining):
    """Heads and fusion learn from encodings; the encoders run once, in evaluation mode, before that."""

    def __init__(self, config: FitConfig, *, batches_per_epoch: int, folder: Path) -> None:
        """Build model, loss and views.

        Args:
            config: the run.
            batches_per_epoch: number of batches of one epoch.
            folder: for the encodings; deleted when training ends.
        """
        super().__init__(config, batches_per_epoch=batches_per_epoch)
        self._folder = folder
        self._prepared: Prepared | None = None
        self._caches: dict[str, ViewCache] = {}

    def source(self, prepared: Prepared) -> Dataset[Any]:
        """Row numbers; the captures are remembered until they are encoded."""
        self._prepared = prepared
        return RowNumbers()

    def on_fit_start(self) -> None:
        """Encode every view that training and validation will compare."""
        if self._prepared is None:
            raise RuntimeError("FrozenTraining: source must be called before training, got no captures")
        shutil.rmtree(self._folder, ignore_errors=True)
        self.model.eval()
        for partition, views in (("train", VIEWS), ("validation", 2)):
            rows = self._prepared.rows_of(partition)
            self._caches[partition] = cache = ViewCache(self._folder / partition, rows, views)
            for start in range(0, len(rows), _ENCODED_AT_ONCE):
                places = slice(start, start + _ENCODED_AT_ONCE)
                batch = read_batch(self._prepared, rows[places])
                self._encode_into(cache, places, Batch(*(field.to(self.device) for field in batch)))
        self.model.train()

    @torch.no_grad()
    def _encode_into(self, cache: ViewCache, places: slice, batch: Batch) -> None:
        is_trained = cache is self._caches.get("train")
        seed = self.config.training.seed
        for pair in range(VIEWS // 2 if is_trained else 1):
            views = (
                self.views.training_views(batch, seed=seed, epoch=pair)
                if is_trained
                else self.validation_views(batch.as_float())
            )
            for side, view in enumerate(views):
                laid_out = self._laid_out(view.rgb), self._laid_out(view.uv)
                cache.put(places, 2 * pair + side, self.model.fusion.encode(*laid_out))

    def on_fit_end(self) -> None:
        """Delete the encodings."""
        self._caches = {}
        shutil.rmtree(self._folder, ignore_errors=True)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Encodings of two views of the rows: any two in training, the two warped ones in validation."""
        if not self.trainer.training:
            return self._caches["validation"].read(batch, 0), self._caches["validation"].read(batch, 1)
        cache = self._caches["train"]
        first, second = cache.two_views([self.config.training.seed, self.current_epoch, _PAIR_STREAM])
        return cache.read(batch, first), cache.read(batch, second)

    def encode_views(self, views: Any) -> ModelOutput:
        """Both views of the captures as one batch, the first view's rows first."""
        first, second = views
        return self._fuse({name: torch.cat([first[name], second[name]]) for name in first})

    def project_validation(self, views: Any) -> tuple[Tensor, Tensor]:
        """Projections of RGB in one warped view and UV in the other; a baseline's of both views."""
        first, second = views
        if len(self.model.modalities) == 1:
            name = self.model.modalities[0]
            return self._fuse(first).projections[name], self._fuse(second).projections[name]
        projections = self._fuse({**first, "uv": second["uv"]}).projections
        return projections["rgb"], projections["uv"]

    def _fuse(self, encoded: Encoded) -> ModelOutput:
        return self.model.project(self.model.fusion.combine(encoded, alone=self.model.unimodal_joint))
