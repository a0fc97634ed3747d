"""Which files are captures, and which band is which: the layout that a folder's files fit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np

from xmodal_pipeline.errors import CaptureRejected
from xmodal_pipeline.imaging.labels import read_wavelength, recognise_band
from xmodal_pipeline.imaging.tiff import ImageHeader, read_stack
from xmodal_pipeline.params.ingest import LAYOUTS, PAIR
from xmodal_pipeline.specimens.inspection.files import Folder
from xmodal_pipeline.specimens.inspection.labelling import Table
from xmodal_pipeline.specimens.inspection.masks import FEWEST_STACK_BANDS
from xmodal_pipeline.specimens.inspection.pairing import (
    RGB_FILE,
    UV_FILE,
    SuffixPair,
    WordPairs,
    find_band_endings,
    find_folder_pairs,
    find_suffix_pair,
    find_word_pairs,
)
from xmodal_pipeline.specimens.inspection.proposal import Setting, State
from xmodal_pipeline.specimens.sides import are_two_sides

_N_STACKS: Final = 5
"""Files whose pixels tell whether a band is a mask; of large ones fewer."""
_MOST_VALUES: Final = 100_000_000
"""Pixels × bands of them."""
_UV_LABEL: Final = re.compile(r"(^|[^a-z])(uv|u)(?![a-z]{2})|ultraviolet|(?<!\d)3\d\d(?!\d)", re.IGNORECASE)
_MASK_LABEL: Final = re.compile(r"mask|alpha|silhouette|segment", re.IGNORECASE)
_RGB_LABELS: Final = {"r": "R", "red": "R", "g": "G", "green": "G", "b": "B", "blue": "B"}
_COLOURS: Final = {"UV": (300, 400), "B": (400, 500), "G": (500, 600), "R": (600, 700)}
"""Wavelengths in nm, the upper end excluded."""
_OWN_LAYOUT: Final = "{order: […], rgb: […], uv: […], mask: …}"


@dataclass(frozen=True)
class Reading:
    """How files become captures."""

    settings: tuple[Setting, ...]
    obstacles: tuple[str, ...] = ()
    word_pairs: WordPairs | None = None
    """Pairs that no suffix joins, and a table would."""


def propose_reading(folder: Folder, tables: Sequence[Table]) -> Reading:
    """Decide between stacks and pairs, and how their bands or files are told apart."""
    header = folder.common_header()
    if header is None:
        return Reading((), (_nothing_to_read(folder),))
    if header.n_bands >= FEWEST_STACK_BANDS:
        return _propose_stacks(folder, header)
    return _propose_pairs(folder, header, tables)


def _nothing_to_read(folder: Folder) -> str:
    if folder.unreadable:
        file, reason = next(iter(folder.unreadable.items()))
        failed = f"{len(folder.unreadable)} of {folder.n_looked_at} fail"
        return f"no image can be read: {failed}, such as {file}: {reason}"
    if folder.broken_links:
        return (
            f"no image, but {len(folder.broken_links)} links whose targets are not here, such as "
            f"{folder.broken_links[0]}: fetch the files (datalad get), or mend the links"
        )
    if folder.raws:
        return (
            f"no image, but {len(folder.raws)} undeveloped photographs ({folder.raws[0].suffix}): develop "
            "them linearly to 16-bit TIFF (dcraw -4 -T, RawTherapee, micaToolbox), then inspect again"
        )
    return "no image here (TIFF, JPEG or PNG); check the path"


def _propose_stacks(folder: Folder, header: ImageHeader) -> Reading:
    key, n = "specimens.layout", header.n_bands
    if header.labels is not None:
        labelled = _layout_by_labels(header.labels) or _layout_by_wavelengths(header.labels)
        if labelled is not None:
            return Reading((labelled,))
    n_looked_at = int(np.clip(_MOST_VALUES // (n * header.height_px * header.width_px), 1, _N_STACKS))
    stacks = [file for file, one in folder.headers.items() if one.n_bands == n][:n_looked_at]
    seen = [is_mask for file in stacks if (is_mask := _last_is_mask(folder, file)) is not None]
    has_mask = bool(seen) and all(seen)
    bare = "the files carry no band names that are known here, so their order is assumed"
    colours = n - has_mask
    if colours < FEWEST_STACK_BANDS or colours > 6:
        what = f"{n} bands{', the last a mask' if has_mask else ''}"
        if colours < FEWEST_STACK_BANDS:
            return Reading((), (f"{what}: no UV beside R, G, B; add the UV bands to each file",))
        why = f"{what}: no layout has so many; say which are R, G, B, UV (one to three) and mask"
        return Reading((Setting(key, None, "unknown", why, (_OWN_LAYOUT,)),))
    why = f"{n} bands, the last {'has' if has_mask else 'does not have'} the two levels of a mask; {bare}"
    named = {(6, True): "rgb_uv_mask", (6, False): "rgb_uv", (5, False): "micatoolbox"}.get(
        (colours, has_mask)
    )
    if named is not None:
        order = " ".join(LAYOUTS[named].order)
        return Reading((Setting(key, named, "doubtful", f"{why}: {order}", (_OWN_LAYOUT,)),))
    return Reading((Setting(key, _own_layout(colours, has_mask=has_mask), "doubtful", why, (_OWN_LAYOUT,)),))


def _own_layout(colours: int, *, has_mask: bool) -> dict[str, Any]:
    rgb, uv = ["R", "G", "B"], [f"UV{at}" for at in range(1, colours - 2)]
    return _layout_value([*rgb, *uv, *(["mask"] if has_mask else [])], rgb, uv, "mask" if has_mask else None)


def _layout_value(order: list[str], rgb: list[str], uv: list[str], mask: str | None) -> dict[str, Any]:
    return {"name": "own", "order": order, "rgb": rgb, "uv": uv} | ({"mask": mask} if mask else {})


def _layout_by_labels(labels: tuple[str, ...]) -> Setting | None:
    """A named layout whose bands the labels name, or one of their own names; None where they do not tell."""
    shown = ", ".join(labels)
    for layout in LAYOUTS.values():
        named = [recognise_band(label, layout.order) for label in labels]
        if layout.name != PAIR and len(labels) == len(layout.order) and set(named) == set(layout.order):
            return Setting("specimens.layout", layout.name, "certain", f"the files name their bands: {shown}")
    colours: dict[str, str] = {}
    for label in labels:
        colour = _RGB_LABELS.get(label.strip().casefold())
        if colour is not None and colour not in colours:
            colours[colour] = label
    masks = [label for label in labels if _MASK_LABEL.search(label)]
    uv = [one for one in labels if one not in {*colours.values(), *masks} and _UV_LABEL.search(one)]
    told = len(set(labels)) == len(labels) == len(colours) + len(masks) + len(uv)
    if not told or len(colours) != 3 or not 1 <= len(uv) <= 3 or len(masks) > 1:
        return None
    value = _layout_value(list(labels), [colours[one] for one in "RGB"], uv, masks[0] if masks else None)
    why = f"made from the names that the files give their bands: {shown}"
    return Setting("specimens.layout", value, "doubtful", why)


def _layout_by_wavelengths(labels: tuple[str, ...]) -> Setting | None:
    """A layout of bands called by their wavelengths; to be set by hand where they name no R, G, B and UV."""
    found = [read_wavelength(label) for label in labels]
    masks = [label for label in labels if _MASK_LABEL.search(label)]
    without = [label for label, one in zip(labels, found, strict=True) if one is None]
    wavelengths = [one for one in found if one is not None]
    if without != masks or len(masks) > 1 or not wavelengths:
        return None
    order = [f"{one}nm" if one is not None else "mask" for one in found]
    why = f"made from the wavelengths in the names that the files give their bands: {', '.join(order)}"
    colours = colours_of(wavelengths)
    if colours is None:
        why = f"the files name their bands {', '.join(order)}; say which are R, G, B and UV (one to three)"
        return Setting("specimens.layout", None, "unknown", why, (_OWN_LAYOUT,))
    names = [f"{one}nm" for one in colours]
    value = _layout_value(order, names[:3], names[3:], "mask" if masks else None)
    return Setting("specimens.layout", value, "doubtful", why)


def colours_of(wavelengths: Sequence[int]) -> list[int] | None:
    """Wavelengths (nm) of one R, one G, one B and one to three UV bands, in this order; else None."""
    found = {
        name: [one for one in wavelengths if low <= one < high] for name, (low, high) in _COLOURS.items()
    }
    told = [len(found[name]) for name in "RGB"] == [1, 1, 1] and 1 <= len(found["UV"]) <= 3
    ordered = [*found["R"], *found["G"], *found["B"], *sorted(found["UV"], reverse=True)]
    return ordered if told and len(set(ordered)) == len(wavelengths) else None


def _last_is_mask(folder: Folder, file: PurePosixPath) -> bool | None:
    """Whether a stack's last band has the two levels of a mask; None where it cannot be read."""
    try:
        last = read_stack(folder.root / file, (folder.headers[file].n_bands,)).bands[-1]
    except CaptureRejected:
        return None
    return bool(last.max() > 0 and last.min() == 0 and np.isin(last, (0, last.max())).all())


