"""What a run ends with, from the outputs that it made."""

import pandas as pd
from kedro.io import DataCatalog, MemoryDataset

from xmodal_pipeline.datasets.files import FilesDataset
from xmodal_pipeline.summary import describe_claims, summarise_run


def make_uv_value():
    rows = [
        ("colias", "sex", "uv_adds", "colour", "primary", "species", 2.0, 9.0),
        ("colias", "sex", "unresolved", "separate", "primary", "species", 0.0, 9.0),
        ("pieris", "sex", "unresolved", "colour", "primary", "species", 0.0, 1.9),
        ("pieris", "sex", "uv_only", "concat", "exploratory", "species", 2.0, 9.0),
        ("parus", "sex", "too_few", "colour", "primary", "species", None, None),
        ("all species", "sex", "uv_adds", "colour", "primary", "all", 1.0, 3.0),
    ]
    columns = ["species", "label", "verdict", "features", "family", "scope", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def test_claims_count_species_once_and_leave_out_what_is_exploratory_or_pooled():
    assert describe_claims(make_uv_value()) == (
        "UV adds about sex in 1 of 2 species tested (1 more have too few specimens): colias"
    )
    learnt = make_uv_value().replace({"family": {"exploratory": "primary"}})
    assert describe_claims(learnt) == (
        "UV adds about sex in 2 of 2 species tested (1 more have too few specimens): colias, pieris; by "
        "pattern, not by mean colour, in pieris"
    )
    assert describe_claims(make_uv_value().iloc[:0]).startswith("what UV adds: nothing to test")


def test_the_summary_speaks_of_what_was_made_alone(tmp_path):
    index = pd.DataFrame({"capture_id": ["a", "b", "c"], "specimen_id": ["s", "s", "t"]})
    rejected = pd.DataFrame([("d.tif", "UNREADABLE", "x")], columns=["filename", "code", "reason"])
    catalog = DataCatalog(
        {
            "specimen_index": MemoryDataset(index.assign(flags=["", "NO_METADATA", ""])),
            "rejected_captures": MemoryDataset(rejected),
            "uv_value": MemoryDataset(make_uv_value()),
            "contact_sheet": FilesDataset(filepath=str(tmp_path / "sheet")),
        }
    )
    lines = summarise_run({"specimen_index", "rejected_captures", "contact_sheet"}, catalog, "mine")
    assert lines == [
        "study mine",
        "  2 specimens",
        "  4 captures read: 3 accepted, of which 1 flagged (1 NO_METADATA)",
        "  1 rejected (1 UNREADABLE)",
        f"  contact sheet: {tmp_path / 'sheet'}",
    ]
    assert summarise_run({"uv_value"}, catalog, "mine")[1].startswith("  UV adds about sex in 1 of 2")
    assert summarise_run({"metrics_concat"}, catalog, "mine") == []
