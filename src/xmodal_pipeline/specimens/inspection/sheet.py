"""Thumbnails of an inspection on one picture."""

from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from xmodal_pipeline.imaging.pictures import Picture
from xmodal_pipeline.specimens.inspection.pixels import Look

_PER_ROW: Final = 2
_GAP_PX: Final = 6
_CAPTION_PX: Final = 14
_MOST_LETTERS: Final = 60


def draw_sheet(look: Look) -> Picture | None:
    """RGB, UV and overlay of each capture looked at, with its name; None where none could be read.

    Args:
        look: its pictures are (captures, 3, side, side, 3).
    """
    if look.pictures is None:
        return None
    n, panels, side = look.pictures.shape[:3]
    width, height = panels * side + _GAP_PX, side + _CAPTION_PX + _GAP_PX
    rows = -(-n // _PER_ROW)
    sheet = Image.new("RGB", (min(n, _PER_ROW) * width + _GAP_PX, rows * height + _GAP_PX), "white")
    pen = ImageDraw.Draw(sheet)
    for at, (name, picture) in enumerate(zip(look.names, look.pictures, strict=True)):
        left, top = _GAP_PX + at % _PER_ROW * width, _GAP_PX + at // _PER_ROW * height
        pen.text((left, top), name[-_MOST_LETTERS:], fill="black")
        for panel, pixels in enumerate(picture):
            sheet.paste(Image.fromarray(pixels), (left + panel * side, top + _CAPTION_PX))
    return np.asarray(sheet)
