"""Pictures of the documents, from the figures of a finished demo: `kedro run && python docs/images.py`.

They are 1,200 pixels wide at most and drawn with 128 colours, so that each stays below 200 kB.
"""

import argparse
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
WIDTH_PX, COLOURS, MOST_BYTES = 1200, 128, 200_000
PICTURES = {
    "contact_sheet": ("contact_sheet_double_1", 0.238),
    "registration": ("registration_double", 1.0),
    "retrieval": ("retrieval_double", 1.0),
    "uv_value": ("uv_value_double", 1.0),
}
"""By name the figure of the report, and how much of its height is shown, from the top."""


def main() -> None:
    """Write every picture into `docs/images`."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--figures", type=Path, default=DOCS.parent / "data/08_reporting/demo/figures")
    figures = options.parse_args().figures
    for name, (figure, share) in PICTURES.items():
        with Image.open(figures / f"{figure}.png") as picture:
            top = picture.convert("RGB").crop((0, 0, picture.width, round(share * picture.height)))
        top.thumbnail((WIDTH_PX, top.height), Image.Resampling.LANCZOS)
        path = DOCS / "images" / f"{name}.png"
        top.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size > MOST_BYTES:
            raise SystemExit(
                f"{path}: must be below {MOST_BYTES:,} bytes, got {path.stat().st_size:,}; show less"
            )


if __name__ == "__main__":
    main()
