"""What to do about a code: every capture code has one line."""

import textwrap
from typing import Final

import pandas as pd

from xmodal_pipeline.errors import CaptureCode

_SUMMARY_WIDTH = 140

ADVICE: Final[dict[str, str]] = {
    CaptureCode.UNREADABLE: "Copy or export the file again.",
    CaptureCode.BAND_COUNT: "Check specimens.layout against the file's bands.",
    CaptureCode.BAND_LABELS: "Compare the file's band labels with specimens.layout.",
    CaptureCode.BAD_SCALE: "Set specimens.scale to what the file holds, or export again.",
    CaptureCode.SHAPE_MISMATCH: "Export both files of the pair at one size.",
    CaptureCode.MISSING_PAIR: "Check specimens.rgb_suffix or rgb_column and their twins, or add the file.",
    CaptureCode.NOT_FINITE: "Export again; look for a division by a dark standard.",
    CaptureCode.EMPTY_MASK: "Draw the mask, or choose another specimens.mask.",
    CaptureCode.FULL_MASK: "Draw the mask, or choose another specimens.mask.",
    CaptureCode.BAD_MASK: "Save the mask with two levels only: background 0.",
    CaptureCode.DUPLICATE: "Keep one of the two files.",
    CaptureCode.DEAD_BAND: "Check filter, lamp and exposure of this band.",
    CaptureCode.DUPLICATED_BAND: "Check the export: one band was written twice.",
    CaptureCode.SATURATED: "Expose less; colour is a lower limit where pixels are saturated.",
    CaptureCode.NO_METADATA: "Add a row to the metadata; until then the capture is unlabelled.",
    CaptureCode.NO_CAPTURE: "Add the file, or remove the row from the metadata.",
    CaptureCode.FILTERED: "Nothing: specimens.filter left it out as asked.",
    CaptureCode.MISREGISTERED: "Look at the overlay; set specimens.registration: correct, or align by hand.",
    CaptureCode.REGISTRATION_ABSTAINED: "Look at the overlay: there was too little structure to judge.",
    CaptureCode.OUT_OF_RANGE: "Check the standards if there are many; values are kept as they are.",
    CaptureCode.MASK_TOUCHES_BORDER: "Check that the specimen is whole in the frame.",
    CaptureCode.FOCUS_MISMATCH: "Refocus between the modalities, or expect less from fine pattern.",
    CaptureCode.MIRRORED: "Turn the file: it matches only after a mirror or a half turn.",
    CaptureCode.EXIF_MISMATCH: "Both files were turned upright; look whether the specimen is.",
    CaptureCode.POOR_CALIBRATION: "Check the standards' values, specimens.encoding and the camera's profile.",
    CaptureCode.NO_CALIBRATION: "Add its grey standards to specimens.grey_standards, or expose them less.",
    CaptureCode.NO_PATCHES: "Draw the patches, or check that their file is named as the capture.",
    CaptureCode.BAD_PATCHES: "Save the patches again, on the grid of the capture and inside the mask.",
}


def advise(code: str) -> str:
    """The line for a code; empty for one that is not a capture code."""
    return ADVICE.get(code, "")


def rejection_summary(rejected: pd.DataFrame) -> str:
    """Rejected captures on one screen: per code the count, one file with its reason, and what to do.

    Args:
        rejected: `filename, code, reason`.
    """
    lines = []
    for code, n in rejected["code"].value_counts().items():
        first = rejected[rejected["code"] == code].iloc[0]
        lines.append(f"{n:6d} {code}: {advise(str(code))}")
        lines.append(f"       {first['filename']}: {textwrap.shorten(str(first['reason']), _SUMMARY_WIDTH)}")
    return "\n".join(
        [
            *lines,
            "What ingest made is saved: rejected_captures names every file with its reason. Mend the files, "
            "or raise quality.max_rejected_share.",
        ]
    )