def _propose_pairs(folder: Folder, header: ImageHeader, tables: Sequence[Table]) -> Reading:
    bands = find_band_endings(folder.images) if header.n_bands == 1 else ()
    if bands:
        return Reading(
            (), (f"one file per band ({', '.join(bands)}): no layout reads that; {_stacking(bands)}",)
        )
    pair = find_suffix_pair(folder.images)
    if pair is not None and pair.is_told:
        return _by_suffix(folder, pair)
    by_table = _by_columns(tables)
    if by_table is not None:
        return by_table
    words = find_word_pairs(folder.images) or find_folder_pairs(folder.images)
    if words is not None:
        return _by_words(words)
    if pair is not None:
        return _by_suffix(folder, pair)
    if header.n_bands == 1:
        return Reading((), (f"single-band files whose names join no bands: {_stacking(())}",))
    what = f"{header.n_bands} bands per file and no second photograph of the same specimen by name"
    return Reading(
        (),
        (
            f"no UV: {what}. If UV photographs are here, end names alike (X_vis.jpg, X_uv.jpg) or name both "
            "files in two columns of metadata.csv (specimens.rgb_column, specimens.uv_column)",
        ),
    )


def _stacking(bands: Sequence[str]) -> str:
    """How to make stacks of files of one band, in which order where their names hold wavelengths."""
    wavelengths = [one for band in bands if (one := read_wavelength(band)) is not None]
    order = colours_of(wavelengths) if len(wavelengths) == len(bands) else None
    first = (
        "R G B first" if order is None else f"in the order {' '.join(f'{one}nm' for one in order)} (R G B UV)"
    )
    return (
        f"stack the bands of each specimen in one TIFF, {first} (a script for a whole folder: "
        "docs/how-to/my-layout.md#one-file-per-band), then inspect again"
    )


