"""Errors that callers catch, and the one list of codes that a capture can carry."""

from enum import StrEnum


class CaptureCode(StrEnum):
    """Why a capture was rejected or flagged. The values are stable: tables and papers quote them."""

    UNREADABLE = "UNREADABLE"
    """The file cannot be decoded: truncated, damaged, or not an image."""
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
    """NaN or infinite pixels."""
    EMPTY_MASK = "EMPTY_MASK"
    """The mask selects no pixel."""
    FULL_MASK = "FULL_MASK"
    """The mask selects every pixel, so it separates nothing."""
    BAD_MASK = "BAD_MASK"
    """The mask has values other than 0 and one positive level."""
    DUPLICATE = "DUPLICATE"
    """The same pixels as another capture."""
    DEAD_BAND = "DEAD_BAND"
    """A band holds no signal inside the mask: constant, or noise without structure."""
    DUPLICATED_BAND = "DUPLICATED_BAND"
    """Two bands are identical pixel by pixel."""
    SATURATED = "SATURATED"
    """Too many pixels of a band at the top of its range, inside the mask."""
    NO_METADATA = "NO_METADATA"
    """The capture has no row in the metadata: used, but unlabelled."""
    NO_CAPTURE = "NO_CAPTURE"
    """A metadata row has no file."""
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
    BAD_PATCHES = "BAD_PATCHES"
    """The patch file cannot be used, or a patch lies outside the mask: only the rest was measured."""


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


class MissingInputsError(ValueError):
    """A stage was asked for whose inputs do not exist; the message says what makes them."""
