import zipfile

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import ExifTags, Image
from roifile import ROI_TYPE, ImagejRoi

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.imaging.capture import Capture, CaptureFiles
from xmodal_pipeline.imaging.reading import read_capture
from xmodal_pipeline.imaging.receptors import TETRAHEDRAL
from xmodal_pipeline.imaging.registration import Registration
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import QualityParams, RegistrationParams, SpecimensParams
from xmodal_pipeline.specimens.colour_tables import (
    catch_features,
    check_receptor_units,
    find_receptors,
    measure_colour,
    tabulate_catches,
)
from xmodal_pipeline.specimens.discovery import capture_files, discover_captures
from xmodal_pipeline.specimens.examination import examine_captures
from xmodal_pipeline.specimens.study_calibration import calibrate_study

CONES = """receptor,term,coefficient
u,UV1,0.8
u,UV2,0.2
s,B,1
m,intercept,-3
m,G,1
l,R,0.9
l,R:G,0.001
lum,G,1
"""


def scene(dx=0, dy=0):
    """Six bands of a pattern; UV lies (dx, dy) to the right and down."""
    rng = np.random.default_rng(0)
    bands = 0.2 + 0.6 * rng.random((6, 30, 40)).astype(np.float32)
    mask = np.zeros((30, 40), bool)
    mask[6:24, 8:32] = True
    return Capture(bands[:3], np.roll(bands[3:], (dy, dx), axis=(1, 2)), mask, mask)


def registration(status, dx, dy):
    return Registration(float(dx), float(dy), status=status)


def draw(path, *boxes):
    with zipfile.ZipFile(path, "w") as archive:
        for name, left, top, right, bottom in boxes:
            roi = ImagejRoi()
            roi.roitype, roi.name = ROI_TYPE.RECT, name
            roi.left, roi.top, roi.right, roi.bottom = left, top, right, bottom
            archive.writestr(f"{name}.roi", roi.tobytes())


def measure(folder, capture=None, found=None, receptors=None, **settings):
    files = CaptureFiles("c1", "s1", folder / "c1.tif")
    photographed = capture or scene()
    opened = open_study(folder, SpecimensParams(**{"scale": "unit", **settings}), [])
    study = opened.model_copy(update={"uv_bands": opened.uv_bands[: len(photographed.uv)]})
    return measure_colour(photographed, files, study, found, receptors=receptors)


def cones(folder, text=CONES):
    (folder / "cones.csv").write_text(text)
    return find_receptors(folder, SpecimensParams(receptors="cones.csv"))


def test_corrected_uv_gives_the_same_colour_as_uv_that_was_never_shifted(tmp_path):
    draw(tmp_path / "c1.zip", ("wing", 10, 8, 20, 16))
    model = cones(tmp_path)
    there = measure(tmp_path, patches="roi", receptors=model)
    moved = measure(
        tmp_path, scene(3, -2), registration("corrected", 3.2, -1.9), patches="roi", receptors=model
    )
    left = measure(tmp_path, scene(3, -2), registration("failed", 3, -2), patches="roi", receptors=model)

    assert {(row["patch"], row["n_px"]) for row in there.colour} == {("whole", 432), ("wing", 80)}
    assert moved == there
    assert left.colour != there.colour
    assert there.flags == ()


def test_a_capture_without_patches_is_flagged_and_measured_whole(tmp_path):
    found = measure(tmp_path, patches="roi")

    assert found.flags == ("NO_PATCHES",)
    assert {row["patch"] for row in found.colour} == {"whole"}
    assert measure(tmp_path).flags == ()


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_patch_has_one_colour_however_its_photograph_was_held(tmp_path, orientation):
    level = np.full((40, 60, 3), 100, np.uint8)
    level[10:20, 15:25], level[24:34, 30:40] = 200, 50
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    for side in ("vis", "uv"):
        Image.fromarray(level).save(tmp_path / f"c_{side}.png", exif=exif)
    draw(tmp_path / "c_vis.zip", ("breast", 15, 10, 25, 20), ("belly", 30, 24, 40, 34))
    pair = {"rgb_suffix": "_vis", "uv_suffix": "_uv", "mask": "none", "patches": "roi", "scale": "uint8"}
    study = open_study(tmp_path, SpecimensParams(**pair), [])
    files = CaptureFiles("c", "c", tmp_path / "c_vis.png", tmp_path / "c_uv.png")
    found = measure_colour(read_capture(files, study), files, study, None, receptors=None)

    means = {(row["patch"], row["band"]): row["mean"] for row in found.colour}
    assert means["breast", "R"] == means["breast", "UV1"] == pytest.approx(200 / 255)
    # Without a mask nobody knows which of the frame is the specimen, and every row says so.
    assert {row["patch"] for row in found.colour} == {"frame", "breast", "belly"}
    assert means["belly", "R"] == means["belly", "UV1"] == pytest.approx(50 / 255)
    assert found.flags == (("TURNED_PATCHES",) if orientation != 1 else ())


