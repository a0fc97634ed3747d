"""Which band is which, where the file says so: labels against a band layout."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from tifffile import TiffFile

_MICATOOLBOX = re.compile(
    r"(?:^|:)\s*(?P<light>v|vis|visible|u|uv)\s*:\s*(?P<channel>[RGB])\s*(?::\s*normali[sz]ed\s*)?$",
    re.IGNORECASE,
)
"""`visible:R`, `v:R:Normalised`, `<photo>:uv:B:Normalised`: slice labels that micaToolbox writes."""
_WAVELENGTH = re.compile(
    r"(?:(?<!\d)(?P<low>\d{3,4}) ?[-–] ?)?(?<!\d)(?P<nm>\d{3,4})[ _\-]?nm(?![a-z])", re.IGNORECASE
)
_SHORTEST_NM = 200
"""Numbers below it before a dash count specimens and begin no range: `A12_0101-365nm`."""


def read_labels(tiff: TiffFile) -> tuple[str, ...] | None:
    """Band labels as the file holds them, in file order.

    Looked for in ImageJ slice labels, OME channel names, GDAL band descriptions and the `Labels` of
    tifffile's own JSON description, in this order.

    Returns:
        The labels, or None where the file has none.
    """
    for find in (_imagej, _ome, _gdal, _shaped):
        labels = find(tiff)
        if labels:
            return tuple(" ".join(str(label).split("\n")[0].split()) for label in labels)
    return None


def _imagej(tiff: TiffFile) -> Sequence[str] | None:
    metadata = tiff.imagej_metadata if tiff.is_imagej else None
    labels = metadata.get("Labels") if metadata else None
    return [labels] if isinstance(labels, str) else labels


def _ome(tiff: TiffFile) -> Sequence[str] | None:
    if not tiff.is_ome or not tiff.ome_metadata:
        return None
    pixels = ElementTree.fromstring(tiff.ome_metadata).find(".//{*}Image/{*}Pixels")
    names = [] if pixels is None else [channel.get("Name") or "" for channel in pixels.findall("{*}Channel")]
    return names if all(names) else None


def _gdal(tiff: TiffFile) -> Sequence[str] | None:
    text = tiff.pages.first.tags.valueof(42112)
    if not isinstance(text, str):
        return None
    found: dict[int, str] = {}
    for item in ElementTree.fromstring(text.strip("\0 \n")).iter("Item"):
        if item.get("role") == "description" and item.get("sample") is not None:
            found[int(item.get("sample", ""))] = item.text or ""
    return [found[sample] for sample in sorted(found)]


def _shaped(tiff: TiffFile) -> Sequence[str] | None:
    metadata = tiff.shaped_metadata if tiff.is_shaped else None
    labels = metadata[0].get("Labels") if metadata else None
    return labels if isinstance(labels, list) else None


def read_wavelength(name: str) -> int | None:
    """The wavelength in nm that a name holds: `A12_365nm`, `365 nm`; None without one, or with several.

    A range (`320-400 nm`) is several.
    """
    found = list(_WAVELENGTH.finditer(name))
    if any(one["low"] and _SHORTEST_NM <= int(one["low"]) < int(one["nm"]) for one in found):
        return None
    wavelengths = {int(one["nm"]) for one in found}
    return wavelengths.pop() if len(wavelengths) == 1 else None


def recognise_band(label: str, bands: Sequence[str]) -> str | None:
    """The band of `bands` that a label names, or None.

    A label names a band by the band's own name, upper and lower case alike, by its wavelength where that is
    the band's whole name (`A12_365nm` is `365nm`), or in micaToolbox's way: `visible:R` is `vR`, or `R` where
    the layout calls it so; `uv:B` is `uB`.

    Args:
        label: as it stands in the file.
        bands: names to choose from.
    """
    names = {band.casefold(): band for band in bands}
    exact = names.get(label.strip().casefold())
    if exact is not None:
        return exact
    if (wavelength := read_wavelength(label)) is not None and f"{wavelength}nm" in names:
        return names[f"{wavelength}nm"]
    match = _MICATOOLBOX.search(label)
    if match is None:
        return None
    light, channel = match["light"][0].casefold(), match["channel"].casefold()
    return names.get(light + channel) or (names.get(channel) if light == "v" else None)


def band_order(labels: Sequence[str] | None, bands: Sequence[str]) -> list[int]:
    """Positions in the file of the layout's bands.

    Labels that name every band once decide. Without labels, or with none that is recognised, the file
    is in the layout's order. Where only some are recognised, they must stand where the layout says.

    Args:
        labels: the file's labels in file order, or None.
        bands: the layout's bands, as many as the file has.

    Returns:
        For each band of the layout its position in the file.

    Raises:
        ValueError: if two labels name one band, or some labels contradict the layout and the others
            are unknown.
    """
    if labels is None:
        return list(range(len(bands)))
    named = [recognise_band(label, bands) for label in labels]
    known = [name for name in named if name is not None]
    twice = sorted({name for name in known if known.count(name) > 1})
    if twice:
        raise ValueError(
            f"band labels must name each band once, got {twice} more than once in {list(labels)}"
        )
    if len(known) == len(bands):
        return [named.index(band) for band in bands]
    misplaced = [
        name for at, name in enumerate(named) if name is not None and list(bands)[at : at + 1] != [name]
    ]
    if misplaced:
        raise ValueError(
            f"band labels must name every band or agree with the order {list(bands)}, got {list(labels)}"
        )
    return list(range(len(bands)))
