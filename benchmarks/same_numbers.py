"""Did a change move a number? Every saved table and array of two runs of the same studies, side by side.

    python benchmarks/same_numbers.py BEFORE/data AFTER/data demo papilionidae …

BEFORE and AFTER are `data` folders of two checkouts that ran the same commands, on one thread
(`OMP_NUM_THREADS=1`). Tables (Parquet, CSV, JSON) must agree to 1e-9, relative or absolute; arrays (NPY) and
checkpoints (safetensors) bit by bit. Rows are paired by the columns that hold no floating-point number, in
the order in which they come. New columns and rows are listed and are no fault; nor is what `MOVED` and `GONE`
name. Exits with 1 if anything else differs.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

TOLERANCE = 1e-9
SKIPPED = {"training_state", "captures", "01_raw", "08_reporting"}
"""States are resumed from, not read; pictures and simulated files are made from what is compared."""
TIMED = {"seconds"}
"""Columns and keys that differ in every run."""
MOVED = {
    "04_feature/rgb_images/array.npy": "04_feature/prepared/rgb_images.npy",
    "04_feature/uv_images/array.npy": "04_feature/prepared/uv_images.npy",
    "04_feature/masks/array.npy": "04_feature/prepared/masks.npy",
    "04_feature/channel_statistics.json": "04_feature/prepared/manifest.json#statistics",
    "03_primary/thumbnails/array.npy": "03_primary/thumbnails.npz#pictures",
}
"""Where an entry stands now, by layer and path inside the study, and after # the part of a file."""
RENAMED = {name: f"loss_{name}" for name in ("cross_modal", "intra_rgb", "intra_uv", "joint")}
"""Columns that are called otherwise now: terms of the loss, in `history`."""
GONE: dict[str, str] = {
    "manifest.json": "the manifest of an array store: names are compared in `prepared`",
}
"""Why a file has no successor, by its name."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("studies", nargs="+")
    options = parser.parse_args()
    differing = 0
    for study in options.studies:
        count = 0
        for entry, faults, news in compare(options.before, options.after, study):
            count += 1
            differing += bool(faults)
            for line in faults[:4]:
                print(f"DIFFERS {study} {entry}: {line}")
            for line in news:
                print(f"new     {study} {entry}: {line}")
        print(f"{study}: {count} entries compared")
    sys.exit(1 if differing else 0)


def compare(before: Path, after: Path, study: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Name of each entry of before, what differs, and what is new."""
    for path in sorted(before.glob(f"*/{study}/**/*")):
        layer, inside = path.relative_to(before).parts[0], path.relative_to(before).parts[2:]
        entry = "/".join((layer, *inside))
        if not path.is_file() or SKIPPED & set(entry.split("/")) or path.name in GONE:
            continue
        places = [place.split("/", 1) for place in (entry, MOVED.get(entry, entry))]
        twins = [
            (after / layer / study / rest.split("#")[0], rest.partition("#")[2]) for layer, rest in places
        ]
        twin, part = next((one for one in twins if one[0].is_file()), twins[-1])
        if not twin.is_file():
            yield entry, [f"{twin.relative_to(after)} is missing"], []
            continue
        match path.suffix:
            case ".parquet":
                yield entry, *compare_tables(pd.read_parquet(path), pd.read_parquet(twin))
            case ".csv":
                yield entry, *compare_tables(pd.read_csv(path), pd.read_csv(twin))
            case ".json":
                one, other = (json.loads(file.read_text()) for file in (path, twin))
                yield entry, list(compare_trees(one, other[part] if part else other, "")), []
            case ".npy":
                other = np.load(twin, mmap_mode="r")
                is_same = np.array_equal(np.load(path, mmap_mode="r"), other[part] if part else other)
                yield entry, [] if is_same else ["pixels differ"], []
            case ".safetensors":
                yield entry, list(compare_weights(load_file(path), load_file(twin))), []


def compare_tables(one: pd.DataFrame, other: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What differs, and what is new."""
    one = one.rename(columns=RENAMED)
    faults = [f"column {name} is gone" for name in one if name not in other and one[name].notna().any()]
    shared = [name for name in one.columns if name in other and name not in TIMED]
    news = [f"column {name}" for name in other.columns if name not in one]
    keys = [name for name in shared if not pd.api.types.is_float_dtype(one[name])]
    numbers = [name for name in shared if name not in keys]
    first, second = (_numbered(table, keys) for table in (one, other))
    both = first.merge(second, on=[*keys, "occurrence"], how="outer", indicator=True, suffixes=("", "_now"))
    lost, added = ((both["_merge"] == side).sum() for side in ("left_only", "right_only"))
    if lost:
        example = both.loc[both["_merge"] == "left_only", keys].iloc[0].to_dict()
        faults.append(f"{lost} of {len(one)} rows are gone, the first {example}")
    if added:
        news.append(f"{added} rows")
    paired = both[both["_merge"] == "both"]
    for name in numbers:
        a, b = (pd.to_numeric(paired[column]).to_numpy(float) for column in (name, f"{name}_now"))
        is_close = np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        if not is_close.all():
            at = int(np.flatnonzero(~is_close)[0])
            where = paired[keys].iloc[at].to_dict()
            faults.append(f"{name} in {(~is_close).sum()} rows, the first {a[at]} -> {b[at]} at {where}")
    return faults, news


def _numbered(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Keys as text, and a running number for rows that share them."""
    text = table[keys].astype("string").fillna("") if keys else pd.DataFrame(index=table.index)
    rest = table.drop(columns=keys)
    number = text.groupby(keys).cumcount() if keys else pd.Series(range(len(table)), table.index)
    return pd.concat([text, rest, number.rename("occurrence")], axis=1)


def compare_trees(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one:
            if key in TIMED:
                continue
            if key in other:
                yield from compare_trees(one[key], other[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is gone"
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for at, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from compare_trees(a, b, f"{path}[{at}]")
    elif isinstance(one, float) and isinstance(other, int | float):
        if not np.isclose(one, other, rtol=TOLERANCE, atol=TOLERANCE):
            yield f"{path}: {one} -> {other}"
    elif one != other:
        yield f"{path}: {one!r} -> {other!r}"


def compare_weights(one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    if one.keys() != other.keys():
        yield f"tensors {sorted(one.keys() ^ other.keys())[:3]} are in one only"
    for name in one.keys() & other.keys():
        if not np.array_equal(one[name], other[name]):
            yield f"tensor {name}"


if __name__ == "__main__":
    main()
