"""Quality on simulated captures: planted faults under their code, and no flag on the others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from xmodal_pipeline.errors import CaptureCode
from xmodal_pipeline.imaging.capture import CaptureFiles
from xmodal_pipeline.imaging.quality import capture_quality
from xmodal_pipeline.imaging.reading import read_capture
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import QualityParams, SimulationParams, SpecimensParams
from xmodal_pipeline.simulation import simulate_study

STUDY = open_study(Path(), SpecimensParams(scale="uint16"), [])
CODES: dict[str, tuple[CaptureCode, ...]] = {
    "": (),
    "no_metadata": (),
    "shifted": (),
    "rotated": (),
    "scaled": (),
    "saturated": (CaptureCode.SATURATED,),
    "dead_uv_band": (CaptureCode.DEAD_BAND,),
    "noise_uv": (CaptureCode.DEAD_BAND,),
}
"""What each fault must be called; the faults left out are refused while reading or seen between captures."""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """(planted fault, capture) of a small study."""
    root = tmp_path_factory.mktemp("simulated") / "study"
    params = SimulationParams(
        n_effect_species=2,
        n_pattern_species=0,
        n_redundant_species=0,
        n_plain_species=1,
        n_per_sex=6,
        repeat_share=0.0,
        fault_count=2,
    )
    truth = simulate_study(params, root, n_jobs=1)
    return [
        (
            row.fault,
            read_capture(CaptureFiles(row.capture_id, "", root / f"{row.capture_id}.tif"), STUDY),
        )
        for row in truth[truth["fault"].isin(list(CODES))].itertuples()
    ]


def judge(capture):
    return capture_quality(capture, STUDY, QualityParams(), ceiling=1.0)


def flags(rows):
    return {row["band"]: row["flags"] for row in rows if row["flags"]}


def test_every_fault_has_its_code_and_nothing_else_has_any(simulated):
    assert {fault for fault, _ in simulated} == set(CODES)
    wrong = [(fault, judge(one)[1]) for fault, one in simulated if judge(one)[1] != CODES[fault]]
    assert wrong == []


def test_the_flagged_bands_are_the_spoilt_ones(simulated):
    """Bands that are constant, noise, or above the limit by a count of the pixels themselves."""
    for fault, capture in simulated:
        found = flags(judge(capture)[0])
        if fault == "dead_uv_band":
            spread = np.ptp(capture.uv[:, capture.uv_mask], axis=1)
            assert found == {
                band: "DEAD_BAND" for band, x in zip(STUDY.uv_bands, spread, strict=True) if x == 0
            }
            assert len(found) == 1
        if fault == "noise_uv":
            assert found == dict.fromkeys(STUDY.uv_bands, "DEAD_BAND")
        if fault == "saturated":
            share = (capture.rgb[:, capture.rgb_mask] >= 255 / 256).mean(axis=1)
            assert found == {
                band: "SATURATED" for band, x in zip(STUDY.rgb_bands, share, strict=True) if x > 0.01
            }
            assert found


def test_a_lost_uv_focus_is_found(simulated):
    """Blur of the lens, before the sensor adds its noise."""
    rng = np.random.default_rng(0)
    clean = [capture for fault, capture in simulated if fault == ""]
    found = []
    for capture in clean:
        blurred = ndimage.gaussian_filter(capture.uv, (0, 4, 4))
        blurred += 0.003 * rng.standard_normal(blurred.shape, dtype=np.float32)
        found.append(judge(replace(capture, uv=blurred))[1] == (CaptureCode.FOCUS_MISMATCH,))
    assert len(found) >= 5
    assert np.mean(found) > 0.8
