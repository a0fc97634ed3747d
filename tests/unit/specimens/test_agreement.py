"""A specimen whose captures disagree about a label is left out of it, and no other is."""

import pandas as pd

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.agreement import settle_labels


def captures(**labels):
    ids = list("aabbccdd")
    table = pd.DataFrame({"specimen_id": ids, "flags": ["NO_METADATA"] + [""] * 7, **labels})
    return table.astype("string")


def settle(table, **settings):
    labels = [name for name in table if name not in ("specimen_id", "flags")]
    return settle_labels(table, labels, SpecimensParams(**settings))


def test_only_the_specimens_that_disagree_lose_the_label():
    table = captures(sex=["m", "f", "m", None, "f", "f", "m", "m"], species=list("ssssttss"))
    settled, found = settle(table)
    assert settled["sex"].tolist() == [pd.NA, pd.NA, "m", pd.NA, "f", "f", "m", "m"]
    assert settled["species"].tolist() == table["species"].tolist()
    assert settled["flags"].tolist() == ["NO_METADATA;LABELS_DISAGREE", "LABELS_DISAGREE"] + [""] * 6
    (one,) = found
    assert (one.label, one.specimens) == ("sex", {"a": ("m", "f")})
    assert one.describe() == "sex disagrees between captures of a (m, f): unlabelled there"


def test_a_label_that_most_specimens_have_twice_describes_captures():
    # Sessions differ within a, b and c; morphs within a only.
    sessions = ["1", "2", "1", "2", "1", "2", "1", "1"]
    table = captures(session=sessions, morph=["x", "y", "x", "x", "y", "y", "x", "x"], view=list("dvdvdvdv"))
    settled, found = settle(table)
    assert settled["session"].tolist() == sessions
    assert settled["view"].tolist() == list("dvdvdvdv")
    assert settled["morph"].tolist() == [pd.NA, pd.NA, "x", "x", "y", "y", "x", "x"]
    assert [one.label for one in found] == ["morph"]


def test_the_label_of_the_study_belongs_to_specimens_and_confounders_to_captures():
    table = captures(session=["1", "2", "1", "2", "1", "2", "1", "1"], camera=list("xyxxxxxx"))
    settled, _ = settle(table, label="session", confounders=("camera",))
    assert settled["session"].isna().tolist() == [True] * 6 + [False] * 2
    assert settled["camera"].tolist() == list("xyxxxxxx")


def test_measures_may_differ():
    table = captures(wing=["20.5", "20.6", "19.1", "19.1", "18.2", "18.2", "17.3", "17.3"])
    settled, found = settle(table)
    assert settled.equals(table.assign(flags=table["flags"].astype(object)))
    assert found == ()
