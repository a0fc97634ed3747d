import pandas as pd

from xmodal_pipeline.specimens.thumbnails import MOST, MOST_UNFLAGGED, _choose


def make_index(flags):
    return pd.DataFrame({"capture_id": [f"c{i:04d}" for i in range(len(flags))], "flags": flags})


def test_all_flagged_captures_and_a_spread_of_the_others():
    flags = ["SATURATED" if i % 50 == 3 else "" for i in range(1000)]
    chosen = _choose(make_index(flags))
    assert (chosen["flags"][:20] == "SATURATED").all()
    others = chosen["capture_id"][20:].tolist()
    assert len(others) == MOST_UNFLAGGED
    assert (others[0], others[-1]) == ("c0000", "c0999")
    assert len(set(chosen["capture_id"])) == len(chosen)


def test_a_rare_reason_is_not_crowded_out():
    flags = ["SATURATED"] * 900 + ["MISREGISTERED"] * 2 + [""] * 98
    chosen = _choose(make_index(flags))
    assert len(chosen) == MOST
    assert chosen["flags"].value_counts().to_dict() == {"SATURATED": MOST - 2, "MISREGISTERED": 2}


def test_a_small_study_is_shown_whole_and_an_empty_one_not_at_all():
    assert sorted(_choose(make_index(["", "DEAD_BAND", ""]))["capture_id"]) == ["c0000", "c0001", "c0002"]
    assert _choose(make_index([])).empty
