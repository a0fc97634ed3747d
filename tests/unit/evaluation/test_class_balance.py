import pandas as pd

from xmodal_pipeline.evaluation.class_balance import COLUMNS, class_balance


def test_specimens_count_once_and_missing_labels_have_a_row():
    index = pd.DataFrame(
        {
            "capture_id": list("abcde"),
            "specimen_id": ["s1", "s1", "s2", "s3", "s4"],
            "filename": list("abcde"),
            "species": ["x", "x", "x", "y", "y"],
            "sex": ["m", "m", None, "f", "f"],
        }
    ).astype("string")

    rows = class_balance(index).fillna("").to_numpy().tolist()

    assert rows == [
        ["species", "x", "", 2, 3],
        ["species", "y", "", 2, 2],
        ["sex", "f", "", 2, 2],
        ["sex", "m", "", 1, 2],
        ["sex", "", "", 1, 1],
        ["sex", "m", "x", 1, 2],
        ["sex", "", "x", 1, 1],
        ["sex", "f", "y", 2, 2],
    ]


def test_no_labels():
    table = class_balance(pd.DataFrame({"capture_id": ["a"], "specimen_id": ["a"]}))

    assert table.empty
    assert list(table.columns) == list(COLUMNS)


def test_a_specimen_counts_in_every_class_of_its_captures():
    index = pd.DataFrame(
        {
            "capture_id": list("abcd"),
            "specimen_id": ["s1", "s1", "s1", "s2"],
            "filename": list("abcd"),
            "session": ["one", "two", None, "two"],
        }
    ).astype("string")

    rows = class_balance(index)[["class", "n_specimens", "n_captures"]].to_numpy().tolist()

    assert rows == [["one", 1, 2], ["two", 2, 2]]
