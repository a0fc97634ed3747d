import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.reporting.data.captures import (
    count_flags,
    describe_rejects,
    describe_split,
    draw_contact_sheet,
    hash_captures,
    picture_contact_sheet,
    say_stand_in,
    say_usable,
    tabulate_flags,
    tabulate_rejects,
)
from xmodal_pipeline.reporting.style import DOUBLE_COLUMN_MM, SINGLE_COLUMN_MM, NothingToDrawError
from xmodal_pipeline.reporting.words import ModalityNames
from xmodal_pipeline.specimens.thumbnails import Thumbnails

NAMES = ModalityNames("Dorsal", "Ventral")


def test_rejects_are_counted_by_code_the_most_frequent_first(studies):
    rejected = studies.make_rejected().replace("the mask selects no pixel", "UV has no pixel")
    assert tabulate_rejects(rejected, NAMES).rows == [
        ("EMPTY_MASK", "Draw the mask, or choose another specimens.mask.", "Ventral has no pixel", "2"),
        ("UNREADABLE", "Copy or export the file again.", "the file ends early", "1"),
    ]
    assert describe_rejects(rejected) == ("3 further captures were rejected (EMPTY_MASK 2, UNREADABLE 1).")
    assert describe_rejects(rejected.iloc[:0]) == "No capture was rejected."


def test_every_flag_of_a_capture_counts(studies):
    flags = ["SATURATED;OUT_OF_RANGE", "SATURATED", "", "SATURATED"]
    table = tabulate_flags(pd.DataFrame({"flags": flags}), studies.make_study("reflectance"))
    assert [(row[0], row[2]) for row in table.rows] == [("SATURATED", "3"), ("OUT_OF_RANGE", "1")]
    assert table.rows[0][1].startswith("Expose less")


def test_advice_asks_for_nothing_that_is_already_set(studies):
    flags = pd.DataFrame({"flags": ["MISREGISTERED"]})
    for mode, words in (
        ("check", "set specimens.registration: correct"),
        ("correct", "Correcting was tried"),
    ):
        (row,) = tabulate_flags(flags, studies.make_study(registration=mode)).rows
        assert words in row[1]


def test_the_first_answer_counts_what_is_used_flagged_and_rejected(studies):
    flags = pd.DataFrame({"flags": ["", "SATURATED", "SATURATED;OUT_OF_RANGE", None]})
    assert say_usable(flags, pd.DataFrame()) == (
        "4 captures are used: 2 without a flag, 2 although flagged; none was rejected."
    )
    assert say_usable(flags, studies.make_rejected()).endswith("; 3 more were rejected.")
    assert count_flags(flags).to_dict() == {"SATURATED": 2, "OUT_OF_RANGE": 1}


def test_the_split_is_told_with_its_parts(studies, index):
    parts = pd.DataFrame({"partition": ["test", "train", "train", "validation", "train"]})
    told = describe_split(parts, index, SplitParams(seed=9))
    assert told == (
        "Specimens were divided at random within species (seed 9) into 3 train, 1 validation, 1 test."
    )
    whole = describe_split(parts, index, SplitParams(held_out="species", seed=3))
    assert "at random, each species in one part, (seed 3) into" in whole
    assert "at random (seed 0)" in describe_split(parts, index[["capture_id"]], SplitParams())
    assert describe_split(parts.iloc[:0], index, SplitParams()) == ""


def test_a_sheet_of_some_captures_says_which(studies, index):
    some = Thumbnails(tuple(index["capture_id"][5:8]), pictures(3))
    caption = picture_contact_sheet(studies.make_study(), index, some).caption
    assert "3 of 60 captures: 1 of the 2 flagged ones, with their codes" in caption
    assert "Orange" not in caption
    regions = picture_contact_sheet(studies.make_study(patches="roi", uv_name="Heat"), index, some).caption
    assert "Blue: outline of the mask. Orange, on RGB: the regions." in regions
    whole = picture_contact_sheet(studies.make_study(), index.iloc[5:8], some)
    assert whole.caption.endswith("Flagged captures come first, with their codes.")
    nothing = picture_contact_sheet(studies.make_study(), index, Thumbnails((), pictures(0)))
    assert nothing.reason == "no thumbnails were made"


def test_without_registration_there_is_no_overlay_to_read(studies, index):
    """Fringes of photographs that were never laid on one another are differences of shape and place."""
    some = Thumbnails(tuple(index["capture_id"][:2]), pictures(2))
    study = studies.make_study(registration="off", rgb_name="dorsal", uv_name="ventral")
    caption = picture_contact_sheet(study, index, some).caption
    assert caption.startswith("Captures as dorsal and ventral. Blue")
    checked = picture_contact_sheet(studies.make_study(registration="check"), index, some).caption
    assert "RGB, UV and their overlay (RGB green, UV magenta" in checked
    two = draw_contact_sheet(pictures(2)[:, :2], ["a", "b"], ["", ""])
    assert two.get_suptitle().startswith("RGB | UV. 2 captures")
    assert two.axes[0].images[0].get_array()[0, -1].tolist() == [0, 50, 0]
    whole = draw_contact_sheet(pictures(2), ["a", "b"], ["", ""])
    assert whole.get_suptitle().startswith("RGB | UV | overlay (RGB green, UV magenta). 2 captures")


