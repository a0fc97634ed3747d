"""One capture from disk: bands in unit scale, and the mask of each modality."""

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.errors import CaptureCode, CaptureRejected
from xmodal_pipeline.imaging.calibration import Calibration, apply_calibration, linearise_srgb
from xmodal_pipeline.imaging.capture import Bands, Capture, CaptureFiles, Mask
from xmodal_pipeline.imaging.decoding import damage_rejected, rejected
from xmodal_pipeline.imaging.mask import alpha_mask, band_mask, separating, white_background_mask
from xmodal_pipeline.imaging.patches import PatchesError, read_patches
from xmodal_pipeline.imaging.raw import RawCapture, read_raw
from xmodal_pipeline.imaging.scale import scale_fault, to_unit
from xmodal_pipeline.imaging.study import Study

_MOST_FLOAT16 = float(np.finfo(np.float16).max)


def read_capture(files: CaptureFiles, study: Study, calibration: Calibration | None = None) -> Capture:
    """Read one capture whole, calibrated where the study is, or say why it cannot be used.

    Args:
        files: where it is.
        study: how it is stored, and whether it has grey standards.
        calibration: the line of each band; None where the capture has none.

    Returns:
        As `read_counts`; in a study with grey standards the bands are reflectance.

    Raises:
        CaptureRejected: as `read_counts` and `calibrate_capture`.
    """
    return calibrate_capture(read_counts(files, study), files, study, calibration)


def read_counts(files: CaptureFiles, study: Study) -> Capture:
    """Read one capture whole in the camera's counts, or say why it cannot be used.

    Args:
        files: where it is.
        study: scale, bands, mask source, encoding, and whether RGB and UV are meant to lie on one another.

    Returns:
        Bands as float32 in unit scale, never clipped, an sRGB encoding undone, and boolean masks. The
        photographs of a pair that is to be registered share the mask of RGB, and so do all bands of a
        stack. Mask source `none` selects every pixel.

    Raises:
        CaptureRejected: UNREADABLE, BAND_COUNT, BAND_LABELS, BAD_SCALE, NOT_FINITE, EMPTY_MASK, FULL_MASK,
            BAD_MASK, SHAPE_MISMATCH or MISSING_PAIR, with the file's name and the reason.
    """
    raw = read_raw(files, study.settings)
    for bands in (raw.rgb, raw.uv):
        check_scale(files.rgb_path.name, bands, study)
    _check_uv_bands(files, raw, study)
    # One after the other, and the stored bands let go: of a large photograph each is a gigabyte.
    rgb = to_unit(raw.rgb, study.scale)
    raw = raw._replace(rgb=np.empty(0))
    rgb_mask = _rgb_mask(files, raw, rgb, study)
    uv = to_unit(raw.uv, study.scale)
    uv_mask = rgb_mask if study.shares_grid else _own_uv_mask(files, raw, uv, study)
    if study.settings.encoding == "srgb":  # after the masks: people see white backgrounds in sRGB
        rgb, uv = linearise_srgb(rgb), linearise_srgb(uv)
    return Capture(rgb, uv, rgb_mask, uv_mask, flags=raw.flags, orientation=raw.orientation)


def check_hashes(files: CaptureFiles) -> None:
    """Refuse a file that is not the one whose hash is known: most formats have no checksum of their own.

    Raises:
        CaptureRejected: HASH_MISMATCH; UNREADABLE where a file cannot be read to its end.
    """
    for path, expected in zip((files.rgb_path, files.uv_path), files.sha256, strict=True):
        if path is None or expected is None:
            continue
        with damage_rejected(path), path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            reason = f"SHA-256 must be {expected}, as the metadata say, got {found}; copy the file again"
            raise rejected(path, CaptureCode.HASH_MISMATCH, reason)


def check_scale(filename: str, bands: NDArray[Any], study: Study) -> None:
    """Refuse bands whose data type contradicts the study's scale.

    Args:
        filename: for the message.
        bands: (bands, height, width), as stored.
        study: its scale, and whether that was sampled.

    Raises:
        CaptureRejected: BAD_SCALE.
    """
    fault = scale_fault(bands.dtype, study.scale, is_auto=study.settings.scale == "auto")
    if fault:
        raise CaptureRejected(filename, CaptureCode.BAD_SCALE, fault)


def _check_uv_bands(files: CaptureFiles, raw: RawCapture, study: Study) -> None:
    if len(raw.uv) != len(study.uv_bands):
        reason = (
            f"UV must have {len(study.uv_bands)} bands as most captures of the study, got {len(raw.uv)}; "
            "export all alike, or give each number of bands a study of its own"
        )
        raise CaptureRejected((files.uv_path or files.rgb_path).name, CaptureCode.BAND_COUNT, reason)


