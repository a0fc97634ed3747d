"""Errors that callers catch, and the codes of what can go wrong, with what to do or where to read on."""

import difflib
import textwrap
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

_SUMMARY_WIDTH = 240


class CaptureCode(StrEnum):
    """Why a capture was rejected or flagged. The values are stable: tables and papers quote them."""

    UNREADABLE = "UNREADABLE"
    """The file cannot be decoded: truncated, damaged, or not an image."""
    TOO_LARGE = "TOO_LARGE"
    """The header declares more pixels, bands or bytes than `specimens.limits` allows."""
    BAD_NAME = "BAD_NAME"
    """The file's name is not UTF-8, or holds control characters: no table can quote it."""
    HASH_MISMATCH = "HASH_MISMATCH"
    """The file is not the one whose SHA-256 stands in the metadata."""
    BAND_COUNT = "BAND_COUNT"
    """The number of bands is not what the layout says."""
    BAND_LABELS = "BAND_LABELS"
    """The labels in the file contradict the layout, or name a band twice."""
    BAD_SCALE = "BAD_SCALE"
    """The file's data type contradicts the study's scale."""
    SHAPE_MISMATCH = "SHAPE_MISMATCH"
    """The two files of a pair differ in size."""
    MISSING_PAIR = "MISSING_PAIR"
    """Only one file of the pair is there."""
    NOT_FINITE = "NOT_FINITE"
    """NaN, infinite or no-data pixels, where the mask does not leave them out."""
    NOT_STORABLE = "NOT_STORABLE"
    """Values inside the mask that half precision, in which captures are prepared, cannot hold."""
    EMPTY_MASK = "EMPTY_MASK"
    """The mask selects no pixel."""
    FULL_MASK = "FULL_MASK"
    """The mask selects every pixel, so it separates nothing."""
    BAD_MASK = "BAD_MASK"
    """The mask has values other than 0 and one positive level."""
    BROKEN_LINK = "BROKEN_LINK"
    """A link without its target, such as a file of DataLad or git-annex that was not fetched."""
    PREVIEW = "PREVIEW"
    """A JPEG or PNG of the same name beside a stack: passed over."""
    DUPLICATE = "DUPLICATE"
    """The same pixels as another capture."""
    DEAD_BAND = "DEAD_BAND"
    """A band holds no signal inside the mask: constant, or noise without structure."""
    DUPLICATED_BAND = "DUPLICATED_BAND"
    """Two bands are identical pixel by pixel."""
    DISPLACED_BAND = "DISPLACED_BAND"
    """A band of a stack lies beside the first of its modality: something moved between two exposures."""
    SATURATED = "SATURATED"
    """Too many pixels of a band at the top of its range, inside the mask."""
    NO_METADATA = "NO_METADATA"
    """The capture has no row in the metadata: used, but unlabelled."""
    NO_CAPTURE = "NO_CAPTURE"
    """A metadata row has no file."""
    AMBIGUOUS_METADATA = "AMBIGUOUS_METADATA"
    """A metadata row that means several captures, or rows that disagree: used for none, and the capture is
    unlabelled."""
    LABELS_DISAGREE = "LABELS_DISAGREE"
    """Captures of one specimen have different labels: used, but unlabelled where they disagree."""
    FILTERED = "FILTERED"
    """Left out by `specimens.filter`."""
    MISREGISTERED = "MISREGISTERED"
    """RGB and UV do not lie on one another and were not corrected."""
    REGISTRATION_ABSTAINED = "REGISTRATION_ABSTAINED"
    """Too little structure, or a UV band of noise, to judge the registration."""
    OUT_OF_RANGE = "OUT_OF_RANGE"
    """Pixels below 0 or above 1 after scaling; data, not an error, but worth a look."""
    MASK_TOUCHES_BORDER = "MASK_TOUCHES_BORDER"
    """The specimen is cut off by the frame."""
    INVERTED_MASK = "INVERTED_MASK"
    """The mask covers the border of the frame: it may select the background and leave out the specimen."""
    FOCUS_MISMATCH = "FOCUS_MISMATCH"
    """One modality is much blurrier than the other."""
    MIRRORED = "MIRRORED"
    """UV matches RGB only after a mirror or a half turn."""
    EXIF_MISMATCH = "EXIF_MISMATCH"
    """The photographs of a pair were held differently, says EXIF; both were turned upright and used."""
    POOR_CALIBRATION = "POOR_CALIBRATION"
    """A grey-standard fit with R² below 0.98, or through fewer than two different standards."""
    NO_CALIBRATION = "NO_CALIBRATION"
    """No grey standard applies, or a band's standards fix no line, in a study that is calibrated."""
    NO_PATCHES = "NO_PATCHES"
    """No patch file beside the capture: only the whole specimen was measured."""
    TURNED_PATCHES = "TURNED_PATCHES"
    """EXIF says that the photograph was held on its side; its patches were taken as drawn on the stored
    pixels, which ImageJ shows, and turned upright with it."""
    BAD_PATCHES = "BAD_PATCHES"
    """The patch file cannot be used, or a patch lies outside the mask: only the rest was measured."""


