"""Which band is which where names hold wavelengths, and bands or masks that are files of their own."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from xmodal_pipeline.specimens.inspection import describe_inspection, inspect_folder, propose
from xmodal_pipeline.specimens.inspection.reading import colours_of


def write_stack(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    bands = rng.integers(900, 60_000, (len(labels), 24, 32)).astype(np.uint16)
    tifffile.imwrite(path, bands, imagej=True, metadata={"axes": "CYX", "Labels": labels})


def layout_of(root):
    return next(one for one in propose(root).settings if one.key == "specimens.layout")


def test_wavelengths_in_the_names_of_bands_decide_which_is_which(tmp_path):
    for specimen in ("A1", "A2", "A3"):
        labels = [f"{specimen}_{nm}nm" for nm in (365, 450, 550, 650)]
        write_stack(tmp_path / f"{specimen}.tif", labels)
    layout = layout_of(tmp_path)
    assert layout.state == "doubtful"
    assert layout.value == {
        "name": "own",
        "order": ["365nm", "450nm", "550nm", "650nm"],
        "rgb": ["650nm", "550nm", "450nm"],
        "uv": ["365nm"],
    }


def test_wavelengths_that_are_no_rgb_and_uv_must_be_named(tmp_path):
    write_stack(tmp_path / "a.tif", ["365nm", "450nm", "500nm", "550nm", "650nm"])
    layout = layout_of(tmp_path)
    assert (layout.state, layout.value) == ("unknown", None)
    assert "365nm, 450nm, 500nm, 550nm, 650nm" in layout.why


@pytest.mark.parametrize(
    ("wavelengths", "ordered"),
    [
        ([365, 450, 550, 650], [650, 550, 450, 365]),
        ([320, 610, 380, 499, 500], [610, 500, 499, 380, 320]),
        ([400, 450, 550, 650], None),  # two of blue, none of UV
        ([365, 450, 550, 650, 850], None),
        ([450, 550, 650], None),
        ([365, 365, 450, 550, 650], None),
    ],
)
def test_colours_of_wavelengths(wavelengths, ordered):
    assert colours_of(wavelengths) == ordered


@pytest.mark.parametrize("name", ["{0}/{0}_{1}nm.tif", "{0}/{1}nm.tif", "{0}_{1}nm.tif"])
def test_files_of_one_band_are_stacked_in_the_order_of_their_wavelengths(tmp_path, name):
    for specimen in ("A1", "A2"):
        for nm in (365, 450, 550, 650):
            path = tmp_path / name.format(specimen, nm)
            path.parent.mkdir(exist_ok=True)
            tifffile.imwrite(path, np.full((8, 9), nm, np.uint16))
    (obstacle,) = propose(tmp_path).obstacles
    assert "one file per band" in obstacle
    assert "in the order 650nm 550nm 450nm 365nm (R G B UV)" in obstacle
    assert "my-layout.md#one-file-per-band" in obstacle


@pytest.mark.parametrize(
    "mask", ["masks/2023/{0}_mask.png", "masks/2023/{0}.png", "stacks/2023/mask_{0}.png"]
)
def test_masks_in_files_of_their_own_are_no_captures(tmp_path, mask):
    for specimen in ("A1", "A2", "A3"):
        write_stack(tmp_path / "stacks" / "2023" / f"{specimen}.tif", ["R", "G", "B", "UV"])
        path = tmp_path / mask.format(specimen)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (32, 24), 255).save(path)
    inspection = inspect_folder(tmp_path)
    assert list(inspection.captures["filename"]) == [f"stacks/2023/A{at}.tif" for at in (1, 2, 3)]
    assert layout_of(tmp_path).value["uv"] == ["UV"]
    (obstacle,) = [one for one in inspection.proposal.obstacles if "called as a stack" in one]
    assert obstacle.startswith(f"3 files of one band are called as a stack is: {mask.format('A1')}.")
    assert "(stacks/2023/A1_labels.png)" in obstacle
    text = describe_inspection(inspection, None)
    assert "3 files of one band called as a stack" in text
    assert "none: labels such as species and sex go to metadata.csv" in text


def test_grey_photographs_of_other_specimens_are_no_masks(tmp_path):
    write_stack(tmp_path / "A1.tif", ["R", "G", "B", "UV"])
    for at in range(4):
        Image.new("L", (32, 24), at).save(tmp_path / f"B{at}.png")
    assert not inspect_folder(tmp_path).folder.masks


def test_regions_may_be_the_mask_and_what_fails_is_not_proposed(tmp_path):
    for specimen in ("A1", "A2"):
        write_stack(tmp_path / f"{specimen}.tif", ["R", "G", "B", "UV"])
    masks = [one for one in propose(tmp_path).settings if one.key == "specimens.mask"]
    assert [(one.value, one.alternatives) for one in masks] == [("none", ())]
    for specimen in ("A1", "A2"):
        Image.fromarray(np.eye(24, 32, dtype=np.uint8)).save(tmp_path / f"{specimen}_labels.png")
    masks = [one for one in propose(tmp_path).settings if one.key == "specimens.mask"]
    assert [(one.value, one.alternatives) for one in masks] == [("none", ("patches",))]
    for specimen in ("A1", "A2"):
        (tmp_path / f"{specimen}_labels.png").unlink()
        (tmp_path / f"{specimen}.zip").write_bytes(b"PK")
    masks = [one for one in propose(tmp_path).settings if one.key == "specimens.mask"]
    assert [(one.value, one.alternatives) for one in masks] == [("none", ("patches",))]


def test_folders_that_share_names_of_no_band_are_no_bands(tmp_path):
    for folder in ("vis", "uv"):
        (tmp_path / folder).mkdir()
        for at in range(3):
            Image.new("RGB" if folder == "vis" else "L", (32, 24), at).save(tmp_path / folder / f"b{at}.png")
    captures = inspect_folder(tmp_path).captures
    assert list(captures["uv_filename"]) == [f"uv/b{at}.png" for at in range(3)]
