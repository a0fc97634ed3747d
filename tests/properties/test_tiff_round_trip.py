"""What is written is read, in every layout; what is damaged is rejected by name, and nothing else happens."""

import io
from pathlib import Path

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from xmodal_pipeline.errors import CaptureCode, CaptureRejected
from xmodal_pipeline.imaging.photograph import read_photograph
from xmodal_pipeline.imaging.tiff import read_stack, write_canonical

NAMES = ["R", "G", "B", "UV1", "UV2", "UV3", "mask"]
# One folder serves all examples of a test: each example overwrites the one file that it reads.
RELAXED = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150
)

stacks = arrays.arrays(
    st.sampled_from([np.uint8, np.uint16, np.float32]),
    st.tuples(st.integers(5, 7), st.integers(8, 20), st.integers(8, 20)),
    elements=st.integers(0, 255),
)


@RELAXED
@given(
    bands=stacks,
    compression=st.sampled_from([None, "deflate", "lzw", "zstd"]),
    planar=st.sampled_from(["pages", "separate", "contig"]),
    big=st.booleans(),
    tiled=st.booleans(),
    order=st.sampled_from("<>"),
)
def test_any_layout_round_trips(
    tmp_path: Path,
    bands: NDArray[np.generic],
    compression: str | None,
    planar: str,
    big: bool,
    tiled: bool,
    order: str,
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.moveaxis(bands, 0, -1) if planar == "contig" else bands,
        photometric="minisblack",
        planarconfig=None if planar == "pages" else planar,
        compression=compression,
        bigtiff=big,
        tile=(16, 16) if tiled else None,
        byteorder=order,
    )
    np.testing.assert_array_equal(read_stack(path, (len(bands),)).bands, bands)


def _scene() -> NDArray[np.uint16]:
    steps = np.random.default_rng(0).random((7, 24, 30))
    return (np.cumsum(steps, axis=-1) * 1500).astype(np.uint16)


def _tiff(**options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, _scene(), **options)
    return buffer.getvalue()


def _image(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    colours = (_scene()[:3] >> 8).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(colours).save(buffer, kind, **options)
    return buffer.getvalue()


STACKS = {
    "pages": _tiff(photometric="minisblack"),
    "pages, LZW": _tiff(photometric="minisblack", compression="lzw", predictor=True),
    "planar, deflate": _tiff(
        photometric="minisblack", planarconfig="separate", compression="deflate", metadata=None
    ),
    "planar, zstd, tiles": _tiff(
        photometric="minisblack", planarconfig="separate", compression="zstd", tile=(16, 16)
    ),
    "ImageJ": _tiff(imagej=True, metadata={"axes": "CYX", "Labels": NAMES}),
    "OME": _tiff(ome=True, metadata={"axes": "CYX", "Channel": {"Name": NAMES}}, compression="deflate"),
    "BigTIFF": _tiff(photometric="minisblack", bigtiff=True, metadata=None, compression="deflate"),
}
PHOTOGRAPHS = {
    "JPEG": _image("JPEG"),
    "progressive JPEG": _image("JPEG", progressive=True),
    "PNG": _image("PNG"),
}
FILES = STACKS | PHOTOGRAPHS


def _outcome(path: Path, name: str) -> NDArray[np.generic] | CaptureRejected:
    try:
        return read_stack(path, (7,)).bands if name in STACKS else read_photograph(path, (3,)).bands
    except CaptureRejected as rejected:
        return rejected


@RELAXED
@given(name=st.sampled_from(sorted(FILES)), share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_rejected_or_complete(tmp_path: Path, name: str, share: float) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut.tif"
    whole.write_bytes(FILES[name])
    cut.write_bytes(FILES[name][: int(share * len(FILES[name]))])
    outcome = _outcome(cut, name)
    if isinstance(outcome, CaptureRejected):
        assert (outcome.filename, outcome.code) == ("cut.tif", CaptureCode.UNREADABLE)
    else:
        np.testing.assert_array_equal(outcome, _outcome(whole, name))


@RELAXED
@pytest.mark.timeout(120)
@given(
    name=st.sampled_from(sorted(FILES)),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    reach=st.sampled_from([400, 1_000_000]),
)
def test_flipped_bytes_give_bands_or_a_rejection(
    tmp_path: Path, name: str, flips: list[tuple[float, int]], reach: int
) -> None:
    damaged = bytearray(FILES[name])
    for share, value in flips:
        damaged[int(share * min(reach, len(damaged)))] = value
    (tmp_path / "a.tif").write_bytes(damaged)
    outcome = _outcome(tmp_path / "a.tif", name)
    if isinstance(outcome, CaptureRejected):
        assert outcome.code in (CaptureCode.UNREADABLE, CaptureCode.BAND_COUNT)
    else:
        assert outcome.ndim == 3


@RELAXED
@given(bands=stacks)
def test_the_canonical_file_round_trips(tmp_path: Path, bands: NDArray[np.generic]) -> None:
    names = NAMES[: len(bands)]
    write_canonical(tmp_path / "a.tif", bands, names)
    stack = read_stack(tmp_path / "a.tif", (len(bands),))
    np.testing.assert_array_equal(stack.bands, bands)
    assert stack.labels == tuple(names)
