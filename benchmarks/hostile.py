"""A folder of hostile files and names beside a few good ones, and what one ingest makes of it.

    python benchmarks/hostile.py                     # 500 captures of pairs, 10 good ones
    python benchmarks/hostile.py --layout stack --count 500 --seed 1

Captures are pairs (`_vis`, `_uv`; TIFF, PNG or JPEG, with a label image) or stacks of seven bands. Every kind
of damage in `DAMAGES` is drawn from one seed. The command line runs `ingest` on the folder and then prints,
by kind, how many captures were accepted, flagged and rejected under which code; the seconds; and the largest
memory of any process. It exits with 1 unless every good capture is accepted, every file is in a table, and
nothing hung.
"""

import argparse
import io
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parents[1]
SHAPE = (48, 64)
TIMEOUT_S = 900
GOOD, ODD_NAME = "good", "odd name"

Rng = np.random.Generator
Planes = NDArray[np.uint16]
"""(bands, height, width)."""
Layout = Literal["pair", "stack"]


def scene(rng: Rng, n_bands: int) -> Planes:
    """Bands with structure; of seven, the last is a mask."""
    rows, columns = np.indices(SHAPE)
    phase = rng.uniform(0, 6, (n_bands, 1, 1))
    waves = (
        np.sin(rows / 4 + phase) + np.cos(columns / 5 + phase / 2) + rng.normal(0, 0.05, (n_bands, *SHAPE))
    )
    bands = np.clip(30000 + 8000 * waves, 1, 65000).astype(np.uint16)
    if n_bands == 7:
        bands[6] = 0
        bands[6, 8:40, 10:50] = 255
    return bands


def tiff(bands: NDArray[np.generic], **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, bands, **({"photometric": "minisblack", "metadata": None} | options))
    return stream.getvalue()


def samples(bands: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.ascontiguousarray(np.moveaxis(bands, 0, -1))


def whole_tiff(rng: Rng, bands: Planes) -> bytes:
    compression = rng.choice([None, "deflate", "lzw", "zstd"])
    if rng.random() < 0.5:
        return tiff(samples(bands), planarconfig="contig", compression=compression)
    return tiff(bands, planarconfig="separate", compression=compression)


def picture(rng: Rng, bands: Planes, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray((samples(bands[:3]) >> 8).astype(np.uint8)).save(stream, kind)
    return stream.getvalue()


def whole(rng: Rng, bands: Planes) -> bytes:
    """A good file of any format that these bands can have."""
    kind = rng.choice(["TIFF", "PNG", "JPEG"]) if len(bands) == 3 else "TIFF"
    return whole_tiff(rng, bands) if kind == "TIFF" else picture(rng, bands, str(kind))


def raw_tiff(tags: dict[int, tuple[int, int, int]], data: bytes = b"", next_ifd: int = 0) -> bytes:
    """A classic little-endian TIFF of one page: tag → type, count, value or offset; data from byte 8 on."""
    at = 8 + len(data)
    entries = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in sorted(tags.items()))
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_ifd)
    return struct.pack("<2sHI", b"II", 42, at) + data + directory


def page(height: int, width: int, n_bands: int, n_bytes: int, **more: int) -> dict[int, tuple[int, int, int]]:
    """Tags of an uncompressed uint16 page whose one strip begins at byte 8."""
    return {
        256: (4, 1, width),
        257: (4, 1, height),
        258: (3, 1, 16),
        259: (3, 1, more.get("compression", 1)),
        262: (3, 1, 1),
        273: (4, 1, 8),
        277: (3, 1, n_bands),
        278: (4, 1, more.get("rows", height)),
        279: (4, 1, n_bytes),
        284: (3, 1, 1),
    }


def truncated(rng: Rng, bands: Planes) -> bytes:
    content = whole(rng, bands)
    return content[: int(rng.uniform(0, 0.97) * len(content))]


