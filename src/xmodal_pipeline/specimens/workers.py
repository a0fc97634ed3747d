"""How much memory a worker takes for one capture, and how many workers there is room for."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from joblib import effective_n_jobs

from xmodal_pipeline.errors import CaptureRejected
from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.photograph import read_header
from xmodal_pipeline.imaging.tiff import ImageHeader
from xmodal_pipeline.params.ingest import SpecimensParams

logger = logging.getLogger(__name__)

_PROCESS_BYTES: Final = 300 * 2**20
"""A worker with its libraries and no capture."""
_BAND_BYTES: Final = 4
"""Per pixel and band, as float32."""
_CHANGED_BYTES: Final = 10
"""The same where bands are linearised or calibrated: before, after, and half of it on the way."""
_WORK_BYTES: Final = 16
"""Per pixel, beside the bands as float32: brightness of both modalities, masks and positions (measured with
`benchmarks/large.py`)."""
_N_LOOKED_AT: Final = 16
_SHARE: Final = 0.8
"""Of the free memory that workers may take."""
_NOTEWORTHY_BYTES: Final = 2**30


def count_workers(files: Sequence[CaptureFiles], settings: SpecimensParams, n_jobs: int) -> int:
    """As many workers as asked for, and no more than there is memory for; both are said of large captures.

    Args:
        files: the captures; the headers of the largest files decide.
        settings: how they are read.
        n_jobs: as asked for; -1 for every core.
    """
    wanted = int(effective_n_jobs(n_jobs))
    headers = [header for one in _largest(files) if (header := declared(one, settings)) is not None]
    sizes = [bytes_per_worker(header, settings) for header in headers]
    free = free_bytes()
    if not sizes or free is None:
        return wanted
    needed = max(sizes)
    largest = headers[sizes.index(needed)]
    fitting = max(1, min(wanted, int(_SHARE * free / needed)))
    if needed > _NOTEWORTHY_BYTES or fitting < wanted:
        size = f"{largest[0].width_px:,} × {largest[0].height_px:,}"
        logger.info(
            "captures of up to %s pixels take about %.1f GiB each, %.1f GiB are free: %d of %d workers",
            *(size, needed / 2**30, free / 2**30, fitting, wanted),
        )
    if needed > free:
        logger.warning(
            "a capture takes about %.1f GiB, %.1f GiB are free: close programs, or reduce photographs",
            *(needed / 2**30, free / 2**30),
        )
    return fitting


def bytes_per_worker(headers: Sequence[ImageHeader], settings: SpecimensParams) -> int:
    """The memory in which one capture is read and examined.

    Args:
        headers: of its stack, or of the two photographs of its pair.
        settings: whether its bands are linearised or calibrated, which takes another copy.
    """
    n_pixels = max(header.height_px * header.width_px for header in headers)
    n_bands = sum(header.n_bands for header in headers)
    stored = sum(header.n_bands * np.dtype(header.dtype).itemsize for header in headers)
    is_changed = settings.encoding == "srgb" or settings.grey_standards is not None
    floats = (_CHANGED_BYTES if is_changed else _BAND_BYTES) * n_bands
    # Pages of a stack are decoded one by one and then joined: twice what is stored.
    reading = stored * (2 if len(headers) == 1 else 1)
    return _PROCESS_BYTES + n_pixels * (floats + max(_WORK_BYTES, reading))


def _largest(files: Sequence[CaptureFiles]) -> list[CaptureFiles]:
    sizes = {at: _size(one.rgb_path) for at, one in enumerate(files)}
    spread = {round(at) for at in np.linspace(0, len(files) - 1, _N_LOOKED_AT)} if files else set()
    chosen = spread.union(sorted(sizes, key=lambda at: -sizes[at])[:_N_LOOKED_AT])
    return [files[at] for at in sorted(chosen)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # the examination says why


def declared(files: CaptureFiles, settings: SpecimensParams) -> list[ImageHeader] | None:
    """The headers of a capture's files; None where one cannot be read: it then takes no memory."""
    counts = (1, 2, 3, 4) if settings.is_pair else (len(settings.band_layout.order),)
    try:
        paths = [path for path in (files.rgb_path, files.uv_path) if path is not None]
        return [read_header(path, counts, limits=settings.limits) for path in paths]
    except CaptureRejected:
        return None


def free_bytes() -> int | None:
    """Memory that is free, also within the limit of a container; None where the system does not say."""
    found = []
    meminfo, limit, used = (
        _text(Path(name))
        for name in ("/proc/meminfo", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current")
    )
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            found.append(int(line.split()[1]) * 1024)
    if limit.isdigit() and used.isdigit():
        found.append(max(int(limit) - int(used), 0))
    return min(found) if found else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