def test_bad_patches_are_flagged_with_their_reason(tmp_path):
    (tmp_path / "c1.zip").write_bytes(b"no archive")
    broken = measure(tmp_path, patches="roi")
    draw(tmp_path / "c1.zip", ("wing", 10, 8, 20, 16), ("label", 0, 0, 5, 5))
    outside = measure(tmp_path, patches="roi")
    tifffile.imwrite(tmp_path / "c1_labels.tif", np.ones((3, 4), np.uint8))
    size = measure(tmp_path, patches="labels")

    assert broken.flags == outside.flags == size.flags == ("BAD_PATCHES",)
    assert "capture 'c1.tif': 'c1.zip': must be readable" in broken.note
    assert "got none for ['label']" in outside.note
    assert {row["patch"] for row in outside.colour} == {"whole", "wing"}
    assert "height and width (30, 40), got (3, 4)" in size.note
    assert {row["patch"] for row in size.colour} == {"whole"}


def test_label_images_are_no_captures(tmp_path):
    for name in ("c1.tif", "c1_labels.tif", "c2.tif"):
        tifffile.imwrite(tmp_path / name, np.zeros((4, 4), np.uint8))

    with_labels = discover_captures(tmp_path, SpecimensParams(patches="labels"))[0]
    without = discover_captures(tmp_path, SpecimensParams())[0]

    assert with_labels["capture_id"].tolist() == ["c1", "c2"]
    assert len(without) == 3


def test_the_receptor_table_of_four_cones_has_what_pavo_takes(tmp_path):
    model = cones(tmp_path)
    capture = scene()
    found = measure(tmp_path, capture, receptors=model)

    row = tabulate_catches(found.catches, model).loc[0]

    red, green, blue = (100 * band[capture.rgb_mask].astype(float) for band in capture.rgb)
    first, second, _ = (100 * band[capture.uv_mask].astype(float) for band in capture.uv)
    catches = np.array(
        [
            (0.8 * first + 0.2 * second).mean(),
            blue.mean(),
            (green - 3).mean(),
            (0.9 * red + 0.001 * red * green).mean(),
        ]
    )
    assert row[["u_catch", "s_catch", "m_catch", "l_catch"]].to_numpy(float) == pytest.approx(
        catches, rel=1e-5
    )
    assert row["lum_catch"] == pytest.approx(green.mean(), rel=1e-5)
    assert row[["u", "s", "m", "l"]].to_numpy(float) == pytest.approx(catches / catches.sum(), rel=1e-5)
    assert row["r_achieved"] == pytest.approx(1 - 4 * (catches / catches.sum()).min(), rel=1e-4)
    assert set(TETRAHEDRAL) <= set(row.index)
    assert (row["n_px"], row["n_raised"]) == (432, 0)


def test_three_receptors_have_shares_alone(tmp_path):
    model = cones(tmp_path, "receptor,term,coefficient\nuv,UV1,1\nblue,B,2\ngreen,G,1\n")

    table = tabulate_catches(measure(tmp_path, receptors=model).catches, model)

    shares = table[["uv_relative", "blue_relative", "green_relative"]]
    assert shares.sum(axis=1).tolist() == pytest.approx([1])
    assert not set(TETRAHEDRAL) & set(table.columns)


def test_catches_of_the_whole_specimen_are_features_and_captures_without_shares_are_left_out():
    table = pd.DataFrame(
        {
            "capture_id": ["a", "a", "b", "c"],
            "patch": ["whole", "wing", "whole", "whole"],
            "u_catch": [1.0, 9.0, 3.0, -1.0],
            **{
                name: [share, 0.1, 0.25, np.nan]
                for name, share in zip("usml", (0.4, 0.3, 0.2, 0.1), strict=True)
            },
            "x": 0.0,
            "r_vec": [0.3, 0.9, 0.0, np.nan],
        }
    )

    found = catch_features(table)

    assert found["cone_catches"].to_dict("index") == {
        "a": {"u": 0.4, "s": 0.3, "m": 0.2, "l": 0.1},
        "b": dict.fromkeys("usml", 0.25),
    }
    assert found["r_vec"].to_dict("index") == {"a": {"r_vec": 0.3}, "b": {"r_vec": 0.0}}