def calibrate_capture(
    counts: Capture, files: CaptureFiles, study: Study, calibration: Calibration | None
) -> Capture:
    """Counts to reflectance, in a study with grey standards; other studies keep their counts.

    Args:
        counts: of `read_counts`.
        files: where the capture is, for the message.
        study: whether it has grey standards, and its bands.
        calibration: the line of each band; None where no grey standard applies to this capture.

    Returns:
        The capture with reflectance in unit scale; above 1 and below 0 stay what they are.

    Raises:
        CaptureRejected: NO_CALIBRATION where the study is calibrated and a band has no line, so that no
            capture enters it in counts; NOT_STORABLE.
    """
    capture = _calibrated(counts, files, study, calibration)
    _check_storable(files, capture)
    return capture


def _check_storable(files: CaptureFiles, capture: Capture) -> None:
    """Found here by capture, and not as a NaN in training: captures are prepared in half precision."""
    for bands, mask in ((capture.rgb, capture.rgb_mask), (capture.uv, capture.uv_mask)):
        if max(float(bands.max()), -float(bands.min())) <= _MOST_FLOAT16:
            continue
        largest = float(np.abs(bands[:, mask]).max())
        if not largest <= _MOST_FLOAT16:
            reason = (
                f"values inside the mask must lie within ±{_MOST_FLOAT16:.0f} times full scale, got "
                f"{largest:.4g}; check specimens.scale and the file"
            )
            raise CaptureRejected(files.rgb_path.name, CaptureCode.NOT_STORABLE, reason)


def _calibrated(
    counts: Capture, files: CaptureFiles, study: Study, calibration: Calibration | None
) -> Capture:
    if study.settings.grey_standards is None:
        return counts
    lines = calibration or {}
    lacking = [name for name in study.bands if name not in lines or not lines[name].is_line]
    if lacking:
        reason = _missing_lines(lacking, lines, study.settings.calibrate_by)
        raise CaptureRejected(files.rgb_path.name, CaptureCode.NO_CALIBRATION, reason)
    return replace(
        counts,
        rgb=apply_calibration(counts.rgb, [lines[name] for name in study.rgb_bands]),
        uv=apply_calibration(counts.uv, [lines[name] for name in study.uv_bands]),
    )


def _missing_lines(lacking: list[str], lines: Calibration, by: str | None) -> str:
    where = "in this photograph" if by is None else f"in the photographs of its '{by}'"
    if not lines:
        return f"a grey standard must stand {where}, found none; add it to specimens.grey_standards"
    found = ", ".join(
        f"{name} ({lines[name].n_used} standards, {lines[name].n_saturated} more saturated)"
        if name in lines
        else f"{name} (none)"
        for name in lacking
    )
    return (
        f"grey standards {where} must fix a rising line in every band, got none for {found}; "
        "check specimens.grey_standards and the exposure"
    )


def _rgb_mask(files: CaptureFiles, raw: RawCapture, rgb: Bands, study: Study) -> Mask:
    filename = files.rgb_path.name
    match study.settings.mask:
        case "alpha" if raw.rgb_alpha is None and study.shares_grid:
            # One mask serves both photographs of a registered pair, whichever of them carries it.
            return alpha_mask(raw.uv_alpha, filename=filename)
        case "alpha":
            return alpha_mask(raw.rgb_alpha, filename=filename)
        case "white_background":
            return white_background_mask(rgb, filename=filename)
        case "band":
            return band_mask(raw.mask_band, filename=filename)
        case "patches":
            return _patches_mask(files, raw, rgb.shape[1:], study)
    return np.ones(rgb.shape[1:], dtype=np.bool_)


def _patches_mask(files: CaptureFiles, raw: RawCapture, shape: tuple[int, int], study: Study) -> Mask:
    """All patches of a capture together."""
    path, settings = files.rgb_path, study.settings
    patches = None
    try:
        if settings.patches is not None:
            patches = read_patches(
                path, settings.patches, shape, orientation=raw.orientation, limits=settings.limits
            )
    except PatchesError as error:
        raise CaptureRejected(
            path.name, CaptureCode.BAD_MASK, f"mask must come from patches, {error}"
        ) from error
    if patches is None:
        reason = "mask must come from patches, this capture has no file of them; draw them beside it"
        raise CaptureRejected(path.name, CaptureCode.BAD_MASK, reason)
    mask = np.zeros(shape, dtype=np.bool_)
    for pixels in patches.values():
        mask.flat[pixels] = True
    return separating(mask, filename=path.name)


def _own_uv_mask(files: CaptureFiles, raw: RawCapture, uv: Bands, study: Study) -> Mask:
    filename = files.uv_path.name if files.uv_path else files.rgb_path.name
    match study.settings.mask:
        case "alpha":
            return alpha_mask(raw.uv_alpha, filename=filename)
        case "white_background":
            return white_background_mask(uv, filename=filename)
    return np.ones(uv.shape[1:], dtype=np.bool_)