ADVICE: Final[dict[str, str]] = {
    CaptureCode.UNREADABLE: "Copy or export the file again.",
    CaptureCode.TOO_LARGE: "Cut or reduce the photograph, or raise specimens.limits.",
    CaptureCode.BAD_NAME: "Rename the file: letters, digits and signs in UTF-8.",
    CaptureCode.HASH_MISMATCH: "Copy the file again from where its hash was taken, or correct the hash.",
    CaptureCode.BAND_COUNT: "Compare the file's bands with specimens.layout; in pairs RGB has 3, UV 1 to 3.",
    CaptureCode.BAND_LABELS: "Compare the file's band labels with specimens.layout.",
    CaptureCode.BAD_SCALE: "Set specimens.scale to what the file holds, or export again.",
    CaptureCode.SHAPE_MISMATCH: "Export both files of the pair at one size.",
    CaptureCode.MISSING_PAIR: "Check specimens.rgb_suffix or rgb_column and their twins, or add the file.",
    CaptureCode.NOT_FINITE: "Export again; look for a division by a dark standard.",
    CaptureCode.NOT_STORABLE: "Check specimens.scale; look for a division by nearly nothing.",
    CaptureCode.EMPTY_MASK: "Draw the mask, or choose another specimens.mask.",
    CaptureCode.FULL_MASK: "Draw the mask, or choose another specimens.mask.",
    CaptureCode.BAD_MASK: "Save the mask with two levels only: background 0.",
    CaptureCode.BROKEN_LINK: "Fetch the file (`datalad get`), mend the link, or remove it.",
    CaptureCode.PREVIEW: "Nothing: the stack of the same name is the capture.",
    CaptureCode.DUPLICATE: "Keep one of the two files.",
    CaptureCode.DEAD_BAND: "Check filter, lamp and exposure of this band.",
    CaptureCode.DUPLICATED_BAND: "Check the export: one band was written twice.",
    CaptureCode.DISPLACED_BAND: "Align the bands before they are stacked, or photograph again.",
    CaptureCode.SATURATED: "Expose less; colour is a lower limit where pixels are saturated.",
    CaptureCode.NO_METADATA: "Add a row to the metadata; until then the capture is unlabelled.",
    CaptureCode.NO_CAPTURE: "Add the file, or remove the row from the metadata.",
    CaptureCode.AMBIGUOUS_METADATA: "Write folder and file name in the metadata, and keep one row per file.",
    CaptureCode.LABELS_DISAGREE: "Correct the label in the metadata, or the specimen_id of one capture.",
    CaptureCode.FILTERED: "Nothing: specimens.filter left it out as asked.",
    CaptureCode.MISREGISTERED: "Look at the overlay; set specimens.registration: correct, or align by hand.",
    CaptureCode.REGISTRATION_ABSTAINED: "Look at the overlay: there was too little structure to judge.",
    CaptureCode.OUT_OF_RANGE: "Check the standards if there are many; values are kept as they are.",
    CaptureCode.MASK_TOUCHES_BORDER: "Check that the specimen is whole in the frame.",
    CaptureCode.INVERTED_MASK: "Export the mask with 0 as background, unless the specimen fills the frame.",
    CaptureCode.FOCUS_MISMATCH: "Refocus between the modalities, or expect less from fine pattern.",
    CaptureCode.MIRRORED: "Turn the file: it matches only after a mirror or a half turn.",
    CaptureCode.EXIF_MISMATCH: "Both files were turned upright; look whether the specimen is.",
    CaptureCode.POOR_CALIBRATION: "Check the standards' values, specimens.encoding and the camera's profile.",
    CaptureCode.NO_CALIBRATION: "Add its grey standards to specimens.grey_standards, or expose them less.",
    CaptureCode.NO_PATCHES: "Draw the patches, or check that their file is named as the capture.",
    CaptureCode.TURNED_PATCHES: "Compare a patch's mean with what you expect of it.",
    CaptureCode.BAD_PATCHES: "Save the patches again, on the grid of the capture and inside the mask.",
}
"""What to do about a code: one line each."""