def _by_suffix(folder: Folder, pair: SuffixPair) -> Reading:
    sides = {
        ending: [file for file in folder.images if file.stem.endswith(ending)]
        for ending in (pair.rgb, pair.uv)
    }
    if pair.rgb == "":
        sides[""] = [file for file in folder.images if file not in set(sides[pair.uv])]
    rgb, uv = folder.common_header(sides[pair.rgb]), folder.common_header(sides[pair.uv])
    if not pair.is_told and rgb is not None and uv is not None and rgb.n_bands < uv.n_bands:
        pair, rgb, uv = SuffixPair(pair.uv, pair.rgb, pair.n_pairs, False, pair.also), uv, rgb
    state: State = "certain" if pair.is_told else "doubtful"
    count = f"{pair.n_pairs} pairs of {len(folder.images)} images end in '{pair.rgb}' and '{pair.uv}'"
    told = "the endings say which is UV" if pair.is_told else "is the second one UV? Swap them if not"
    also = f"; {', '.join(pair.also)} left out" if pair.also else ""
    why = f"{count}; {told}{also}"
    swapped = () if pair.is_told else (pair.uv,)
    settings = [
        Setting("specimens.rgb_suffix", pair.rgb, state, why, swapped),
        Setting("specimens.uv_suffix", pair.uv, state, "its twin", () if pair.is_told else (pair.rgb,)),
    ]
    if not pair.is_told:
        settings += _names(*(ending.strip(" _.-") or "plain" for ending in (pair.rgb, pair.uv)))
    return Reading((*settings, *_registration(pair, rgb, uv)), _band_obstacles(rgb, uv))


