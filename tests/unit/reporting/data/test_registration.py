import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.params.ingest import RegistrationParams
from xmodal_pipeline.reporting.data.registration import (
    _turns,
    describe_registration,
    draw_registration,
    picture_registration,
    say_registration,
    tabulate_registration,
)
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.words import ModalityNames


def test_the_table_has_median_and_largest_shift_of_each_status():
    table = pd.DataFrame(
        [
            ("ok", 3.0, 4.0, 0.010, 0.5),
            ("ok", 0.0, 1.0, 0.030, 0.7),
            ("ok", 0.0, 2.0, 0.020, 1.2),
            ("failed", -6.0, 8.0, -0.004, 2.2),
        ],
        columns=["status", "dx_px", "dy_px", "margin", "residual_px"],
    )
    assert tabulate_registration(table).rows == [
        ("failed", "1", "10.00", "10.00", "−0.004", "2.20"),
        ("ok", "3", "2.00", "5.00", "0.020", "0.70"),
    ]


def test_the_methods_say_what_was_found_and_shared(studies, index):
    qa = studies.make_registration(index)
    qa.loc[qa.index[:2], ["rotation_deg", "scale"]] = [[0.7, 1.0], [0.0, 1.02]]
    qa.loc[qa.index[:2], "status"] = "corrected"
    study = studies.make_study(registration="correct")
    told = describe_registration(study, qa, RegistrationParams(rig="camera"))
    counts = qa["status"].value_counts()
    assert told == (
        "The shift of UV against RGB was estimated and corrected by cross-correlation of gradient magnitudes "
        f"({', '.join(f'{n} {status}' for status, n in counts.items())}); the fit, which can be "
        "wrong, gave 2 "
        "of them another rotation or scale; captures of one camera shared one transform."
    )
    plain = describe_registration(
        studies.make_study(registration="check"), studies.make_registration(index), RegistrationParams()
    )
    assert "was estimated by" in plain
    assert "rotation" not in plain
    off = studies.make_study(registration="off", uv_name="Ventral", rgb_name="Dorsal")
    assert describe_registration(off, qa, RegistrationParams()) == (
        "Registration of Ventral to Dorsal was not checked."
    )


def test_registration_shows_each_status_where_the_table_has_it(studies, index):
    table = studies.make_registration(index)
    shift, gate = draw_registration(table, min_margin=0.005, max_residual_px=1.5).axes
    drawn = {c.get_label().split(" (")[0]: c.get_offsets() for c in shift.collections}
    assert set(drawn) == {"ok", "corrected", "failed", "abstained"}
    for status, points in drawn.items():
        rows = table[table["status"] == status]
        np.testing.assert_allclose(points, rows[["dx_px", "dy_px"]])
        assert f"{status} ({len(rows)})" in [c.get_label() for c in shift.collections]
    assert shift.yaxis_inverted()
    failed = next(c for c, s in zip(gate.collections, drawn, strict=True) if s == "failed")
    np.testing.assert_allclose(failed.get_offsets(), [[2.2, -0.01]] * len(failed.get_offsets()))
    lines = [(line.get_xdata(), line.get_ydata()) for line in gate.lines]
    assert ([1.5, 1.5], [0, 1]) in [(list(x), list(y)) for x, y in lines]
    assert ([0, 1], [0.005, 0.005]) in [(list(x), list(y)) for x, y in lines]


def test_registration_that_was_off_says_so(studies, index):
    with pytest.raises(NothingToDrawError, match="registration was off"):
        draw_registration(studies.make_registration(index).assign(status="off"))


def test_gate_holds_for_corrected_captures_too(studies, index):
    table = studies.make_registration(index)
    _, gate = draw_registration(table, min_margin=0.005, min_corrected_margin=0.02, max_residual_px=1.5).axes
    levels = [list(line.get_ydata()) for line in gate.lines]
    assert [0.005, 0.005] in levels
    assert [0.02, 0.02] in levels
    assert {"ok: ≥ 0.005", "corrected: ≥ 0.02", "≤ 1.5 px"} == {text.get_text() for text in gate.texts}


@pytest.mark.parametrize(
    ("statuses", "fates"),
    [
        (
            {"corrected": 162, "failed": 18},
            "in 180 captures: 162 right after a shift was corrected, 18 used misaligned and flagged.",
        ),
        (
            {"ok": 2, "abstained": 1},
            "in 3 captures: 2 right as photographed, 1 flagged for too little structure to judge.",
        ),
        ({"off": 4}, ""),
    ],
)
def test_the_sentence_says_what_became_of_the_captures(statuses, fates):
    qa = pd.DataFrame({"status": [name for name, count in statuses.items() for _ in range(count)]})
    said = [one.text for one in say_registration(qa, ModalityNames())]
    assert said == ([f"How UV lies on RGB, {fates}"] if fates else [])


def test_turns_either_way_are_counted_with_what_became_of_them():
    qa = pd.DataFrame(
        {
            "rotation_deg": [0.4, -0.4, 0.0, float("nan"), -0.9],
            "scale": [1.0, 1.0, 0.98, float("nan"), 1.0],
            "detectable_rotation_deg": 0.5,
            "detectable_scale_error": 0.01,
            "status": ["failed", "corrected", "failed", "failed", "failed"],
        }
    )
    found = "; the fit, which can be wrong, gave {} of them another rotation or scale"
    doubtful = "lie below what such a capture would surely show"
    assert _turns(qa, None) == f"{found.format(4)} (3 were left as they were, 2 {doubtful})"
    assert _turns(qa.iloc[[1]], None) == f"{found.format(1)} (1 {doubtful})"
    sure = qa.drop(columns=["detectable_rotation_deg", "detectable_scale_error"]).assign(status="corrected")
    assert _turns(sure, None) == found.format(4)
    assert _turns(qa.iloc[[3]], "camera") == "; captures of one camera shared one transform"


@pytest.mark.parametrize(("mode", "end"), [("correct", "."), ("check", ", or is shifted, which was not")])
def test_the_caption_says_why_a_capture_inside_the_gate_failed(studies, index, mode, end):
    study = studies.make_study(registration=mode)
    figure = picture_registration(study, studies.make_registration(index), RegistrationParams())
    why = "got another rotation or scale from the fit, which can be wrong"
    assert f"A failed capture inside the gate {why}{end}" in figure.caption
