"""What one capture of 12,000 × 8,000 pixels takes: memory said before, memory and CPU of its examination.

    OMP_NUM_THREADS=1 python benchmarks/large.py
    OMP_NUM_THREADS=1 python benchmarks/large.py --width 6000 --height 3376 --kind stack

Pairs of 8-bit JPEG (`jpeg`) or 16-bit TIFF (`tiff`), or stacks of seven 16-bit bands (`stack`): an ellipse
with texture on a white background. Each is examined in a process of its own.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ingest import QualityParams, RegistrationParams, SpecimensParams
from xmodal_pipeline.specimens import examination, workers
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.listing import list_study

KINDS = ("jpeg", "tiff", "stack")


def band(shape: tuple[int, int], seed: int, amplitude: float) -> NDArray[np.float32]:
    """One band in unit scale."""
    height, width = shape
    rng = np.random.default_rng(seed)
    texture = Image.fromarray(rng.random((height // 40, width // 40)).astype(np.float32))
    values = 0.1 + amplitude * np.asarray(texture.resize((width, height), Image.Resampling.BICUBIC))
    values[~outline(shape)] = 0.95
    values += np.float32(0.003) * rng.standard_normal(shape, dtype=np.float32)
    return np.clip(values, 0, 1)


def outline(shape: tuple[int, int]) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    down, across = rows / shape[0] - 0.5, columns / shape[1] - 0.5
    return (down / 0.38) ** 2 + (across / 0.38) ** 2 < 1


def write_capture(folder: Path, kind: str, shape: tuple[int, int]) -> None:
    """One capture; textures are shared by RGB and UV."""
    depth = np.uint8 if kind == "jpeg" else np.uint16
    top = np.iinfo(depth).max
    sides = [
        [(band(shape, seed, amplitude) * top).astype(depth) for seed in range(3)] for amplitude in (0.7, 0.4)
    ]
    if kind == "stack":
        stack = np.stack([*sides[0], *sides[1], outline(shape).astype(depth) * top])
        tifffile.imwrite(folder / "a.tif", stack, photometric="minisblack", planarconfig="separate")
        return
    for name, bands in zip(("a_vis", "a_uv"), sides, strict=True):
        picture = np.stack(bands, axis=-1)
        if kind == "jpeg":
            Image.fromarray(picture).save(folder / f"{name}.jpg", quality=92)
        else:
            tifffile.imwrite(folder / f"{name}.tif", picture, photometric="rgb")


def examine(folder: Path, kind: str) -> None:
    """Examine the capture and print what that took."""
    pair = {} if kind == "stack" else {"rgb_suffix": "_vis", "uv_suffix": "_uv", "mask": "white_background"}
    scale = "uint8" if kind == "jpeg" else "uint16"
    settings = SpecimensParams.model_validate({"root": folder, "scale": scale, **pair})
    files = capture_files(list_study(folder, settings).captures, folder)
    layout = settings.band_layout
    study = Study(
        root=folder,
        is_simulated=False,
        settings=settings,
        scale=scale,
        colour_units="uncalibrated",
        rgb_bands=layout.rgb,
        uv_bands=layout.uv,
    )
    said = max(workers.bytes_per_worker(workers.declared(one, settings) or [], settings) for one in files)
    how = examination._Settings(study, RegistrationParams(), QualityParams(), None)
    began = time.process_time()
    found = examination._examine(files[0], None, None, how)
    cpu = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    outcome = getattr(found, "flags", found)
    print(
        f"{kind:6s} said {said / 2**30:.2f} GiB, took {peak / 2**30:.2f} GiB and {cpu:.0f} s of CPU {outcome}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=12_000)
    parser.add_argument("--height", type=int, default=8_000)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        examine(options.folder, options.kind)
        return
    for kind in [options.kind] if options.kind else KINDS:
        with tempfile.TemporaryDirectory() as folder:
            write_capture(Path(folder), kind, (options.height, options.width))
            # A process of its own: the peak of another capture must not count.
            subprocess.run([sys.executable, __file__, "--kind", kind, "--folder", folder], check=True)


if __name__ == "__main__":
    main()
