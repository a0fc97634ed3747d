"""What to do about a code: every capture code has one line."""

from typing import Final

from xmodal_pipeline.errors import CaptureCode

ADVICE: Final[dict[str, str]] = {
    CaptureCode.UNREADABLE: "Copy or export the file again.",
    CaptureCode.BAND_COUNT: "Check specimens.layout against the file's bands.",
    CaptureCode.BAND_LABELS: "Compare the file's band labels with specimens.layout.",
    CaptureCode.BAD_SCALE: "Set specimens.scale to what the file holds, or export again.",
    CaptureCode.SHAPE_MISMATCH: "Export both files of the pair at one size.",
    CaptureCode.MISSING_PAIR: "Check specimens.rgb_suffix and specimens.uv_suffix, or add the missing file.",
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
    CaptureCode.POOR_CALIBRATION: "Check the standards' values and that none is saturated.",
}


def advise(code: str) -> str:
    """The line for a code; empty for one that is not a capture code."""
    return ADVICE.get(code, "")
