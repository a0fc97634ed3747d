"""What all captures share is said once, and bands without signal stop the run before models are trained."""

import pandas as pd
import pytest

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.specimens.shared_faults import describe_shared_faults, refuse_dead_bands


def quality(*flags_of_uv2):
    rows = [
        {"capture_id": f"c{n}", "band": band, "flags": flags if band == "UV2" else ""}
        for n, flags in enumerate(flags_of_uv2)
        for band in ("UV1", "UV2")
    ]
    return pd.DataFrame(rows)


def index(*flags):
    return pd.DataFrame({"flags": list(flags)})


def test_an_inverted_mask_is_asked_about_once_where_most_are():
    flags = ["INVERTED_MASK", "SATURATED;INVERTED_MASK", "MASK_TOUCHES_BORDER"]
    cause = "in 2 of 3 captures the mask touches all borders: is it inverted?"
    assert describe_shared_faults(index(*flags), quality("", "", "")) == cause
    assert describe_shared_faults(index(*flags), quality(*["DEAD_BAND"] * 3)) == cause
    with pytest.raises(RunStoppedError, match=r"is it inverted\? Next: export the masks"):
        refuse_dead_bands(index(*flags), quality(*["DEAD_BAND"] * 3), is_pair=False)
    assert describe_shared_faults(index("INVERTED_MASK", ""), quality("", "")) == ""
    assert describe_shared_faults(index(), pd.DataFrame()) == ""


def test_a_band_is_dead_where_it_is_in_every_capture():
    two, dead = index("", ""), quality("DEAD_BAND", "SATURATED;DEAD_BAND")
    assert describe_shared_faults(two, dead) == "in 2 of 2 captures UV2 hold no signal."
    with pytest.raises(RunStoppedError, match=r"UV2 hold no signal. Next: save these photographs again"):
        refuse_dead_bands(two, dead, is_pair=True)
    with pytest.raises(RunStoppedError, match=r"UV2 hold no signal. Next: name a layout in specimens.layout"):
        refuse_dead_bands(two, dead, is_pair=False)
    refuse_dead_bands(two, quality("DEAD_BAND", ""), is_pair=True)
    assert describe_shared_faults(two, quality("DEAD_BAND", "")) == ""
