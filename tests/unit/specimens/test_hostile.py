"""Every bad file is a row, never the end; the long form is benchmarks/hostile.py."""

import importlib.util
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import QualityParams, RegistrationParams, SpecimensParams
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.examination import examine_captures
from xmodal_pipeline.specimens.listing import list_study

SOURCE = Path(__file__).parents[3] / "benchmarks" / "hostile.py"
spec = importlib.util.spec_from_file_location("hostile", SOURCE)
hostile = importlib.util.module_from_spec(spec)
sys.modules["hostile"] = hostile
spec.loader.exec_module(hostile)

N_BAD = len(hostile.ODD_NAMES) + 2 * len(hostile.DAMAGES)
NEVER_GOOD = ("truncated", "no pixels", "one bit", "bomb", "declares much", "no image", "beyond half")


@pytest.mark.parametrize("layout", ["pair", "stack"])
def test_hostile_files_and_names_are_rows_and_the_good_ones_accepted(tmp_path, layout):
    found = hostile.write_hostile(tmp_path / "captures", N_BAD, 0, layout)
    given = {
        name.removeprefix("specimens."): value
        for name, value in hostile.settings(found.folder, layout).items()
        if name.startswith("specimens.")
    }
    settings = SpecimensParams.model_validate(given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoders warn of what they then refuse
        listing = list_study(found.folder, settings)
        study = open_study(found.folder, settings, capture_files(listing.captures, found.folder))
        tables = examine_captures(
            listing.captures, pd.DataFrame(), study, RegistrationParams(), QualityParams(n_jobs=1)
        )
    index = tables.specimen_index
    rejected = pd.concat([listing.rejected, tables.rejected_captures])
    outcomes = dict(zip(index["filename"], index["flags"], strict=True))
    outcomes |= dict(zip(rejected["filename"], rejected["code"], strict=True))
    by_kind = {
        kind: Counter(outcomes[hostile.quoted(name)] for name, one in found.kinds.items() if one == kind)
        for kind in found.kinds.values()
    }
    accepted = set(index["filename"])
    for name, kind in found.kinds.items():
        is_accepted = hostile.quoted(name) in accepted
        if kind == hostile.GOOD:
            assert is_accepted, by_kind
        elif kind in (
            "truncated",
            "no pixels",
            "one bit",
            "bomb",
            "declares much",
            "no image",
            "beyond half",
        ):
            assert not is_accepted, (kind, by_kind[kind])
        elif kind == hostile.ODD_NAME:
            assert is_accepted == (outcomes[hostile.quoted(name)] != "BAD_NAME"), name
    assert by_kind[hostile.ODD_NAME]["BAD_NAME"] == 6
    assert set(by_kind["bomb"] | by_kind["declares much"]) <= {"UNREADABLE", "TOO_LARGE", "BAD_SCALE"}
    assert by_kind["beyond half"] == {"NOT_STORABLE": 2}
    assert rejected["reason"].str.len().max() < 600
    assert index["species"].str.len().max() <= 1000
    assert np.isfinite(tables.quality_report[["mean", "sd", "min", "max"]].to_numpy()).all()
