"""Array stores: memory-mapped NPY against Zarr, on what training reads.

2,000 captures of 3 RGB bands, 3 UV bands and a mask, 96 × 96, float16: simulated specimens, of which each row
is a turned or shifted one. Written in blocks of 256 as `split` does, read as shuffled batches of 64.

    OMP_NUM_THREADS=1 python benchmarks/stores.py
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from xmodal_pipeline.datasets.prepared import PreparedDataset
from xmodal_pipeline.params.ingest import SimulationParams
from xmodal_pipeline.simulation import study, writing
from xmodal_pipeline.specimens.prepared import Manifest, PreparedBlock, PreparedBlocks

BANDS = {"rgb": 3, "uv": 3, "mask": 1}
BLOCK, BATCH, SIDE = 256, 64, 96
ZARR = {
    "zarr, 1 capture per chunk": {"chunk": 1},
    "zarr, 64 captures per chunk": {"chunk": 64},
    "zarr, 1 per chunk, shards of 256": {"chunk": 1, "shard": 256},
    "zarr, 1 per chunk, shards of 256, not compressed": {"chunk": 1, "shard": 256, "plain": True},
}


def make_captures(count: int) -> np.ndarray:
    """(count, 7, side, side) float16, background 0."""
    params = SimulationParams(
        image_size_px=SIDE, n_effect_species=3, n_pattern_species=0, n_redundant_species=0, n_plain_species=3
    )
    roles = study.species_roles(params)
    truths = [study.make_species(params, index, role) for index, role in enumerate(roles)]
    planned = study.plan_captures(params, roles)[:64]
    stacks = [writing.make_stack(params, one, truths[one.species_index])[0] for one in planned]
    base = np.stack(stacks).astype(np.float32) / np.array([65535] * 6 + [255], np.float32)[:, None, None]
    base *= base[:, 6:]
    rng = np.random.default_rng(0)
    rows = np.empty((count, 7, SIDE, SIDE), np.float16)
    for row in range(count):
        one = np.rot90(base[row % len(base)], rng.integers(4), axes=(1, 2))
        rows[row] = np.roll(one, rng.integers(-4, 5, 2), axis=(1, 2)) * rng.uniform(0.9, 1.1)
    return rows


def parts(rows: np.ndarray) -> dict[str, np.ndarray]:
    return {"rgb": rows[:, :3], "uv": rows[:, 3:6], "mask": rows[:, 6:]}


def write_npy(folder: Path, rows: np.ndarray) -> dict[str, Any]:
    ids, bands = tuple(f"capture_{row:05d}" for row in range(len(rows))), ("a", "b", "c")
    manifest = Manifest(
        capture_ids=ids,
        specimen_ids=ids,
        partitions=("train",) * len(ids),
        statistics={},
        rgb_bands=bands,
        uv_bands=bands,
        is_calibrated=True,
    )
    dataset = PreparedDataset(filepath=str(folder / "prepared"))

    def make() -> Iterator[PreparedBlock]:
        for start in range(0, len(rows), BLOCK):
            arrays = parts(rows[start : start + BLOCK]).values()
            yield PreparedBlock(*arrays, manifest if start + BLOCK >= len(rows) else None)

    shapes = [array.shape for array in parts(rows).values()]
    dataset.save(PreparedBlocks(dict(zip(("rgb", "uv", "masks"), shapes, strict=True)), make))
    prepared = dataset.load()
    return {"rgb": prepared.rgb, "uv": prepared.uv, "mask": prepared.masks}


def write_zarr(
    folder: Path, rows: np.ndarray, *, chunk: int, shard: int | None = None, plain: bool = False
) -> dict[str, Any]:
    arrays = {
        name: zarr.create_array(
            str(folder / name),
            shape=(len(rows), n_bands, SIDE, SIDE),
            dtype="float16",
            chunks=(chunk, n_bands, SIDE, SIDE),
            shards=None if shard is None else (shard, n_bands, SIDE, SIDE),
            compressors=None if plain else "auto",
        )
        for name, n_bands in BANDS.items()
    }
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        for name, array in parts(rows[block]).items():
            arrays[name][block] = array
    return {name: zarr.open_array(str(folder / name), mode="r") for name in BANDS}


def batches(total: int, epochs: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(1)
    for _ in range(epochs):
        order = rng.permutation(total)
        yield from (order[start : start + BATCH] for start in range(0, total - BATCH + 1, BATCH))


def read_npy(stores: dict[str, Any], rows: np.ndarray) -> None:
    for store in stores.values():
        store[rows]


def read_zarr(stores: dict[str, Any], rows: np.ndarray) -> None:
    for store in stores.values():
        store.oindex[rows]


def measure(name: str, write: Any, read: Any, rows: np.ndarray, epochs: int) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        start = time.perf_counter()
        stores = write(folder, rows)
        written = time.perf_counter() - start
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
        files = sum(path.is_file() for path in folder.rglob("*"))
        start, cpu, count = time.perf_counter(), time.process_time(), 0
        for batch in batches(len(rows), epochs):
            read(stores, batch)
            count += len(batch)
        rate, work = count / (time.perf_counter() - start), 1000 * (time.process_time() - cpu) / count
        print(
            f"{name:50s} {written:7.2f} s  {rate:9.0f} captures/s  {work:7.3f} ms CPU  {size:6.0f} MiB  "
            f"{files:5d} files",
            flush=True,
        )
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare array stores.")
    parser.add_argument("--captures", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=1)
    options = parser.parse_args()
    rows = make_captures(options.captures)
    print(f"{len(rows)} captures, zarr {zarr.__version__}: write, read in random batches of {BATCH}, size")
    measure("memory-mapped NPY", write_npy, read_npy, rows, options.epochs)
    for name, layout in ZARR.items():

        def write(folder: Path, rows: np.ndarray, layout: Any = layout) -> dict[str, Any]:
            return write_zarr(folder, rows, **layout)

        measure(name, write, read_zarr, rows, options.epochs)


if __name__ == "__main__":
    main()
