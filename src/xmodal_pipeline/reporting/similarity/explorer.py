"""The explorer: two linked maps of a variant, thumbnails on hover, colours and filters by label."""

import base64
import io
import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from xmodal_pipeline.imaging.pictures import Picture, cutout_picture, rgb_picture, uv_picture
from xmodal_pipeline.reporting.style import MARKERS, category_styles
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames, write_class
from xmodal_pipeline.specimens.discovery import FILE_COLUMNS
from xmodal_pipeline.specimens.prepared import Prepared

# Multiples of 8: JPEG codes blocks of 8 pixels, so that neighbours in the atlas do not bleed.
_TILES: Final = ((1500, 64), (3000, 48), (10**9, 40))
_SYMBOLS: Final = dict(
    zip(MARKERS, ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x"), strict=True)
)
_MOST_CLASSES: Final = 60
"""Labels with more classes than this are shown on hover but can neither colour nor filter."""


def make_explorer(
    coordinates: pd.DataFrame,
    specimen_index: pd.DataFrame,
    images: Prepared,
    *,
    variant: str = "",
    is_linear: bool = True,
    names: ModalityNames = DEFAULT_NAMES,
) -> dict[str, Any]:
    """Points of every variant, labels (the partition is one) and one atlas of thumbnails per modality.

    Args:
        coordinates: of `map_captures`.
        specimen_index: labels and specimen of each capture.
        images: the captures.
        variant: the one that is shown first.
        is_linear: whether the images are proportional to light.
        names: display names of the modalities.

    Returns:
        Everything that the page's script needs, ready for JSON; a capture keeps one number across maps and
        atlases.
    """
    captures = coordinates["capture_id"].drop_duplicates().tolist()
    partition = coordinates.drop_duplicates("capture_id").set_index("capture_id")["partition"]
    index = specimen_index.set_index("capture_id").reindex(captures).assign(partition=partition)
    labels = [c for c in index.columns if c not in FILE_COLUMNS and index[c].notna().any()]
    rows = {capture: row for row, capture in enumerate(images.capture_ids)}
    at = [rows[capture] for capture in captures]

    def show(stored: NDArray[Any], draw: Callable[..., Picture]) -> list[Picture]:
        return [cutout_picture(np.asarray(stored[row], np.float32), draw, is_linear=is_linear) for row in at]

    return {
        "names": {"rgb": names.rgb, "uv": names.uv},
        "captures": captures,
        "specimens": index["specimen_id"].astype(str).tolist(),
        "labels": {label: _label_payload(index[label]) for label in labels},
        "variants": [
            {"id": one, "name": names.label(one)}
            for one in sorted(coordinates["variant"].unique(), key=lambda one: one != variant)
        ],
        "maps": _maps(coordinates, captures, names),
        "atlas": {
            "rgb": _atlas(show(images.rgb, rgb_picture)),
            "uv": _atlas(show(images.uv, uv_picture)),
            "tile": _tile(len(at)),
            "columns": _columns(len(at)),
        },
    }


def _label_payload(values: pd.Series) -> dict[str, Any]:
    """The classes of a label with colour and symbol, and each capture's class number."""
    text = values.astype("object").where(values.notna(), "unlabelled").astype(str)
    classes = sorted(set(text) - {"unlabelled"})
    styles = {**category_styles(classes), "unlabelled": ("#BBBBBB", "o")}
    shown = [*classes, "unlabelled"] if (text == "unlabelled").any() else classes
    number = {value: i for i, value in enumerate(shown)}
    return {
        "classes": [
            {
                "name": write_class(str(values.name), value),
                "colour": styles[value][0],
                "symbol": _SYMBOLS[styles[value][1]],
            }
            for value in shown
        ],
        "values": [number[value] for value in text],
        "can_colour": len(classes) <= _MOST_CLASSES,
    }


def _maps(coordinates: pd.DataFrame, captures: list[str], names: ModalityNames) -> list[dict[str, Any]]:
    """Per variant, space and modality: which captures it has and where; the pooled space gives two maps."""
    number = {capture: i for i, capture in enumerate(captures)}
    maps = []
    keys = ["variant", "space", "modality"]
    for (variant, space, modality), rows in coordinates.groupby(keys, sort=False):
        pooled = f", pooled with {names.uv if modality == 'rgb' else names.rgb}" if space == "pooled" else ""
        placed = float(rows["trustworthiness_placed"].iloc[0])
        maps.append(
            {
                "id": f"{space}-{modality}",
                "variant": variant,
                "title": f"{names.label(str(modality))}{pooled}",
                "trustworthiness": round(float(rows["trustworthiness"].iloc[0]), 3),
                "trustworthiness_placed": None if np.isnan(placed) else round(placed, 3),
                "capture": [number[capture] for capture in rows["capture_id"]],
                "x": [round(float(value), 3) for value in rows["x"]],
                "y": [round(float(value), 3) for value in rows["y"]],
            }
        )
    return maps


def _tile(count: int) -> int:
    """Side of a thumbnail in pixels, smaller where there are more, so that the file stays below its limit."""
    return next(size for most, size in _TILES if count <= most)


def _columns(count: int) -> int:
    return math.ceil(math.sqrt(count))


def _atlas(pictures: list[Picture]) -> str:
    """All thumbnails in one JPEG, row by row, as a data address."""
    tile, columns = _tile(len(pictures)), _columns(len(pictures))
    sheet = Image.new("RGB", (tile * columns, tile * math.ceil(len(pictures) / columns)))
    for i, picture in enumerate(pictures):
        thumbnail = Image.fromarray(picture).resize((tile, tile), Image.Resampling.BOX)
        sheet.paste(thumbnail, (tile * (i % columns), tile * (i // columns)))
    stream = io.BytesIO()
    sheet.save(stream, format="JPEG", quality=76, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
