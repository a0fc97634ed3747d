"""The readers as functions of bytes, which may end in the reader's own refusal and in nothing else."""

import io
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from roifile import ROI_TYPE, ImagejRoi

from xmodal_pipeline.errors import CaptureRejected
from xmodal_pipeline.imaging.patches import PatchesError, read_patches
from xmodal_pipeline.imaging.photograph import read_header, read_photograph
from xmodal_pipeline.imaging.tiff import read_stack, read_stack_header
from xmodal_pipeline.params.ingest import LimitParams, SpecimensParams
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.params.variants import SeparateParams
from xmodal_pipeline.specimens.metadata import clean_labels, read_metadata
from xmodal_pipeline.specimens.tree import read_tips

MEMORY = Path("/dev/shm")
"""Where files cost least, where there is such a place."""
FRAME = (24, 30)
LIMITS = LimitParams(max_megapixels=4, max_gigabytes=0.05)
"""Small, so that an input which passes them is quick."""


@dataclass(frozen=True)
class Target:
    """One reader."""

    read: Callable[[Path], object]
    refuses: tuple[type[Exception], ...]
    """What it may raise."""
    ending: str
    seeds: Callable[[], Sequence[bytes]]


@contextmanager
def scratch(ending: str) -> Iterator[Path]:
    """A file that each input is written to."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder) / f"a{ending}"


def feed(target: Target, path: Path, content: bytes) -> bool:
    """Whether the reader accepts; any other error than its own passes through."""
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoders warn of what they then refuse
        try:
            target.read(path)
        except target.refuses:
            return False
    return True


def _read_tiff(path: Path) -> None:
    for read in (read_stack_header, read_stack):
        read(path, (7,), limits=LIMITS)


def _read_picture(path: Path) -> None:
    read_header(path, (1, 2, 3, 4), limits=LIMITS)
    read_photograph(path, (1, 2, 3), limits=LIMITS)


def _read_regions(path: Path) -> None:
    read_patches(path.with_name("a.tif"), "roi", FRAME)


def _read_labels(path: Path) -> None:
    read_patches(path.with_name(path.name.replace("_labels", "")), "labels", FRAME, limits=LIMITS)


def _read_table(path: Path) -> None:
    settings = SpecimensParams()
    clean_labels(read_metadata(path, settings), settings)


def _read_checkpoint(path: Path) -> None:
    from xmodal_pipeline.training.checkpoint import Checkpoint

    Checkpoint.from_file(path)


def _scene(n_bands: int) -> np.ndarray:
    steps = np.random.default_rng(0).random((n_bands, *FRAME))
    return (np.cumsum(steps, axis=-1) * 1500).astype(np.uint16)


def _tiff(bands: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, bands, **options)
    return stream.getvalue()


def _tiff_seeds() -> Sequence[bytes]:
    bands, names = _scene(7), ["R", "G", "B", "UV1", "UV2", "UV3", "mask"]
    plain = {"photometric": "minisblack"}
    return [
        _tiff(bands, **plain),
        _tiff(bands, **plain, planarconfig="separate", compression="deflate", metadata=None),
        _tiff(bands, **plain, planarconfig="separate", compression="lzw", tile=(16, 16)),
        _tiff(np.moveaxis(bands, 0, -1), **plain, planarconfig="contig", compression="zstd", predictor=True),
        _tiff(bands, imagej=True, metadata={"axes": "CYX", "Labels": names}),
        _tiff(bands, ome=True, metadata={"axes": "CYX", "Channel": {"Name": names}}),
        _tiff(bands.astype(np.float32), **plain, bigtiff=True, byteorder=">", compression="packbits"),
        _tiff(bands > 9000, **plain),
    ]


def _picture_seeds() -> Sequence[bytes]:
    colours = (np.moveaxis(_scene(3), 0, -1) >> 8).astype(np.uint8)
    seeds = [_tiff(colours, photometric="rgb", compression="jpeg")]
    for mode, kind, options in [
        ("RGB", "JPEG", {}),
        (
            "RGB",
            "JPEG",
            {"progressive": True, "exif": b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0"},
        ),
        ("L", "JPEG", {}),
        ("RGB", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("LA", "PNG", {}),
        ("P", "PNG", {"transparency": 0}),
        ("1", "PNG", {}),
        ("I;16", "PNG", {}),
    ]:
        stream = io.BytesIO()
        image = Image.fromarray(_scene(1)[0]) if mode == "I;16" else Image.fromarray(colours).convert(mode)
        image.save(stream, kind, **options)
        seeds.append(stream.getvalue())
    return seeds


def _region_seeds() -> Sequence[bytes]:
    outline = np.array([[2, 2], [20, 3], [18, 15]])
    regions = []
    for kind in (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.RECT, ROI_TYPE.OVAL):
        region = ImagejRoi.frompoints(outline, name=kind.name)
        region.roitype = kind
        regions.append(region.tobytes())
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for number, region in enumerate(regions):
            file.writestr(f"{number}.roi", region)
    return [archive.getvalue(), *regions]


def _label_seeds() -> Sequence[bytes]:
    labels = (_scene(1)[0] % 3).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(labels).save(stream, "PNG")
    return [stream.getvalue()]


def _checkpoint_seeds() -> Sequence[bytes]:
    import torch
    from safetensors.torch import save

    from xmodal_pipeline.training import BandStatistics, Checkpoint, FitConfig

    config = FitConfig(
        name="separate",
        variant=SeparateParams(),
        training=TrainingParams(),
        loss=LossParams(),
        augmentation=AugmentationParams(),
        photometry="uncalibrated",
        rgb_bands=("red", "green", "blue"),
        uv_bands=("long", "short"),
        image_size=32,
        statistics={
            "rgb": BandStatistics(mean=(0.4,) * 3, sd=(0.2,) * 3),
            "uv": BandStatistics(mean=(0.4,) * 2, sd=(0.2,) * 2),
        },
    )
    tensors = {"rgb.weight": torch.zeros(2, 3), "bias": torch.zeros(2, dtype=torch.float16)}
    with scratch(".safetensors") as path:
        Checkpoint(tensors, config).to_file(path)
        return [path.read_bytes(), save(tensors)]


def _texts(*texts: str) -> Callable[[], Sequence[bytes]]:
    return lambda: [text.encode() for text in texts]


TABLE = "filename,specimen_id,sex,Date\na.tif,a,m,2024-01-01\nb.tif,b,female,NA\n"
TARGETS = {
    "tiff": Target(_read_tiff, (CaptureRejected,), ".tif", _tiff_seeds),
    "picture": Target(_read_picture, (CaptureRejected,), ".png", _picture_seeds),
    "regions": Target(_read_regions, (PatchesError,), ".zip", _region_seeds),
    "region": Target(_read_regions, (PatchesError,), ".roi", lambda: _region_seeds()[1:]),
    "labels": Target(_read_labels, (PatchesError,), "_labels.png", _label_seeds),
    "table": Target(
        _read_table,
        (ValueError,),
        ".csv",
        _texts(TABLE, TABLE.replace(",", ";"), 'specimen_id\tx y\n"a\nb"\t1,5\n', "\ufeff" + TABLE),
    ),
    "tree": Target(
        read_tips, (ValueError,), ".nwk", _texts("(a,(b:1,'c d'[x]:2e-3)0.9)r;", "((Aus_bus,B_c)[&x=1],D_e);")
    ),
    "checkpoint": Target(_read_checkpoint, (ValueError,), ".safetensors", _checkpoint_seeds),
}
"""By name."""


def mutate(content: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    """One input near a seed: bytes set, bits flipped, parts cut, doubled or spliced, numbers made extreme."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        if not data:
            break
        at = int(rng.integers(len(data)))
        match rng.integers(7):
            case 0:
                data[at] = int(rng.integers(256))
            case 1:
                data[at] ^= 1 << int(rng.integers(8))
            case 2:
                del data[at : at + int(rng.integers(1, 40))]
            case 3:
                data[at:at] = data[at : at + int(rng.integers(1, 60))]
            case 4:
                other = others[int(rng.integers(len(others)))]
                start = int(rng.integers(max(len(other), 1)))
                data[at : at + 30] = other[start : start + 30]
            case 5:
                extreme = [0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]
                data[at : at + 4] = extreme[int(rng.integers(7))].to_bytes(
                    4, str(rng.choice(["little", "big"]))
                )
            case 6:
                del data[at:]
    return bytes(data)
