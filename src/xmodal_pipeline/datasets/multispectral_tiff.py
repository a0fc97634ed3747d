"""Multispectral TIFF files: every band with its name, in any layout in, one layout out."""

import base64
import io
import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import numpy as np
from kedro.io.core import (
    AbstractVersionedDataset,
    DatasetError,
    Version,
    get_filepath_str,
    get_protocol_and_path,
)
from kedro_datasets._typing import ImagePreview
from numpy.typing import NDArray
from PIL import Image

from xmodal_pipeline.imaging.labels import recognise_band
from xmodal_pipeline.imaging.tiff import MultispectralImage, read_stack, write_canonical, write_imagej
from xmodal_pipeline.saving import replace_file

_BAND_COUNTS = range(2, 17)
"""What counts as a band axis; a longer one needs `load_args`."""
_WRITERS: dict[str, Callable[..., None]] = {"samples": write_canonical, "imagej": write_imagej}
_TILE_PX = 160
_COLOURS = (("R", "G", "B"), ("vR", "vG", "vB"))
_BRIGHT = 99.5


class MultispectralTIFFDataset(AbstractVersionedDataset[MultispectralImage, MultispectralImage]):
    """``MultispectralTIFFDataset`` loads and saves TIFF files with any number of named bands.

    It loads bands stored as pages, samples or planes, tiled or compressed, BigTIFF, ImageJ and OME, in
    their own data type, and their names from ImageJ slice labels, OME channel names or GDAL band
    descriptions. It saves one page of contiguous samples with GDAL band descriptions, which tifffile,
    rasterio and Bio-Formats open whole; or an ImageJ hyperstack, which File > Open of Fiji shows. A save
    that fails leaves the earlier local file as it was; on other file systems that is as they keep it.

    Examples:
        Using the [YAML API](https://docs.kedro.org/en/stable/catalog-data/data_catalog_yaml_examples/):

        ```yaml
        wing:
          type: xmodal_pipeline.datasets.multispectral_tiff.MultispectralTIFFDataset
          filepath: data/01_raw/wing.tif
          load_args:
            band_counts: [7]
          save_args:
            compression: zstd

        wings:
          type: partitions.PartitionedDataset
          path: data/01_raw/wings
          filename_suffix: .tif
          dataset:
            type: xmodal_pipeline.datasets.multispectral_tiff.MultispectralTIFFDataset
        ```

        Using the [Python API](https://docs.kedro.org/en/stable/catalog-data/advanced_data_catalog_usage/):

        >>> import numpy as np
        >>> from xmodal_pipeline.datasets.multispectral_tiff import MultispectralTIFFDataset
        >>> from xmodal_pipeline.imaging.tiff import MultispectralImage
        >>>
        >>> image = MultispectralImage(np.ones((4, 20, 30), "uint16"), ("R", "G", "B", "UV"))
        >>> dataset = MultispectralTIFFDataset(filepath=tmp_path / "wing.tif")
        >>> dataset.save(image)
        >>> dataset.load().names
        ('R', 'G', 'B', 'UV')
        >>> dataset.load().bands.shape
        (4, 20, 30)

    """

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Creates a new instance of ``MultispectralTIFFDataset``.

        Args:
            filepath: Path of the file, with a protocol such as `s3://` where it is not local.
            load_args: `band_counts`, how many bands the file may have (default 2 to 16). It tells the
                band axis apart where the file does not.
            save_args: `layout`, `samples` (default) or `imagej`; of samples `compression`, as tifffile names
                it (default `adobe_deflate`).
            version: The version to load and save, if the dataset is versioned.
            credentials: For the file system, such as `{"key": …, "secret": …}`.
            fs_args: Further arguments of the file system.
            metadata: Ignored by Kedro; may be consumed by plugins.
        """
        file_system_args = deepcopy(fs_args) or {}
        protocol, path = get_protocol_and_path(filepath, version)
        if protocol == "file":
            file_system_args.setdefault("auto_mkdir", True)
        self._protocol = protocol
        self._fs = fsspec.filesystem(protocol, **(deepcopy(credentials) or {}), **file_system_args)
        self._load_args = {"band_counts": _BAND_COUNTS, **(load_args or {})}
        self._save_args = {"layout": "samples", **(save_args or {})}
        if self._save_args["layout"] not in _WRITERS:
            raise DatasetError(
                f"{type(self).__name__}: save_args.layout must be among {', '.join(_WRITERS)}, got "
                f"'{self._save_args['layout']}'"
            )
        self.metadata = metadata
        super().__init__(
            filepath=PurePosixPath(path),
            version=version,
            exists_function=self._fs.exists,
            glob_function=self._fs.glob,
        )

    def load(self) -> MultispectralImage:
        """Read every band; bands without a name are called `band 1`, `band 2` and so on."""
        path = get_filepath_str(self._get_load_path(), self._protocol)
        with self._fs.open(path, "rb") as file:
            stack = read_stack(Path(path), file=file, **self._load_args)
        names = stack.labels or tuple(f"band {at}" for at in range(1, len(stack.bands) + 1))
        return MultispectralImage(stack.bands, names)

    def save(self, data: MultispectralImage) -> None:
        """Write the file whole or not at all."""
        content = io.BytesIO()  # remote files cannot be sought in, which TIFF needs
        more = {name: value for name, value in self._save_args.items() if name != "layout"}
        _WRITERS[self._save_args["layout"]](content, data.bands, data.names, **more)
        path = get_filepath_str(self._get_save_path(), self._protocol)
        if self._protocol == "file":
            with replace_file(Path(path)) as partial:
                partial.write_bytes(content.getvalue())
        else:
            self._fs.pipe_file(path, content.getvalue())
        self._invalidate_cache()

    def preview(self) -> ImagePreview:
        """Draw every band for Kedro-Viz, side by side; R, G and B, where named, as one colour picture.

        Each picture is stretched from 0 to its own bright end: it shows pattern, not amount.
        """
        image = self.load()
        tiles = [_tile(planes) for planes in _pictures(image)]
        sheet = Image.fromarray(np.concatenate(tiles, axis=1))
        content = io.BytesIO()
        sheet.save(content, "PNG")
        return ImagePreview(base64.b64encode(content.getvalue()).decode("ascii"))

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": self._filepath,
            "protocol": self._protocol,
            "load_args": self._load_args,
            "save_args": self._save_args,
            "version": self._version,
        }

    def _exists(self) -> bool:
        try:
            path = get_filepath_str(self._get_load_path(), self._protocol)
        except DatasetError:  # a versioned dataset without any version
            return False
        return bool(self._fs.exists(path))

    def _release(self) -> None:
        super()._release()
        self._invalidate_cache()

    def _invalidate_cache(self) -> None:
        self._fs.invalidate_cache(get_filepath_str(self._filepath, self._protocol))


def _pictures(image: MultispectralImage) -> list[NDArray[Any]]:
    """(1 or 3, height, width) of each picture in the preview."""
    rest = list(range(len(image.bands)))
    pictures = []
    for colours in _COLOURS:
        found = [recognise_band(name, colours) for name in image.names]
        if set(colours) <= set(found):
            at = [found.index(colour) for colour in colours]
            pictures.append(image.bands[at])
            rest = [band for band in rest if band not in at]
            break
    return pictures + [image.bands[band : band + 1] for band in rest]


def _tile(planes: NDArray[Any]) -> NDArray[np.uint8]:
    """(height, width, 3) of one picture, thinned out to the size of a preview."""
    step = -(-max(planes.shape[1:]) // _TILE_PX)
    thin = planes[:, ::step, ::step].astype(np.float64)
    bright = float(np.percentile(thin, _BRIGHT))
    top = bright if bright > 0 else float(thin.max()) or 1.0
    grey = (np.clip(thin / top, 0, 1) * 255).astype(np.uint8)
    return np.broadcast_to(np.moveaxis(grey, 0, -1), (*grey.shape[1:], 3))