def test_three_receptors_are_features_without_a_distance_and_no_coefficients_are_none(tmp_path):
    model = cones(tmp_path, "receptor,term,coefficient\nuv,UV1,1\nblue,B,2\ngreen,G,1\n")

    found = catch_features(tabulate_catches(measure(tmp_path, receptors=model).catches, model))

    assert {name: list(table) for name, table in found.items()} == {
        "cone_catches": ["uv_relative", "blue_relative", "green_relative"]
    }
    assert catch_features(tabulate_catches([], None)) == {}


def test_without_coefficients_the_table_is_empty_and_keeps_its_columns():
    table = tabulate_catches([], None)

    assert table.empty
    assert list(table.columns) == ["capture_id", "specimen_id", "patch", "n_px"]


def test_catches_of_counts_are_refused(tmp_path):
    model = cones(tmp_path)

    check_receptor_units(model, "reflectance")
    check_receptor_units(None, "uncalibrated")
    with pytest.raises(
        ParametersError, match=r"specimens.receptors: cone catches need reflectance, got relative"
    ):
        check_receptor_units(model, "relative")


def test_a_missing_or_faulty_file_names_the_parameter(tmp_path):
    with pytest.raises(ParametersError, match=r"specimens.receptors: must be an existing file, got 'no.csv'"):
        find_receptors(tmp_path, SpecimensParams(receptors="no.csv"))
    with pytest.raises(ParametersError, match=r"specimens.receptors: receptors 'cones.csv', row 2: a term"):
        cones(tmp_path, "receptor,term,coefficient\nu,UV9,1\n")
    with pytest.raises(ValueError, match=r"receptors need RGB and UV on one grid"):
        SpecimensParams(receptors="a.csv", rgb_suffix="_a", uv_suffix="_b", registration="off")


def test_a_study_with_patches_and_coefficients_goes_on_past_a_bad_patch_file(tmp_path, caplog):
    """Two calibrated stacks in percent; the patches of the second are damaged."""
    rng = np.random.default_rng(0)
    for name in ("c1", "c2"):
        tifffile.imwrite(tmp_path / f"{name}.tif", rng.uniform(5, 90, (6, 40, 40)).astype(np.float32))
    draw(tmp_path / "c1.zip", ("crown", 2, 2, 10, 10), ("wing", 20, 20, 30, 40))
    (tmp_path / "c2.zip").write_bytes(b"no archive")
    (tmp_path / "cones.csv").write_text(CONES)
    specimens = SpecimensParams(
        layout="rgb_uv",
        scale="percent",
        mask="none",
        registration="off",
        patches="roi",
        receptors="cones.csv",
    )
    quality = QualityParams(n_jobs=1)
    captures = discover_captures(tmp_path, specimens)[0].assign(flags="")
    captures["specimen_id"] = captures["capture_id"]

    study = open_study(tmp_path, specimens, capture_files(captures, tmp_path))

    found = examine_captures(
        captures, calibrate_study(captures, study, n_jobs=1), study, RegistrationParams(), quality
    )

    assert found.rejected_captures.empty
    flags = found.specimen_index.set_index("capture_id")["flags"]
    assert "BAD_PATCHES" not in flags["c1"]
    assert "BAD_PATCHES" in flags["c2"]
    assert "'c2.zip': must be readable" in caplog.text
    rows = found.receptor_table[["capture_id", "patch", "n_px"]].to_numpy().tolist()
    assert rows == [["c1", "frame", 1600], ["c1", "crown", 64], ["c1", "wing", 200], ["c2", "frame", 1600]]
    crown = found.colour_table.query("capture_id == 'c1' and patch == 'crown' and band == 'G'")
    lum = found.receptor_table.loc[1, "lum_catch"]
    assert lum == pytest.approx(100 * crown["mean"].iloc[0], rel=1e-5)
    assert set(found.colour_table["units"]) == {"reflectance"}


def test_coefficients_for_counts_stop_the_study_before_it_is_read(tmp_path):
    tifffile.imwrite(tmp_path / "c1.tif", np.zeros((6, 40, 40), np.uint16))
    (tmp_path / "cones.csv").write_text(CONES)
    specimens = SpecimensParams(layout="rgb_uv", scale="uint16", mask="none", receptors="cones.csv")
    captures = discover_captures(tmp_path, specimens)[0].assign(flags="", specimen_id="s")
    study = open_study(tmp_path, specimens, capture_files(captures, tmp_path))
    calibration = calibrate_study(captures, study, n_jobs=1)

    with pytest.raises(ParametersError, match=r"cone catches need reflectance, got uncalibrated captures"):
        examine_captures(captures, calibration, study, RegistrationParams(), QualityParams(n_jobs=1))