def flipped(rng: Rng, bands: Planes) -> bytes:
    content = bytearray(whole(rng, bands))
    reach = int(rng.choice([200, len(content)]))
    for at in rng.integers(0, min(reach, len(content)), int(rng.integers(1, 12))):
        content[at] = int(rng.integers(256))
    return bytes(content)


def no_pixels(rng: Rng, bands: Planes) -> bytes:
    height, width = [(0, 64), (48, 0), (0, 0)][rng.integers(3)]
    if len(bands) == 3 and rng.random() < 0.5:
        return png_header(height, width)
    return raw_tiff(page(height, width, len(bands), 64), bytes(64))


def png_header(height: int, width: int, depth: int = 8, n_more: int = 0) -> bytes:
    """A PNG that declares a size, with an image stream of a few zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    stream = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)) + bytes(n_more))
    return b"\x89PNG\r\n\x1a\n" + stream + chunk(b"IEND", b"")


def one_bit(rng: Rng, bands: Planes) -> bytes:
    bits = bands > 30000
    if len(bands) == 3 and rng.random() < 0.3:
        stream = io.BytesIO()
        Image.fromarray(bits[0]).save(stream, "PNG")
        return stream.getvalue()
    return tiff(bits, bitspersample=1) if rng.random() < 0.5 else tiff(bits)


def odd_type(rng: Rng, bands: Planes) -> bytes:
    kind = rng.choice(["int64", "uint32", "int8", "int16", "complex64", "complex128", "float16", "uint64"])
    return tiff(bands.astype(kind), planarconfig="separate")


def odd_photometric(rng: Rng, bands: Planes) -> bytes:
    match rng.integers(5):
        case 0:
            return tiff(bands, photometric="miniswhite")
        case 1:
            colours = rng.integers(0, 65536, (3, 256)).astype(np.uint16)
            return tiff((bands[0] >> 8).astype(np.uint8), photometric="palette", colormap=colours)
        case 2:
            four = samples(np.concatenate([bands, bands])[:4])
            return tiff(four, photometric="separated")
        case 3:
            return tiff(samples(bands[:3]), photometric="cielab")
    stream = io.BytesIO()
    Image.fromarray((samples(bands[:3]) >> 8).astype(np.uint8)).convert("CMYK").save(stream, "JPEG")
    return stream.getvalue()


def odd_layout(rng: Rng, bands: Planes) -> bytes:
    """Readable ways to store it that are seldom met, and volumes that are not."""
    match rng.integers(4):
        case 0:
            return tiff(bands, tile=(16, 16), planarconfig="separate", compression="deflate")
        case 1:
            return tiff(np.stack([bands, bands]), photometric="minisblack")
        case 2:
            return tiff(np.repeat(bands, 40, axis=0))
    return tiff(bands[:, :1, :1], planarconfig="separate")


def bomb(rng: Rng, bands: Planes) -> bytes:
    """A small valid deflate TIFF of gigabytes: all its strips are one, some padded to look their size."""
    n_bands, rows, width = len(bands), 500, 30000
    n_strips = int(rng.choice([60, 240]))
    strip = zlib.compress(bytes(rows * width * n_bands * 2), 1)
    padding = bytes(int(rng.choice([0, 9_000_000])))
    offsets = struct.pack(f"<{n_strips}I", *[8] * n_strips)
    counts = struct.pack(f"<{n_strips}I", *[len(strip)] * n_strips)
    tags = page(n_strips * rows, width, n_bands, len(strip), compression=8, rows=rows)
    tags[273] = (4, n_strips, 8 + len(strip))
    tags[279] = (4, n_strips, 8 + len(strip) + len(offsets))
    return raw_tiff(tags, strip + offsets + counts + padding)


def declares_much(rng: Rng, bands: Planes) -> bytes:
    side = int(rng.choice([20_000, 60_000, 2**31 - 1, 2**32 - 1]))
    if len(bands) == 3 and rng.random() < 0.5:
        return png_header(min(side, 2**31 - 1), min(side, 2**31 - 1), int(rng.choice([8, 16])), 3_000_000)
    return raw_tiff(page(side, side, len(bands), 3_000_000), bytes(3_000_000))


def large_tile(rng: Rng, bands: Planes) -> bytes:
    """A small image in one tile of gigabytes."""
    tile = zlib.compress(bytes(10_000))
    tags = page(*SHAPE, len(bands), len(tile), compression=8)
    del tags[273], tags[278], tags[279]
    side = int(rng.choice([16384, 65536, 1 << 30]))
    tags |= {322: (4, 1, side), 323: (4, 1, side), 324: (4, 1, 8), 325: (4, 1, len(tile))}
    return raw_tiff(tags, tile + bytes(int(rng.choice([0, 20_000_000]))))


def embedded(rng: Rng, bands: Planes) -> bytes:
    """A JPEG in a TIFF whose own header declares 65,500 × 65,500 pixels; other image codecs."""
    colours = (samples(bands[:3]) >> 8).astype(np.uint8)
    if rng.random() < 0.4:
        return tiff(colours, photometric="rgb", compression=str(rng.choice(["jpeg2000", "webp", "png"])))
    content = bytearray(tiff(colours, photometric="rgb", compression="jpeg"))
    at = content.find(b"\xff\xc0")
    if at > 0:
        content[at + 5 : at + 9] = struct.pack(">HH", 65500, 65500)
    return bytes(content)


def cyclic(rng: Rng, bands: Planes) -> bytes:
    """Directories that lead to themselves, to nowhere, or on and on."""
    n_bytes = SHAPE[0] * SHAPE[1] * 2
    data = bytes(n_bytes)
    tags = page(*SHAPE, 1, n_bytes)
    match rng.integers(3):
        case 0:
            return raw_tiff(tags, data, next_ifd=8 + n_bytes)
        case 1:
            return raw_tiff(tags, data, next_ifd=int(rng.integers(1, 2**32)))
    first = raw_tiff(tags, data)
    directory = first[8 + n_bytes : -4]
    chain = bytearray(first[: 8 + n_bytes])
    for _ in range(20_000):
        chain += directory + struct.pack("<I", len(chain) + len(directory) + 4)
    return bytes(chain) + directory + bytes(4)


def many_strips(rng: Rng, bands: Planes) -> bytes:
    tags = page(*SHAPE, len(bands), 6000)
    count = int(rng.choice([100_000, 2**28, 2**32 - 1]))
    tags[int(rng.choice([273, 279]))] = (4, count, 8)
    tags[278] = (4, 1, int(rng.choice([0, 1, 2**32 - 1])))
    return raw_tiff(tags, bytes(1_000_000))


def odd_tags(rng: Rng, bands: Planes) -> bytes:
    """Any tag with any type, count and value."""
    content = page(*SHAPE, len(bands), SHAPE[0] * SHAPE[1] * len(bands) * 2)
    for _ in range(int(rng.integers(1, 4))):
        tag = int(rng.choice([*content, 258, 277, 317, 320, 338, 339, 270, 42112, 42113, 50838, 50839]))
        values = [0, 1, 2, 3, 7, 8, 255, 2**16 - 1, 2**31, 2**32 - 1]
        content[tag] = (int(rng.integers(0, 19)), int(rng.choice(values)), int(rng.choice(values)))
    return raw_tiff(content, bands.tobytes())


def not_finite(rng: Rng, bands: Planes) -> bytes:
    values = bands.astype("float64" if rng.random() < 0.3 else "float32") / 65535
    hit = (slice(None), slice(10, 20), slice(12, 20))
    values[hit] = rng.choice([np.nan, np.inf, -np.inf, 1e300 if values.dtype == np.float64 else 3e38])
    return tiff(values, planarconfig="separate")


def beyond_half(rng: Rng, bands: Planes) -> bytes:
    """Finite, and more than half precision holds."""
    values = bands.astype("float32")
    values[int(rng.integers(min(len(bands), 6))), 20, 20] = float(rng.choice([1e10, -1e12, 1e30]))
    return tiff(values, planarconfig="separate")


def no_image(rng: Rng, bands: Planes) -> bytes:
    contents = [
        b"",
        b"\0" * 5000,
        b"II*\0",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        b"<html><script>alert(1)</script></html>",
        b"PK\x03\x04" + bytes(100),
        b"%PDF-1.7\n",
        b"GIF89a" + bytes(100),
        rng.bytes(3000),
        b"II*\0" + rng.bytes(3000),
        b"MM\0+" + rng.bytes(3000),
    ]
    return contents[int(rng.integers(len(contents)))]


DAMAGES: dict[str, Callable[[Rng, Planes], bytes]] = {
    one.__name__.replace("_", " "): one
    for one in (
        *(truncated, flipped, flipped, truncated, no_pixels, one_bit, odd_type, odd_photometric, odd_layout),
        *(bomb, declares_much, large_tile, embedded, cyclic, many_strips, odd_tags, not_finite, beyond_half),
        *(no_image,),
    )
}
"""What makes the content of each kind."""

ODD_NAMES: tuple[bytes, ...] = (
    *(b"latin-\xe9", b"shift-jis-\x83\x65", b"new\nline", b"tab\there", b"bell\x07", b"escape\x1b[31m"),
    *(b"$x_1$", b"$\\frac{1}{0}$", b"$unclosed", b"<script>alert(1)<", b"<img src=x onerror=alert(1)>"),
    *(b"&amp;&lt;", b"=1+1", b"=cmd|'calc'!A0", b"@SUM(1)", b"+1", b"-1", b"%s%d%n", b"{0.__class__}"),
    *(b"back\\slash", b"'quoted'", b'"double"', b"a,b;c", b"#hash", b"x" * 200, "😀".encode()),
    *("\u202egpj".encode(), "e\u0301".encode(), b" space ", b"CON", b"None", b"nan", b"1e5"),
)
"""Names of captures whose content is good."""


@dataclass(frozen=True)
class Hostile:
    """A folder of them."""

    folder: Path
    kinds: dict[bytes, str]
    """By the name of a capture's first file."""


