"""The table of grey standards: what it may say, and how it is refused."""

import re

import pytest
from pydantic import ValidationError

from xmodal_pipeline.checks import check_specimens
from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.specimens.grey_standards import list_standards_only, read_standards

STACK = "filename,x,y,radius,R,G,B,UV1,UV2,UV3"
GOOD = "a.tif,10,12.5,4,.5,.5,.5,.4,.4,.4"


def read(tmp_path, text, encoding="utf-8", **changes):
    for name in ("a.tif", "b.tif", "x_vis.jpg", "x_uv.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "s.csv").write_bytes(text.encode(encoding))
    settings = {"layout": "rgb_uv", "encoding": "linear", "grey_standards": "s.csv", "root": tmp_path}
    return read_standards(tmp_path, SpecimensParams(**(settings | changes)))


def test_a_row_is_a_standard(tmp_path):
    (one,) = read(tmp_path, f"{STACK}\n{GOOD}\n")
    assert (one.filename, one.disc, one.modality, one.standards_only, one.group) == (
        "a.tif",
        (10, 12.5, 4),
        None,
        False,
        None,
    )
    assert one.reflectance == {"R": 0.5, "G": 0.5, "B": 0.5, "UV1": 0.4, "UV2": 0.4, "UV3": 0.4}
    assert read_standards(tmp_path, SpecimensParams()) == []


def test_semicolons_decimal_commas_and_latin_1_are_read(tmp_path):
    text = (
        f"{STACK},Größe,session\n{GOOD},5,S 1\n".replace(",", ";").replace(".", ",").replace(",tif", ".tif")
    )
    (one,) = read(tmp_path, text, "latin-1", calibrate_by="session")
    assert one.disc.y == 12.5
    assert one.reflectance["R"] == 0.5
    assert one.group == "s 1"


def test_photographs_of_standards_only_are_listed(tmp_path):
    header = f"{STACK},session,standards_only"
    rows = read(
        tmp_path, f"{header}\n{GOOD},,no\nb{GOOD[1:]},S1,Yes\nb{GOOD[1:]},s1,yes", calibrate_by="session"
    )
    assert list_standards_only(rows) == {"b.tif"}


def test_of_a_pair_each_photograph_fills_in_its_own_bands(tmp_path):
    header = "filename,x,y,radius,R,G,B,UV1"
    rows = read(
        tmp_path,
        f"{header}\nx_vis.jpg,1,1,1,.1,.2,.3,\nx_uv.jpg,1,1,1,,,,.4",
        layout=None,
        rgb_suffix="_vis",
        uv_suffix="_uv",
    )
    assert [(row.modality, row.reflectance) for row in rows] == [
        ("rgb", {"R": 0.1, "G": 0.2, "B": 0.3}),
        ("uv", {"UV1": 0.4}),
    ]
    with pytest.raises(ValueError, match=r"row 1: must fill in the bands of this one photograph"):
        read(
            tmp_path,
            f"{header}\nx_vis.jpg,1,1,1,.1,.2,.3,.4",
            layout=None,
            rgb_suffix="_vis",
            uv_suffix="_uv",
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{STACK[:-4]}\n{GOOD[:-3]}", "must have the columns .* lacks ['UV3']"),
        (
            f"{STACK}\n{GOOD.replace(',.5', ',50', 1)}",
            "reflectance must be in unit scale, 0 to 1.5, got {'R'",
        ),
        (f"{STACK}\n{GOOD},1", "grey_standards 's.csv': every row must have 10 fields"),
        (f"{STACK}\n{GOOD[:-2]}", "every band must have a reflectance"),
        (f"{STACK}\n{GOOD}\n{GOOD.replace('12.5', 'top')}", "row 2: y must be a number, got 'top'"),
        (f"{STACK}\n{GOOD.replace(',4,', ',0,')}", "radius must be positive, got 0"),
        (f"{STACK}\n{GOOD.replace(',4,', ',inf,')}", "radius must be a number, got 'inf'"),
        (f"{STACK}\nz{GOOD[1:]}", "every filename must be a file under .* 1 are not: ['z.tif']"),
        (f"{STACK},standards_only\n{GOOD},maybe", "standards_only must be yes or no, got 'maybe'"),
        (f"{STACK},standards_only\n{GOOD},yes", "a photograph of standards only must name its"),
        (f"{STACK},standards_only\n{GOOD},no\n{GOOD},yes", "must name its"),
    ],
)
def test_what_is_wrong_in_the_table_is_named_before_anything_runs(tmp_path, text, message):
    pattern = ".*".join(map(re.escape, message.split(" .* ")))
    with pytest.raises(ValueError, match=pattern):
        read(tmp_path, text)
    specimens = SpecimensParams(root=tmp_path, layout="rgb_uv", encoding="linear", grey_standards="s.csv")
    with pytest.raises(ParametersError, match=pattern):
        check_specimens(Parameters(specimens=specimens), None)


def test_rows_of_one_photograph_must_agree(tmp_path):
    text = f"{STACK},session\n{GOOD},1\n{GOOD},2"
    with pytest.raises(ValueError, match=r"row 2: the rows of one photograph must agree"):
        read(tmp_path, text, calibrate_by="session")


def test_a_missing_table_and_a_missing_label_stop_the_run(tmp_path):
    specimens = SpecimensParams(root=tmp_path, encoding="linear", grey_standards="absent.csv")
    with pytest.raises(ParametersError, match=r"specimens.grey_standards: must be an existing file"):
        check_specimens(Parameters(specimens=specimens), None)
    (tmp_path / "metadata.csv").write_text("filename,sex\na.tif,f\n")
    specimens = specimens.model_copy(update={"calibrate_by": "session"})
    with pytest.raises(ParametersError, match=r"specimens.calibrate_by: must be a label column"):
        check_specimens(Parameters(specimens=specimens), None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grey_standards": "s.csv", "root": "."}, "required to calibrate, never guessed"),
        ({"grey_standards": "s.csv", "encoding": "srgb"}, "grey_standards needs root"),
        ({"calibrate_by": "session"}, "calibrate_by needs grey_standards"),
    ],
)
def test_parameters_must_tell_all_that_calibration_needs(changes, message):
    with pytest.raises(ValidationError, match=message):
        SpecimensParams(**changes)