def test_what_stands_in_for_uv_is_said_once(studies):
    stand_in = "ventral stands in for UV: unless it is ultraviolet, nothing here concerns ultraviolet light."
    assert say_stand_in(ModalityNames("dorsal", "ventral")) == [stand_in]
    assert say_stand_in(ModalityNames()) == say_stand_in(ModalityNames("visible", "UV 365")) == []


def pictures(count):
    """Each panel is uniform: capture number in red, panel number in green."""
    made = np.zeros((count, 3, 24, 24, 3), np.uint8)
    made[..., 0] = np.arange(count)[:, None, None, None]
    made[..., 1] = np.arange(3)[None, :, None, None] * 50
    return made


def texts_of(figure):
    """Names and reasons of a page, each beside the place of the photographs that it is nearest to."""
    (sheet,) = figure.axes
    lefts_tops = [(image.get_extent()[0], image.get_extent()[3]) for image in sheet.images]
    names, reasons = [""] * len(lefts_tops), [""] * len(lefts_tops)
    for text in sheet.texts:
        x, y = text.get_position()
        is_name = text.get_verticalalignment() == "bottom"
        places = [
            i for i, (left, top) in enumerate(lefts_tops) if left == x and (top > y if is_name else top < y)
        ]
        place = min(places, key=lambda i: abs(lefts_tops[i][1] - y))
        (names if is_name else reasons)[place] = text.get_text()
    return names, reasons


def test_flagged_captures_come_first_with_their_reason():
    figure = draw_contact_sheet(
        pictures(5), list("abcde"), ["", "", "SATURATED;DEAD_BAND", "", "OUT_OF_RANGE"]
    )
    names, reasons = texts_of(figure)
    assert names == list("ceabd")
    assert reasons == ["SATURATED, DEAD_BAND", "OUT_OF_RANGE", "", "", ""]
    shown = figure.axes[0].images
    assert [int(image.get_array()[0, 0, 0]) for image in shown] == [2, 4, 0, 1, 3]
    strip = shown[0].get_array()
    assert strip[0, [0, 30, 60], 1].tolist() == [0, 50, 100]


def test_photographs_keep_their_proportions_and_stand_in_rows():
    figure = draw_contact_sheet(pictures(5), list("abcde"), [""] * 5)
    figure.draw_without_rendering()
    boxes = [image.get_window_extent() for image in figure.axes[0].images]
    high, wide = figure.axes[0].images[0].get_array().shape[:2]
    assert {round(box.width / box.height, 3) for box in boxes} == {round(wide / high, 3)}
    assert boxes[0].x0 < boxes[1].x0 < boxes[2].x0
    assert boxes[0].y0 == boxes[2].y0 > boxes[3].y1
    assert boxes[3].x0 == boxes[0].x0


def test_pages_follow_one_another():
    captions = [f"c{i}" for i in range(30)]
    second = draw_contact_sheet(pictures(30), captions, [""] * 30, page=1)
    assert texts_of(second)[0] == ["c27", "c28", "c29"]
    assert "Page 2 of 2" in second.get_suptitle()
    with pytest.raises(NothingToDrawError, match="no capture on page 3"):
        draw_contact_sheet(pictures(30), captions, [""] * 30, page=2)


def test_long_reasons_are_broken_and_long_names_keep_their_number():
    name = "Archaeopteryx_lithographica_subspecies_female_0042_dorsal.tif"
    flags = "REGISTRATION_ABSTAINED;FOCUS_MISMATCH;MASK_TOUCHES_BORDER"
    figure = draw_contact_sheet(pictures(2), [name, "b"], [flags, ""], captures_in_all=500)
    names, reasons = texts_of(figure)
    assert reasons[0] == "REGISTRATION_ABSTAINED,\nFOCUS_MISMATCH,\nMASK_TOUCHES_BORDER"
    assert len(names[0]) == 40
    assert names[0].startswith("Archaeopteryx_lit")
    assert names[0].endswith("_0042_dorsal.tif")
    assert "2 of 500 captures, 1 flagged" in figure.get_suptitle()


@pytest.mark.parametrize("width_mm", [SINGLE_COLUMN_MM, DOUBLE_COLUMN_MM])
def test_texts_of_a_full_sheet_do_not_overlap_and_stay_on_it(width_mm):
    codes = "REGISTRATION_ABSTAINED;FOCUS_MISMATCH;MASK_TOUCHES_BORDER;DUPLICATED_BAND"
    names = [f"Archaeopteryx_lithographica_female_{i:04d}_dorsal" for i in range(27)]
    figure = draw_contact_sheet(pictures(27), names, [codes] * 27, width_mm=width_mm)
    figure.draw_without_rendering()
    (sheet,) = figure.axes
    shown = [*sheet.texts, figure._suptitle, *sheet.images]
    boxes = [artist.get_window_extent() for artist in shown]
    assert not [
        (i, j)
        for i, a in enumerate(boxes)
        for j, b in enumerate(boxes[:i])
        if a.shrunk(0.98, 0.9).overlaps(b.shrunk(0.98, 0.9))
    ]
    page = figure.bbox
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 for box in boxes)
    assert all(box.y1 <= page.y1 for box in boxes)


def test_data_hash_ignores_order_and_follows_content(studies):
    index = studies.make_index()
    same = hash_captures(index.sample(frac=1, random_state=np.random.RandomState(0)))
    assert same == hash_captures(index)
    index.loc[0, "sha256"] = "f" * 64
    assert same != hash_captures(index)
