import numpy as np
import pytest

from xmodal_pipeline.reporting.ingest_figures import (
    draw_band_histograms,
    draw_class_balance,
    draw_contact_sheet,
    draw_registration,
)
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.style import NothingToDrawError


def pictures(count):
    """Each panel is uniform: capture number in red, panel number in green."""
    made = np.zeros((count, 3, 24, 24, 3), np.uint8)
    made[..., 0] = np.arange(count)[:, None, None, None]
    made[..., 1] = np.arange(3)[None, :, None, None] * 50
    return made


def test_flagged_captures_come_first_with_their_reason():
    figure = draw_contact_sheet(
        pictures(5), list("abcde"), ["", "", "SATURATED;DEAD_BAND", "", "OUT_OF_RANGE"]
    )
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title("left") for ax in shown] == list("ceabd")
    assert [ax.get_xlabel() for ax in shown[:2]] == [
        "SATURATED, DEAD_BAND",
        "OUT_OF_RANGE",
    ]
    assert [int(ax.images[0].get_array()[0, 0, 0]) for ax in shown] == [2, 4, 0, 1, 3]
    strip = shown[0].images[0].get_array()
    assert strip[0, [0, 30, 60], 1].tolist() == [0, 50, 100]


def test_pages_follow_one_another():
    captions = [f"c{i}" for i in range(30)]
    second = draw_contact_sheet(pictures(30), captions, [""] * 30, page=1)
    assert [ax.get_title("left") for ax in second.axes if ax.images] == ["c27", "c28", "c29"]
    assert "Page 2 of 2" in second.get_suptitle()
    with pytest.raises(NothingToDrawError, match="no capture on page 3"):
        draw_contact_sheet(pictures(30), captions, [""] * 30, page=2)


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


def test_band_histogram_counts_every_capture_once(studies, index):
    table = studies.make_quality(index)
    figure = draw_band_histograms(table, names=ModalityNames("Dorsal", "Ventral"))
    panels = [ax for ax in figure.axes if ax.patches]
    assert [ax.get_title("left") for ax in panels] == [
        "Dorsal: R",
        "Dorsal: G",
        "Dorsal: B",
        "Ventral: UV1",
        "Ventral: UV2",
    ]
    for ax, band in zip(panels, ["R", "G", "B", "UV1", "UV2"], strict=True):
        means = table.loc[table["band"] == band, "mean"]
        assert sum(p.get_height() for p in ax.patches) == len(index)
        assert ax.lines[0].get_xdata()[0] == pytest.approx(means.median())
        centre = sum(p.get_height() * (p.get_x() + p.get_width() / 2) for p in ax.patches) / len(index)
        assert centre == pytest.approx(means.mean(), abs=0.02)


def test_class_balance_counts_specimens_not_captures(index):
    twice = index.assign(species=index["species"].where(index.index != 0, "Pieris rapae"))
    twice = twice._append(twice.iloc[5], ignore_index=True) if hasattr(twice, "_append") else twice
    axes = draw_class_balance(twice).axes[0]
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert [t.get_text() for t in axes.texts] == ["13", "12", "12", "12", "11"]
    assert names[0] == "Pieris rapae"
    assert names[-1] == "Colias croceus"
    widths = {bars.get_label(): [p.get_width() for p in bars] for bars in axes.containers}
    assert widths["female"] == [7, 6, 6, 6, 4]
    assert widths["unlabelled"] == [0, 0, 0, 0, 1]


def test_class_balance_without_labels_says_so(index):
    with pytest.raises(NothingToDrawError, match="no capture has the label clade"):
        draw_class_balance(index, label="clade")