TROUBLESHOOTING: Final = "docs/troubleshooting.md"
"""The page that messages name."""


class Trouble(StrEnum):
    """What may be wrong with a study, a training or a run. The page has a heading of each name."""

    COLLAPSE = "COLLAPSE"
    """Projections of a modality hardly differ between captures."""
    MODALITY_DOMINATES = "MODALITY_DOMINATES"
    """The gradient at one encoder is more than ten times that at the other."""
    MODALITY_GAP = "MODALITY_GAP"
    """RGB and UV projections stay apart: poor alignment."""
    TEMPERATURE_AT_CLAMP = "TEMPERATURE_AT_CLAMP"
    """A learnt temperature stands at an end of its range."""
    LEAKAGE = "LEAKAGE"
    """One photograph lies on both sides of a split, under two specimens."""
    LABEL_CONFOUNDED = "LABEL_CONFOUNDED"
    """A label goes together with a confounder, such as the session."""
    STALE_OUTPUTS = "STALE_OUTPUTS"
    """A run would read or keep outputs that other settings or files made."""
    NOTHING_READ = "NOTHING_READ"
    """No capture of the folder could be used."""

    @property
    def page(self) -> str:
        """Where a document says more: `docs/troubleshooting.md#modality-gap`."""
        return f"{TROUBLESHOOTING}#{self.lower().replace('_', '-')}"


def advise(code: str) -> str:
    """The line for a code; empty for one that is not a capture code."""
    return ADVICE.get(code, "")


def rejection_summary(rejected: Iterable[tuple[str, str, str]], *, is_all: bool = False) -> str:
    """Rejected captures on one screen: per code the count, one file with its reason, and what to do.

    Args:
        rejected: file name, code and reason of each, the columns of `rejected_captures`.
        is_all: whether no capture is left.
    """
    rows = list(rejected)
    lines = []
    for code, n in Counter(code for _, code, _ in rows).most_common():
        filename, _, reason = next(row for row in rows if row[1] == code)
        lines.append(f"{n:6d} {code}: {advise(code)}")
        lines.append(f"       {filename}: {textwrap.shorten(reason, _SUMMARY_WIDTH)}")
    next_step = (
        f"Mend the files or the settings that the reasons name; the study's name is still free. More in "
        f"{Trouble.NOTHING_READ.page}."
        if is_all
        else "Mend the files, or raise quality.max_rejected_share."
    )
    saved = "What ingest made is saved: rejected_captures names every file with its reason."
    return "\n".join([*lines, f"{saved} {next_step}"])


NO_FAULTS: Final = frozenset(
    {
        CaptureCode.NO_CAPTURE,
        CaptureCode.AMBIGUOUS_METADATA,
        CaptureCode.FILTERED,
        CaptureCode.PREVIEW,
    }
)
"""Codes in `rejected_captures` that are no fault of a capture's files: rows, and files left out as asked."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, empty where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""


class CaptureRejected(ValueError):
    """A capture cannot be used. Ingest catches it, records code and reason, and goes on."""

    def __init__(self, filename: str, code: CaptureCode, reason: str) -> None:
        """Keep the parts apart so that they fill one row of `rejected_captures`."""
        super().__init__(f"capture '{filename}': {reason} [{code}]")
        self.filename = filename
        self.code = code
        self.reason = reason

    def __reduce__(self) -> tuple[type["CaptureRejected"], tuple[str, CaptureCode, str]]:
        """Survive the trip back from a worker process."""
        return type(self), (self.filename, self.code, self.reason)


class ParametersError(ValueError):
    """The parameters as a whole cannot be run; the message lists every fault."""


class RunStoppedError(ValueError):
    """A run must not go on, although nothing is broken; what was made so far is saved."""

    def __init__(self, headline: str, details: str = "") -> None:
        """Keep the parts apart: a log shows the headline, the end of the run shows both."""
        super().__init__(headline, details)
        self.headline = headline
        self.details = details

    def __str__(self) -> str:
        return self.headline


class UnreadFolderError(RunStoppedError):
    """A run stops because the folder is not what the settings say; the end of the run proposes others."""


class SaveError(RunStoppedError):
    """A result could not be written: the disk is full, closed or gone; what was there before is whole."""


class OutputHeldError(RunStoppedError):
    """Another run is making the same output; the message says which."""


class MissingInputsError(ValueError):
    """A stage was asked for whose inputs do not exist; the message says what makes them."""


class StaleOutputsError(ValueError):
    """A run would read or keep outputs that other settings or files made; the message names them."""