def _names(rgb: str, uv: str) -> tuple[Setting, ...]:
    why = "what tables and figures call it"
    return tuple(
        Setting(f"specimens.{key}", name, "doubtful", why)
        for key, name in (("rgb_name", rgb), ("uv_name", uv))
    )


def _registration(pair: SuffixPair, rgb: ImageHeader | None, uv: ImageHeader | None) -> tuple[Setting, ...]:
    key = "specimens.registration"
    if are_two_sides(pair.rgb.strip(" _.-"), pair.uv.strip(" _.-")):
        return (_unregistered_sides("endings"),)
    if rgb is not None and uv is not None and _upright_size(rgb) != _upright_size(uv):
        why = f"{_size(rgb)} and {_size(uv)} px cannot be laid on one another; or resize them and set correct"
        return (Setting(key, "off", "doubtful", why, ("correct",)),)
    return ()


def _unregistered_sides(what: str) -> Setting:
    why = f"the {what} name two sides of a specimen, which never lie on one another"
    return Setting("specimens.registration", "off", "doubtful", why, ("correct",))


def _upright_size(header: ImageHeader) -> tuple[int, int]:
    size = (header.height_px, header.width_px)
    return size[::-1] if header.orientation >= 5 else size


def _size(header: ImageHeader) -> str:
    height, width = _upright_size(header)
    return f"{width}×{height}"


def _band_obstacles(rgb: ImageHeader | None, uv: ImageHeader | None) -> tuple[str, ...]:
    if rgb is not None and rgb.n_bands != 3:
        return (f"the visible photographs must have 3 bands, got {rgb.n_bands}; export them in colour",)
    if uv is not None and not 1 <= uv.n_bands <= 3:
        return (f"the UV photographs must have 1 to 3 bands, got {uv.n_bands}; export them so",)
    return ()


def _by_columns(tables: Sequence[Table]) -> Reading | None:
    for table in tables:
        files = [column.name for column in table.named("file")]
        if len(files) != 2:
            continue
        uv = [name for name in files if _UV_LABEL.search(name)]
        is_told = len(uv) == 1
        second = uv[0] if is_told else files[1]
        first = next(name for name in files if name != second)
        why = f"'{first}' and '{second}' of {table.path.name} name files, one pair per row"
        if not is_told:
            why += "; which one is UV is not to be told"
        state: State = "certain" if is_told else "doubtful"
        swapped = () if is_told else (second,)
        columns = (
            Setting("specimens.rgb_column", first, state, why, swapped),
            Setting("specimens.uv_column", second, state, "its twin", () if is_told else (first,)),
        )
        if table.path.name == "metadata.csv":
            return Reading(columns)
        return Reading((Setting("specimens.metadata", str(table.path), "certain", why), *columns))
    return None


def _by_words(words: WordPairs) -> Reading:
    where = "the folder they stand in" if words.where == "folder" else "a word within their names"
    first, second = words.pairs[0]
    ask = "" if words.is_told else ". Are they, or two sessions? Which one is UV is not to be told"
    why = (
        f"{len(words.pairs)} pairs told apart by {where}, such as {first} and {second}, which no suffix "
        f"joins: init writes a table that names both files of each pair{ask}"
    )
    swapped = ((), ()) if words.is_told else ((UV_FILE,), (RGB_FILE,))
    return Reading(
        (
            Setting("specimens.rgb_column", RGB_FILE, "doubtful", why, swapped[0]),
            Setting("specimens.uv_column", UV_FILE, "doubtful", "its twin", swapped[1]),
            *_folders_of_sides(first, second),
        ),
        word_pairs=words,
    )


def _folders_of_sides(first: PurePosixPath, second: PurePosixPath) -> tuple[Setting, ...]:
    """How a pair is read whose folders name two sides of a specimen; nothing for any other."""
    apart = [
        parts for parts in zip(first.parent.parts, second.parent.parts, strict=False) if len(set(parts)) > 1
    ]
    if len(apart) != 1 or not are_two_sides(*apart[0]):
        return ()
    return (*_names(*apart[0]), _unregistered_sides("folders"))
