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
from xmodal_pipeline.specimens.band_histograms import sum_histograms


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


def test_long_reasons_are_broken_and_long_names_keep_their_number():
    name = "Archaeopteryx_lithographica_subspecies_female_0042_dorsal.tif"
    flags = "REGISTRATION_ABSTAINED;FOCUS_MISMATCH;MASK_TOUCHES_BORDER"
    figure = draw_contact_sheet(pictures(2), [name, "b"], [flags, ""], captures_in_all=500)
    first = figure.axes[0]
    assert first.get_xlabel() == "REGISTRATION_ABSTAINED,\nFOCUS_MISMATCH,\nMASK_TOUCHES_BORDER"
    title = first.get_title("left")
    assert len(title) == 40
    assert title.startswith("Archaeopteryx_lit")
    assert title.endswith("_0042_dorsal.tif")
    assert "2 of 500 captures, 1 flagged" in figure.get_suptitle()


def test_texts_of_a_full_sheet_do_not_overlap():
    codes = "REGISTRATION_ABSTAINED;FOCUS_MISMATCH;MASK_TOUCHES_BORDER;DUPLICATED_BAND"
    names = [f"Archaeopteryx_lithographica_female_{i:04d}_dorsal" for i in range(27)]
    figure = draw_contact_sheet(pictures(27), names, [codes] * 27)
    figure.draw_without_rendering()
    boxes = [
        text.get_window_extent()
        for axes in figure.axes
        for text in (axes.xaxis.label, axes.title, axes._left_title)
        if text.get_text()
    ]
    boxes += [axes.images[0].get_window_extent() for axes in figure.axes]
    assert not [
        (i, j)
        for i, a in enumerate(boxes)
        for j, b in enumerate(boxes[:i])
        if a.shrunk(0.98, 0.9).overlaps(b.shrunk(0.98, 0.9))
    ]


def test_gate_holds_for_corrected_captures_too(studies, index):
    table = studies.make_registration(index)
    _, gate = draw_registration(table, min_margin=0.005, min_corrected_margin=0.02, max_residual_px=1.5).axes
    levels = [list(line.get_ydata()) for line in gate.lines]
    assert [0.005, 0.005] in levels
    assert [0.02, 0.02] in levels
    assert {"ok: ≥ 0.005", "corrected: ≥ 0.02", "≤ 1.5 px"} == {text.get_text() for text in gate.texts}


def test_band_histograms_show_every_pixel_and_name_saturation(studies):
    table = studies.make_histograms()
    figure = draw_band_histograms(table, captures=60, names=ModalityNames("Dorsal", "Ventral"))
    panels = [ax for ax in figure.axes if ax.patches]
    assert [ax.get_title("left") for ax in panels] == [
        "Dorsal: R",
        "Dorsal: G",
        "Dorsal: B",
        "Ventral: UV1",
        "Ventral: UV2",
    ]
    for ax, band in zip(panels, ["R", "G", "B", "UV1", "UV2"], strict=True):
        counts = table.loc[table["band"] == band, "n_px"]
        np.testing.assert_allclose([bar.get_height() for bar in ax.patches], counts / counts.sum())
    red, uv2 = panels[0], panels[-1]
    assert red.get_title("right") == "4.0 % saturated"
    assert red.patches[-2].get_facecolor() != red.patches[-3].get_facecolor()
    assert uv2.get_title("right") == "2.5 % < 0, 2.5 % > 1"
    assert uv2.patches[0].get_x() == pytest.approx(-1 / 64)
    assert uv2.patches[-1].get_x() == pytest.approx(1)


def test_bands_without_captures_say_so():
    with pytest.raises(NothingToDrawError, match="no band was measured"):
        draw_band_histograms(sum_histograms([]), captures=0)


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


def test_class_balance_draws_the_other_labels_too(index):
    views = index.assign(view=["dorsal", "ventral"] * (len(index) // 2))
    main, view = draw_class_balance(views, label="clade", others=["species", "view"]).axes
    assert main.get_title("left") == "60 specimens by species"
    assert [t.get_text() for t in view.get_yticklabels()] == ["dorsal", "ventral"]
    assert [t.get_text() for t in view.texts] == ["30", "30"]


def test_class_balance_leaves_out_the_smallest_of_many_classes(index):
    many = index.assign(drawer=[f"d{i // 2}" for i in range(len(index))])
    figure = draw_class_balance(many, label="drawer", most=10)
    assert len(figure.axes[0].get_yticks()) == 10
    assert "the 10 largest of 30 classes" in figure.axes[0].get_title("left")


def test_class_balance_without_labels_says_so(index):
    with pytest.raises(NothingToDrawError, match="no capture has the label clade"):
        draw_class_balance(index.drop(columns=["species"]), label="clade")
