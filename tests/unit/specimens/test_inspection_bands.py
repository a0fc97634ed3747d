"""Which band is which where names hold wavelengths, and bands or masks that are files of their own."""

from pathlib import PurePosixPath

import numpy as np
import pytest
import tifffile
from PIL import Image

from xmodal_pipeline.imaging.tiff import ImageHeader
from xmodal_pipeline.specimens.inspection import describe_inspection, inspect_folder, propose
from xmodal_pipeline.specimens.inspection import files as inspected
from xmodal_pipeline.specimens.inspection.masks import describe_masks, find_masks
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


def write_mask(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (32, 24), 255).save(path)


@pytest.mark.parametrize(
    "mask", ["masks/2023/{0}_mask.png", "masks/2023/{0}.png", "stacks/2023/mask_{0}.png"]
)
def test_masks_in_files_of_their_own_are_no_captures(tmp_path, mask):
    for specimen in ("A1", "A2", "A3"):
        write_stack(tmp_path / "stacks" / "2023" / f"{specimen}.tif", ["R", "G", "B", "UV"])
        write_mask(tmp_path / mask.format(specimen))
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


def look(n_bands):
    """Masks among files of so many bands each."""
    files = sorted(n_bands)
    found = find_masks(
        {PurePosixPath(one): ImageHeader("TIFF", n_bands[one], 24, 32, "uint16") for one in files}
    )
    return {str(mask): None if stack is None else str(stack) for mask, stack in found.items()}


def test_headers_of_all_files_are_read_where_masks_stand_among_stacks(tmp_path, monkeypatch):
    for at in range(9):
        write_stack(tmp_path / "images" / f"A{at}.tif", ["R", "G", "B", "UV"])
        write_mask(tmp_path / "masks" / f"A{at}.png")
    monkeypatch.setattr(inspected, "_MOST_HEADERS", 6)
    folder = inspect_folder(tmp_path).folder
    assert [str(file) for file in folder.images] == [f"images/A{at}.tif" for at in range(9)]
    assert len(folder.masks) == len(folder.headers) == 9
    for at in range(9):
        (tmp_path / "masks" / f"A{at}.png").unlink()
    assert len(inspect_folder(tmp_path).folder.headers) == 6


@pytest.mark.parametrize(
    ("stack", "mask"),
    [
        ("images/A{}.tif", "masks/A{}.png"),
        ("images/A{}.tif", "masks/A{}.tif"),
        ("images/A{}.tif", "images/A{}_mask.png"),
        ("images/A{}.tif", "images/A{}_mask.tif"),
        ("stacks/A{}.tif", "silhouettes/A{}.tif"),
        ("A{0}/A{0}.tif", "A{0}/mask_A{0}.png"),
        ("A{0}/stack/A{0}.tif", "A{0}/mask/A{0}.tif"),
        ("A{}.tif", "masks/A{}.png"),
        ("stacks/A{}.tif", "A{}.png"),
        ("A{0}/A{0}.tif", "masks/A{0}.png"),
    ],
)
def test_masks_are_told_by_their_names(stack, mask):
    wanted = {mask.format(at): stack.format(at) for at in range(40)}
    # A second photograph and one in RGB add a word to their name, thumbnails stand in a folder of their own.
    others = {f"{stack.format(at)[:-4]}_2.tif": 4 for at in range(4)}
    thumbnails = {f"thumbnails/A{at}.{kind}": 3 for at in range(40) for kind in ("png", "tif")}
    others |= {f"{stack.format(at)[:-4]}_rgb.jpg": 3 for at in range(40)}
    files = dict.fromkeys(wanted, 1) | dict.fromkeys(wanted.values(), 4) | others | thumbnails
    assert look(files) == wanted


def test_masks_of_equally_named_stacks_are_told_by_their_folders():
    stacks = {f"{year}/A{at}.tif": 4 for year in (2023, 2024) for at in range(2)}
    masks = {f"masks/{stack[:-4]}.png": stack for stack in stacks}
    assert look(stacks | dict.fromkeys(masks, 1)) == masks
    untold = look(stacks | {"masks/A0.png": 1, "masks/A1.png": 1})
    assert untold == {"masks/A0.png": None, "masks/A1.png": None}
    (said,) = describe_masks({PurePosixPath(mask): None for mask in untold})
    assert "copy them (<stack>_labels.png)" in said
    assert said.endswith("; of 2 no folder tells which of several stacks it is")
    beside = {"A0.tif": 4, "old/A0.tif": 4, "A0_mask.png": 1}
    assert look(beside) == {"A0_mask.png": "A0.tif"}


@pytest.mark.parametrize(
    "bands",
    [
        ["wings/A{}_650nm.tif", "wings/A{}_365nm.tif"],
        ["wings/A{}_365nm.tif"],
        ["wings/A{}_UV.tif"],
        ["365nm/A{}.tif"],
        ["wings/A{}_long.tif", "wings/A{}_short.tif"],
        ["long/A{}.tif", "short/A{}.tif"],
    ],
)
def test_bands_beside_their_finished_stacks_are_no_masks(bands):
    files = {f"stacks/A{at}.tif": 4 for at in range(400)}
    files |= {band.format(at): 1 for band in bands for at in range(400)}
    assert look(files) == {}


def test_a_band_without_a_wavelength_is_no_mask_unless_it_is_called_so(tmp_path):
    write_stack(tmp_path / "a.tif", ["650nm", "550nm", "450nm", "gray", "365nm mask"])
    assert "their order is assumed" in layout_of(tmp_path).why
    write_stack(tmp_path / "a.tif", ["650nm", "550nm", "450nm", "mask", "365nm"])
    assert layout_of(tmp_path).value["order"] == ["650nm", "550nm", "450nm", "mask", "365nm"]
