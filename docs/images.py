"""Pictures of the documents, from figures of finished studies: the demo, and `butterflies` of the tutorial.

Run both, then `python docs/images.py`. Pictures are 1,200 pixels wide at most and drawn with 128 colours, so
that each stays below 200 kB.
"""

from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
REPORTING = DOCS.parent / "data" / "08_reporting"
WIDTH_PX, COLOURS = 1200, 128
PICTURES = {
    "demo": ("demo/figures/uv_value_double", 1.0),
    "contact_sheet": ("butterflies/figures/contact_sheet_double_1", 0.238),
    "registration": ("butterflies/figures/registration_double", 1.0),
    "retrieval": ("butterflies/figures/retrieval_double", 1.0),
    "uv_value": ("butterflies/figures/uv_value_double", 1.0),
}
"""By name the figure of a report, and how much of its height is shown, from the top."""


def main() -> None:
    """Write every picture into `docs/images`."""
    for name, (figure, share) in PICTURES.items():
        with Image.open(REPORTING / f"{figure}.png") as picture:
            top = picture.convert("RGB").crop((0, 0, picture.width, round(share * picture.height)))
        top.thumbnail((WIDTH_PX, top.height), Image.Resampling.LANCZOS)
        drawn = top.quantize(COLOURS, dither=Image.Dither.NONE)
        drawn.save(DOCS / "images" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
