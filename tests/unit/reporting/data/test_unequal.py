import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from xmodal_pipeline.reporting.data.unequal import find_unequal


def make_index(flagged, sizes, label="genus", code="SATURATED"):
    """`flagged` of `sizes` specimens per class carry the code, in their one capture."""
    rows = [(name, code if i < flagged[name] else "") for name, size in sizes.items() for i in range(size)]
    table = pd.DataFrame(rows, columns=[label, "flags"])
    return table.assign(specimen_id=[f"i{i}" for i in table.index])


def test_the_class_in_which_a_code_is_more_frequent_is_named_with_the_others():
    sizes = {"parides": 84, "parnassius": 149, "troides": 63, "ornithoptera": 47}
    index = make_index({"parides": 23, "parnassius": 20, "troides": 1, "ornithoptera": 6}, sizes)
    p = 4 * fisher_exact([[23, 61], [27, 232]], alternative="greater").pvalue
    assert find_unequal(index) == [
        "SATURATED is more frequent in genus parides: 23 of 84 specimens, 27 of 259 elsewhere (corrected p = "
        f"{p:.3f})."
    ]
    species = find_unequal(index.rename(columns={"genus": "species"}).replace("parides", "parides_iphidamas"))
    assert species[0].startswith("SATURATED is more frequent in Parides iphidamas: 23 of 84")


@pytest.mark.parametrize(
    ("flagged", "alone", "among_six"), [(6, True, True), (5, True, False), (4, False, False)]
)
def test_classes_and_codes_are_one_family(flagged, alone, among_six):
    """4, 5 and 6 of 10 against none of 10: p = .043, .016 and .005."""
    index = make_index({"one": flagged, "two": 0}, {"one": 10, "two": 10}, "session")
    assert bool(find_unequal(index)) is alone
    assert bool(find_unequal(index.assign(sex=["a", "b"] * 10, morph=["a", "b"] * 10))) is among_six


def test_a_code_of_all_captures_or_of_one_class_says_nothing():
    every = make_index({"one": 10, "two": 10}, {"one": 10, "two": 10})
    assert find_unequal(every) == []
    assert find_unequal(every[every["genus"] == "one"]) == []
    none = every.assign(flags=pd.NA)
    assert find_unequal(none) == []


def test_every_code_of_a_capture_and_every_label_count():
    index = make_index({"one": 10, "two": 0}, {"one": 10, "two": 20}, code="X;Y")
    index = index.assign(session=index["genus"].map({"one": "early", "two": "late"}), filename="f.tif")
    assert [one.split(":")[0] for one in find_unequal(index)] == [
        "X is more frequent in genus one",
        "X is more frequent in session early",
        "Y is more frequent in genus one",
        "Y is more frequent in session early",
    ]


def test_repeats_of_a_specimen_count_once():
    """4 of 10 against none of 10 is p = .043 once, and far less were each of three captures a specimen."""
    once = make_index({"one": 4, "two": 0}, {"one": 10, "two": 10})
    assert find_unequal(once) == []
    assert find_unequal(pd.concat([once] * 3)) == []
    # One flagged capture of three is enough.
    six = make_index({"one": 6, "two": 0}, {"one": 10, "two": 10})
    assert find_unequal(pd.concat([six.assign(flags=""), six])) == find_unequal(six) != []


def test_under_the_null_few_tables_name_a_class():
    """Two labels of three classes, three captures per specimen whose flags go together: at most .05."""
    rng = np.random.default_rng(0)
    specimens = [f"i{i}" for i in range(40)]
    named = 0
    for _ in range(200):
        flags = np.where(rng.random(40) < 0.25, "SATURATED", "")
        labels = {name: rng.choice(["a", "b", "c"], 40, p=[0.6, 0.3, 0.1]) for name in ("sex", "morph")}
        index = pd.DataFrame({"specimen_id": specimens, "flags": flags, **labels})
        named += bool(find_unequal(pd.concat([index] * 3)))
    assert named <= 10