def write_hostile(folder: Path, count: int, seed: int, layout: Layout) -> Hostile:
    """Write `count` bad captures, then 10 good ones and the odd names.

    Odd names count among the bad ones, though those that can be quoted are good captures.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    kinds: dict[bytes, str] = {}
    names = list(DAMAGES)
    for number in range(count - len(ODD_NAMES)):
        kind = names[number % len(names)]
        stem = f"{kind.replace(' ', '_')}_{number:04d}".encode()
        kinds[_write(folder, stem, layout, rng, DAMAGES[kind])] = kind
    for name in ODD_NAMES:
        kinds[_write(folder, name, layout, rng, None)] = ODD_NAME
    for number in range(10):
        kinds[_write(folder, f"good_{number}".encode(), layout, rng, None)] = GOOD
    _write_labels(folder, rng)
    return Hostile(folder, kinds)


def _write(
    folder: Path, stem: bytes, layout: Layout, rng: Rng, damage: Callable[[Rng, Planes], bytes] | None
) -> bytes:
    """One capture; of a pair either photograph may be the bad one. Returns the name of its first file."""
    at = os.fsencode(folder)

    def save(name: bytes, content: bytes) -> bytes:
        with open(os.path.join(at, name), "wb") as file:
            file.write(content)
        return name

    if layout == "stack":
        bands = scene(rng, 7)
        return save(stem + b".tif", damage(rng, bands) if damage else whole_tiff(rng, bands))
    vis, uv = scene(rng, 3), scene(rng, 3)
    good = [tiff(samples(bands), photometric="rgb") for bands in (vis, uv)]
    bad_side = int(rng.integers(2))
    ending = bytes(rng.choice([b".tif", b".png", b".jpg"]))
    sides = [damage(rng, vis) if damage and side == bad_side else good[side] for side in (0, 1)]
    endings = [ending if side == bad_side else b".tif" for side in (0, 1)]
    if damage is None:  # the label image is the hostile one
        labels = png_header(*[(0, 5), (30000, 30000), SHAPE][rng.integers(3)])
        if not stem.startswith(b"good"):
            save(stem + b"_vis_labels.png", labels)
    save(stem + b"_uv" + endings[1], sides[1])
    return save(stem + b"_vis" + endings[0], sides[0])


def _write_labels(folder: Path, rng: Rng) -> None:
    """Labels with formulas, markup and mathematics, and a cell of 200 kB."""
    odd = ["$x_1$", "$\\frac{", "<script>alert(1)</script>", "=1+1", "x" * 200_000, "\x1b[31m", "%s", "é"]
    rows = [
        f'good_{number},"{odd[number % len(odd)]}","{odd[(number + 3) % len(odd)]}"' for number in range(10)
    ]
    text = "\n".join(["specimen_id,species,note", *rows])
    (folder / "metadata.csv").write_text(text + "\n", encoding="utf-8")


def settings(folder: Path, layout: Layout) -> dict[str, object]:
    """What the run is told of the folder."""
    common = {"specimens.root": str(folder), "study": "hostile", "quality.max_rejected_share": 1.0}
    if layout == "stack":
        return common | {"specimens.scale": "uint16"}
    pair = {"rgb_suffix": "_vis", "uv_suffix": "_uv", "mask": "none", "patches": "labels", "scale": "uint16"}
    return common | {f"specimens.{key}": value for key, value in pair.items()}


def run_ingest(project: Path, hostile: Hostile, layout: Layout) -> tuple[str, float, float]:
    """What the run said, its seconds, and the GiB of its largest process."""
    given = ",".join(f"{key}={value}" for key, value in settings(hostile.folder, layout).items())
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--pipelines", "ingest", "--params", given],
        cwd=project,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TIMEOUT_S,
    )
    seconds = time.monotonic() - began
    if run.returncode:
        raise RuntimeError(f"ingest ended with {run.returncode}:\n{run.stdout[-3000:]}\n{run.stderr[-3000:]}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    return run.stdout + run.stderr, seconds, peak


def outcomes(project: Path, hostile: Hostile) -> dict[bytes, str]:
    """What became of each capture: `accepted`, its flags, or the code of its rejection."""
    folder = project / "data" / "03_primary" / "hostile"
    index, rejected = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("specimen_index", "rejected_captures")
    )
    found = {str(row.filename): f"accepted {row.flags}".strip() for row in index.itertuples()}
    found |= {str(row.filename): str(row.code) for row in rejected.itertuples()}
    return {name: found.get(quoted(name), "LOST") for name in hostile.kinds}


def quoted(name: bytes) -> str:
    from xmodal_pipeline.specimens.names import quote

    return quote(os.fsdecode(name))


def copy_project(folder: Path) -> Path:
    """A project without data, as after a fresh clone."""
    shutil.copytree(ROOT / "conf", folder / "conf")
    for name in ("src", "data"):
        (folder / name).mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def tabulate(hostile: Hostile, found: dict[bytes, str]) -> str:
    lines = []
    for kind in dict.fromkeys(hostile.kinds.values()):
        counts = Counter(found[name] for name, one in hostile.kinds.items() if one == kind)
        lines.append(
            f"{kind:16s} {sum(counts.values()):4d}  "
            + ", ".join(f"{n} {code}" for code, n in counts.most_common())
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layout", choices=["pair", "stack"], default="pair")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder that is written into and kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = options.keep or Path(temporary)
        hostile = write_hostile(place / "captures", options.count, options.seed, options.layout)
        project = copy_project(place / "project")
        _, seconds, peak = run_ingest(project, hostile, options.layout)
        found = outcomes(project, hostile)
    print(tabulate(hostile, found))
    print(f"{len(found)} captures, {seconds:.0f} s, largest process {peak:.2f} GiB")
    lost = [name for name, outcome in found.items() if outcome == "LOST"]
    good = [
        name
        for name, kind in hostile.kinds.items()
        if kind == GOOD and not found[name].startswith("accepted")
    ]
    if lost or good:
        print(f"lost: {lost}; good and not accepted: {good}")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
