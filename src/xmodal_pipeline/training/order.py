"""What a training process started by torchrun is told: the run, and where its captures lie."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.specimens.prepared import Manifest, Prepared
from xmodal_pipeline.training.config import FitConfig

ORDER_FILE = "order.json"


class Order(ParamsModel):
    """One run, as its processes read it from a folder that all of them see."""

    config: FitConfig
    identity: dict[str, Any]
    """What the saved state is compared with when the run is taken up again."""
    state: Path
    save_every_s: float
    arrays: dict[str, Path]
    """NPY files by `rgb`, `uv`, `masks`."""
    manifest: Manifest

    def prepared(self) -> Prepared:
        """The captures, memory-mapped."""
        arrays = {
            name: np.load(file, mmap_mode="r", allow_pickle=False) for name, file in self.arrays.items()
        }
        return Prepared(**arrays, **dict(self.manifest))

    def write(self, folder: Path) -> None:
        """Leave the order in a folder."""
        (folder / ORDER_FILE).write_text(self.model_dump_json())

    @classmethod
    def read(cls, folder: Path) -> "Order":
        """The order that `write` left."""
        return cls.model_validate_json((folder / ORDER_FILE).read_text())


def array_files(prepared: Prepared, folder: Path) -> dict[str, Path]:
    """The NPY file behind each array; one that is not a whole file on disk is written into `folder`."""
    arrays: dict[str, NDArray[Any]] = {"rgb": prepared.rgb, "uv": prepared.uv, "masks": prepared.masks}
    files = {name: _mapped_file(array) for name, array in arrays.items()}
    for name, array in arrays.items():
        if files[name] is None:
            np.save(folder / f"{name}.npy", array)
    return {name: file or folder / f"{name}.npy" for name, file in files.items()}


def _mapped_file(array: NDArray[Any]) -> Path | None:
    if not isinstance(array, np.memmap) or array.filename is None:
        return None
    file = Path(array.filename)
    whole = np.load(file, mmap_mode="r", allow_pickle=False)
    is_whole = (array.shape, array.strides, array.dtype) == (whole.shape, whole.strides, whole.dtype)
    return file if is_whole else None
