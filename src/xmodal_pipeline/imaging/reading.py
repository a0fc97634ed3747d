"""One capture from disk: bands in unit scale, and the mask of each modality."""

from dataclasses import replace

import numpy as np

from xmodal_pipeline.errors import CaptureCode, CaptureRejected
from xmodal_pipeline.imaging.calibration import Calibration, apply_calibration, linearise_srgb
from xmodal_pipeline.imaging.capture import Bands, Capture, CaptureFiles, Mask
from xmodal_pipeline.imaging.mask import alpha_mask, band_mask, white_background_mask
from xmodal_pipeline.imaging.scale import check_scale, to_unit
from xmodal_pipeline.imaging.stored import StoredCapture, read_stored
from xmodal_pipeline.params.ingest import Scale, SpecimensParams


def read_capture(
    files: CaptureFiles, specimens: SpecimensParams, scale: Scale, calibration: Calibration | None = None
) -> Capture:
    """Read one capture whole, calibrated where the study is, or say why it cannot be used.

    Args:
        files: where it is.
        specimens: how it is stored, and whether the study is calibrated.
        scale: what the stored numbers are, from `resolve_scale`; not `auto`.
        calibration: the line of each band; None where the capture has none.

    Returns:
        As `read_counts`; in a calibrated study the bands are reflectance.

    Raises:
        CaptureRejected: as `read_counts` and `calibrate_capture`.
        ValueError: if `scale` is `auto`.
    """
    counts = read_counts(files, specimens, scale)
    return calibrate_capture(counts, files, specimens, calibration)


def read_counts(files: CaptureFiles, specimens: SpecimensParams, scale: Scale) -> Capture:
    """Read one capture whole in the camera's counts, or say why it cannot be used.

    Args:
        files: where it is.
        specimens: layout, mask source, encoding, and whether a pair is meant to be registered.
        scale: what the stored numbers are, from `resolve_scale`; not `auto`.

    Returns:
        Bands as float32 in unit scale, never clipped, an sRGB encoding undone, and boolean masks. The
        photographs of a pair that is to be registered share the mask of RGB, and so do all bands of a
        stack. Mask source `band` selects every pixel where the layout has no mask band.

    Raises:
        CaptureRejected: UNREADABLE, BAND_COUNT, BAND_LABELS, BAD_SCALE, NOT_FINITE, EMPTY_MASK, FULL_MASK,
            BAD_MASK, SHAPE_MISMATCH or MISSING_PAIR, with the file's name and the reason.
        ValueError: if `scale` is `auto`.
    """
    if scale == "auto":
        raise ValueError(
            "read_counts: scale must be decided for the whole study, got auto; call resolve_scale"
        )
    filename = files.rgb_path.name
    stored = read_stored(files, specimens)
    check_scale(filename, stored, specimens, scale)
    rgb, uv = to_unit(stored.rgb, scale), to_unit(stored.uv, scale)
    rgb_mask = _rgb_mask(files, stored, rgb, specimens)
    is_shared = files.uv_path is None or specimens.registration != "off"
    uv_mask = rgb_mask if is_shared else _own_uv_mask(files, stored, uv, specimens)
    if specimens.encoding == "srgb":  # after the masks: white backgrounds are told apart as people see them
        rgb, uv = linearise_srgb(rgb), linearise_srgb(uv)
    return Capture(rgb=rgb, uv=uv, rgb_mask=rgb_mask, uv_mask=uv_mask, flags=stored.flags)


def calibrate_capture(
    counts: Capture, files: CaptureFiles, specimens: SpecimensParams, calibration: Calibration | None
) -> Capture:
    """Counts to reflectance, in a study with grey standards; other studies keep their counts.

    Args:
        counts: of `read_counts`.
        files: where the capture is, for the message.
        specimens: whether the study is calibrated, and the layout in force.
        calibration: the line of each band; None where no grey standard applies to this capture.

    Returns:
        The capture with reflectance in unit scale; above 1 and below 0 stay what they are.

    Raises:
        CaptureRejected: NO_CALIBRATION where the study is calibrated and a band has no line, so that no
            capture enters it in counts.
    """
    if specimens.grey_standards is None:
        return counts
    lines = calibration or {}
    layout = specimens.band_layout
    rgb_names, uv_names = layout.rgb, layout.uv[: len(counts.uv)]
    lacking = [name for name in (*rgb_names, *uv_names) if name not in lines or not lines[name].is_line]
    if lacking:
        raise CaptureRejected(
            files.rgb_path.name, CaptureCode.NO_CALIBRATION, _missing_lines(lacking, lines, specimens)
        )
    return replace(
        counts,
        rgb=apply_calibration(counts.rgb, [lines[name] for name in rgb_names]),
        uv=apply_calibration(counts.uv, [lines[name] for name in uv_names]),
    )


def _missing_lines(lacking: list[str], lines: Calibration, specimens: SpecimensParams) -> str:
    by = specimens.calibrate_by
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


def _rgb_mask(files: CaptureFiles, stored: StoredCapture, rgb: Bands, specimens: SpecimensParams) -> Mask:
    filename = files.rgb_path.name
    match specimens.mask:
        case "alpha" if stored.rgb_alpha is None and specimens.registration != "off":
            # One mask serves both photographs of a registered pair, whichever of them carries it.
            return alpha_mask(stored.uv_alpha, filename=filename)
        case "alpha":
            return alpha_mask(stored.rgb_alpha, filename=filename)
        case "white_background":
            return white_background_mask(rgb, filename=filename)
        case "band" if stored.mask_band is not None:
            return band_mask(stored.mask_band, filename=filename)
    return np.ones(rgb.shape[1:], dtype=np.bool_)


def _own_uv_mask(files: CaptureFiles, stored: StoredCapture, uv: Bands, specimens: SpecimensParams) -> Mask:
    filename = files.uv_path.name if files.uv_path else files.rgb_path.name
    match specimens.mask:
        case "alpha":
            return alpha_mask(stored.uv_alpha, filename=filename)
        case "white_background":
            return white_background_mask(uv, filename=filename)
    return np.ones(uv.shape[1:], dtype=np.bool_)
