"""What is wrong with all captures alike: with how a study was exported, not with a specimen."""

import pandas as pd

from xmodal_pipeline.errors import CaptureCode, RunStoppedError


def describe_shared_faults(specimen_index: pd.DataFrame, quality_report: pd.DataFrame) -> str:
    """What is wrong with the whole study, by its first cause; empty where nothing is.

    Args:
        specimen_index: the accepted captures with their `flags`.
        quality_report: one row per capture and band.
    """
    n = len(specimen_index)
    inverted = int(_has(specimen_index["flags"], CaptureCode.INVERTED_MASK).sum())
    if 2 * inverted > n:  # bands are dead in the background, too: no second cause
        return f"in {inverted} of {n} captures the mask touches all borders: is it inverted?"
    dead = dead_bands(quality_report)
    return f"in {n} of {n} captures {', '.join(dead)} hold no signal." if dead else ""


def dead_bands(quality_report: pd.DataFrame) -> list[str]:
    """The bands that are dead in every capture, in their order; none without captures.

    Args:
        quality_report: one row per capture and band, with `flags`.
    """
    if quality_report.empty:
        return []
    is_dead = _has(quality_report["flags"], CaptureCode.DEAD_BAND)
    always = is_dead.groupby(quality_report["band"], sort=False).all()
    return [str(band) for band in always.index[always]]


def refuse_dead_bands(specimen_index: pd.DataFrame, quality_report: pd.DataFrame, *, is_pair: bool) -> None:
    """Stop before models are trained on bands without signal.

    Args:
        specimen_index: the accepted captures.
        quality_report: one row per capture and band.
        is_pair: whether captures are pairs of photographs, whose bands no layout can leave out.

    Raises:
        RunStoppedError: if a band is dead in every capture, with the cause and what to do.
    """
    if not dead_bands(quality_report):
        return
    cause = describe_shared_faults(specimen_index, quality_report)
    if cause.endswith("?"):
        remedy = "export the masks with 0 as background"
    elif is_pair:
        remedy = "save these photographs again with the other bands alone (one band: greyscale)"
    else:
        remedy = "name a layout in specimens.layout whose rgb and uv leave them out"
    raise RunStoppedError(
        f"split: every band must hold signal in some capture, but {cause} Next: {remedy}, "
        "and run 'ingest' again"
    )


def _has(flags: pd.Series, code: CaptureCode) -> pd.Series:
    return flags.map(lambda codes: code.value in str(codes).split(";")).astype(bool)
