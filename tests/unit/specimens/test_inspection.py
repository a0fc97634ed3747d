"""What a look at a folder proposes, and how sure it says it is."""

import textwrap

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from PIL import Image

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.params.root import validate_parameters
from xmodal_pipeline.specimens.inspection import (
    describe_inspection,
    draw_sheet,
    inspect_folder,
    propose,
    propose_for_error,
    write_parameters_text,
)
from xmodal_pipeline.specimens.inspection.files import look_at_folder

SIDE = 48


def scene(seed, bands=3, *, background=0.1):
    """(bands, side, side) in unit scale: a textured disc, the same shape in every band, on an even ground."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    inside = np.hypot(x, y) < SIDE / 3
    texture = np.kron(rng.uniform(0.2, 0.9, (SIDE // 4, SIDE // 4)), np.ones((4, 4)))
    levels = np.linspace(1, 0.7, bands)[:, None, None]
    return np.where(inside, texture * levels, background), inside


def write_stacks(root, n=4, *, bands=6, mask=True, dtype="uint16", top=65535, labels=None):
    root.mkdir(parents=True, exist_ok=True)
    for at in range(n):
        stored, inside = scene(at, bands)
        stored = (stored * top).astype(dtype)
        if mask:
            stored = np.concatenate([stored, inside[None].astype(dtype) * 255])
        extra = {"imagej": True, "metadata": {"axes": "CYX", "Labels": labels}} if labels else {}
        shape = {} if labels else {"photometric": "minisblack", "planarconfig": "separate"}
        tifffile.imwrite(root / f"s{at:02d}.tif", stored, **shape, **extra)
    return root


def write_photograph(path, seed=0, *, bands=3, background=1.0, size=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.moveaxis((scene(seed, bands, background=background)[0] * 250).astype(np.uint8), 0, -1)
    image = Image.fromarray(pixels[..., 0] if bands == 1 else pixels)
    image.resize(size or image.size).save(path, quality=95)


def write_pairs(root, name, n=4, **kwargs):
    """Photographs whose names `name` makes from a running number and the modality."""
    for at in range(n):
        write_photograph(root / name(at, "rgb"), at, **kwargs)
        write_photograph(root / name(at, "uv"), at, **kwargs)
    return root


def found(root):
    return {one.key.removeprefix("specimens."): one for one in propose(root).settings}


def test_the_reference_layout_is_seen_but_its_order_is_assumed(tmp_path):
    settings = found(write_stacks(tmp_path / "wings"))
    assert settings["layout"].value == "rgb_uv_mask"
    assert settings["layout"].state == "doubtful"
    assert "order is assumed" in settings["layout"].why
    assert (settings["mask"].value, settings["mask"].state) == ("band", "certain")
    assert (settings["scale"].value, settings["scale"].state) == ("auto", "certain")
    assert "uint16" in settings["scale"].why


@pytest.mark.parametrize(
    ("labels", "layout", "state"),
    [
        (["visible:R", "visible:G", "visible:B", "uv:B", "uv:R"], "micatoolbox", "certain"),
        (["R", "G", "B", "UV1", "UV2", "UV3", "mask"], "rgb_uv_mask", "certain"),
        (
            ["blue", "green", "red", "uv 365", "mask"],
            {
                "name": "own",
                "order": ["blue", "green", "red", "uv 365", "mask"],
                "rgb": ["red", "green", "blue"],
                "uv": ["uv 365"],
                "mask": "mask",
            },
            "doubtful",
        ),
    ],
)
def test_names_of_bands_decide_the_layout(tmp_path, labels, layout, state):
    mask = "mask" in labels
    root = write_stacks(tmp_path, bands=len(labels) - mask, mask=mask, labels=labels)
    setting = found(root)["layout"]
    assert (setting.value, setting.state) == (layout, state)


def test_five_bands_with_a_mask_are_not_taken_for_micatoolbox(tmp_path):
    layout = found(write_stacks(tmp_path / "a", bands=4, mask=True))["layout"]
    assert layout.value["order"] == ["R", "G", "B", "UV1", "mask"]
    assert found(write_stacks(tmp_path / "b", bands=5, mask=False))["layout"].value == "micatoolbox"


def test_counts_of_twelve_bits_leave_the_scale_to_be_set(tmp_path):
    settings = found(write_stacks(tmp_path, bands=6, mask=False, top=4095))
    scale = settings["scale"]
    assert (scale.state, scale.value) == ("unknown", None)
    assert "uint16" in scale.alternatives
    assert "specimens.scale must be set" in str(propose(tmp_path))


def test_percent_is_read_but_whether_it_is_reflectance_is_doubted(tmp_path):
    scale = found(write_stacks(tmp_path, mask=False, dtype="float32", top=100))["scale"]
    assert (scale.value, scale.state, scale.alternatives) == ("auto", "doubtful", ("percent",))


def test_an_inverted_mask_is_doubted(tmp_path):
    for at in range(3):
        stored, inside = scene(at, 6)
        bands = np.concatenate([stored * 65535, ~inside[None] * 255]).astype(np.uint16)
        tifffile.imwrite(tmp_path / f"s{at}.tif", bands, photometric="minisblack", planarconfig="separate")
    mask = found(tmp_path)["mask"]
    assert (mask.value, mask.state) == ("band", "doubtful")
    assert "in 3 of 3 captures" in mask.why
    assert "inverted" in mask.why


@pytest.mark.parametrize(
    ("name", "rgb", "uv"),
    [
        (lambda at, side: f"{'ab'[at % 2]}_{at}_{'vis' if side == 'rgb' else 'uv'}.jpg", "_vis", "_uv"),
        (lambda at, side: f"{side.upper()}x{at} ({'Visible' if side == 'rgb' else 'UV'}).jpg", None, None),
        (lambda at, side: f"x{at} ({'Visible' if side == 'rgb' else 'UV'}).jpg", " (Visible)", " (UV)"),
        (lambda at, side: f"bee{at}f{'Visible' if side == 'rgb' else 'UV'}.jpg", "Visible", "UV"),
        (lambda at, side: f"IMG_{at:04d}{'' if side == 'rgb' else '_UV'}.jpg", "", "_UV"),
        (lambda at, side: f"m{at}-{'v' if side == 'rgb' else 'u'}.jpg", "-v", "-u"),
    ],
)
def test_endings_that_name_their_light_are_certain(tmp_path, name, rgb, uv):
    settings = found(write_pairs(tmp_path, name))
    if rgb is None:  # RGBx0 (Visible) and UVx0 (UV): the endings join nothing
        assert "rgb_suffix" not in settings
        return
    assert (settings["rgb_suffix"].value, settings["uv_suffix"].value) == (rgb, uv)
    assert settings["rgb_suffix"].state == settings["uv_suffix"].state == "certain"
    assert (settings["mask"].value, settings["mask"].state) == ("white_background", "doubtful")
    assert (settings["encoding"].value, settings["encoding"].alternatives) == (None, ("srgb", "linear"))


def test_two_sides_of_a_specimen_are_doubted_and_not_registered(tmp_path):
    settings = found(write_pairs(tmp_path, lambda at, side: f"AC{at:03d}{'D' if side == 'rgb' else 'V'}.jpg"))
    assert (settings["rgb_suffix"].value, settings["rgb_suffix"].state) == ("D", "doubtful")
    assert settings["rgb_suffix"].alternatives == ("V",)
    assert (settings["registration"].value, settings["registration"].state) == ("off", "doubtful")
    assert (settings["rgb_name"].value, settings["uv_name"].value) == ("D", "V")


def test_a_grey_photograph_is_the_uv_one_where_endings_do_not_tell(tmp_path):
    for at in range(4):
        write_photograph(tmp_path / f"x{at}_a.jpg", at, bands=1)
        write_photograph(tmp_path / f"x{at}_b.jpg", at)
    settings = found(tmp_path)
    assert (settings["rgb_suffix"].value, settings["uv_suffix"].value) == ("_b", "_a")
    assert settings["rgb_suffix"].state == "doubtful"


def test_photographs_of_two_sizes_cannot_be_registered(tmp_path):
    for at in range(3):
        write_photograph(tmp_path / f"x{at}_vis.jpg", at)
        write_photograph(tmp_path / f"x{at}_uv.jpg", at, size=(40, 40))
    registration = found(tmp_path)["registration"]
    assert (registration.value, registration.state) == ("off", "doubtful")
    assert "48×48 and 40×40" in registration.why


def test_running_numbers_are_no_pairs(tmp_path):
    for species in "abcdef":
        for at in (1, 2):
            write_photograph(tmp_path / f"{species}_{at}.jpg")
    proposal = propose(tmp_path)
    assert proposal.settings == ()
    assert "no UV" in proposal.obstacles[0]


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        (lambda at, side: f"{'vis' if side == 'rgb' else 'uv'}/b{at}.jpg", ["b0", "b1", "b2"]),
        (lambda at, side: f"s/{'VIS' if side == 'rgb' else 'UV'}_b{at}.jpg", ["b0", "b1", "b2"]),
        (lambda at, side: f"day/b{at}/{'rgb' if side == 'rgb' else 'uv'}.jpg", ["b0", "b1", "b2"]),
    ],
)
def test_pairs_told_by_folder_or_beginning_get_a_table(tmp_path, name, ids):
    write_pairs(tmp_path, name, 3)
    pd.DataFrame({"specimen_id": ["b1", "b0"], "sex": ["M", "female"]}).to_csv(
        tmp_path / "metadata.csv", index=False
    )
    proposal = propose(tmp_path)
    settings = {one.key: one.value for one in proposal.settings}
    assert (settings["specimens.rgb_column"], settings["specimens.uv_column"]) == ("rgb_file", "uv_file")
    assert list(proposal.table["specimen_id"]) == ids
    assert list(proposal.table["rgb_file"]) == [name(at, "rgb") for at in range(3)]
    assert list(proposal.table["uv_file"]) == [name(at, "uv") for at in range(3)]
    assert list(proposal.table["sex"].fillna("")) == ["f", "m", ""]


def test_the_same_name_in_two_sessions_stays_two_specimens(tmp_path):
    name = lambda at, side: f"s{at}/{'vis' if side == 'rgb' else 'uv'}/bee.jpg"  # noqa: E731
    assert list(propose(write_pairs(tmp_path, name, 2)).table["specimen_id"]) == ["s0/bee", "s1/bee"]


def test_two_columns_of_file_names_join_pairs(tmp_path):
    rows = []
    for at in range(4):
        files = f"DSC{2 * at}.jpg", f"DSC{2 * at + 1}.jpg"
        for file in files:
            write_photograph(tmp_path / file, at)
        rows.append({"bird": f"b{at}", "photo_uv": files[1], "photo_vis": files[0]})
    pd.DataFrame(rows).to_csv(tmp_path / "photos.csv", index=False)
    settings = found(tmp_path)
    assert (settings["rgb_column"].value, settings["uv_column"].value) == ("photo_vis", "photo_uv")
    assert settings["uv_column"].state == "certain"
    assert settings["metadata"].value == str(tmp_path / "photos.csv")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, "no image here"),
        (
            lambda root: (root / "a.NEF").write_bytes(b"x"),
            r"1 undeveloped photographs \(.NEF\): develop them",
        ),
        (
            lambda root: (root / "a.tif").write_bytes(b"II*\0junk"),
            "no image can be read: 1 of 1 fail, such as a.tif",
        ),
        (
            lambda root: [
                tifffile.imwrite(root / f"f{at}_{band}.tif", np.ones((8, 9), np.uint16) * at)
                for at in range(3)
                for band in ("R", "G", "B", "UV")
            ],
            r"one file per band \(_B, _G, _R, _UV\).*stack the bands",
        ),
        (lambda root: write_stacks(root, bands=3, mask=True), "4 bands, the last a mask: no UV"),
    ],
)
def test_what_no_setting_reads_is_said_with_its_remedy(tmp_path, make, words):
    make(tmp_path)
    proposal = propose(tmp_path)
    assert proposal.settings == ()
    with pytest.raises(ValueError, match=words):
        raise ValueError(str(proposal))


def test_nine_bands_must_be_named(tmp_path):
    layout = found(write_stacks(tmp_path, bands=9, mask=False))["layout"]
    assert (layout.state, layout.value) == ("unknown", None)


def write_table(root, rows, name="metadata.csv"):
    pd.DataFrame(rows).to_csv(root / name, index=False)


def test_columns_are_described_with_classes_and_spellings(tmp_path):
    write_stacks(tmp_path, 6)
    write_table(
        tmp_path,
        {
            "filename": [f"s{at:02d}.tif" for at in range(6)],
            "species": ["Apis mellifera"] * 3 + ["apis cerana"] * 3,
            "sex": ["M", "male", "m", "w", "f", ""],
            "day": ["3.5.2019", "4.5.2019", "14. Mai 2019", "1.6.2019", "2.6.2019", "3.6.2019"],
            "length": ["1,5", "1.7", "2", "", "3.25", "4"],
            "session": ["a", "a", "b", "b", "b", "b"],
            "note": ["p", "q", "r", "s", "t", "u"],
            "lens": ["EF"] * 6,
        },
    )
    inspection = inspect_folder(tmp_path)
    columns = {one.name: one for one in inspection.labelling.table.columns}
    roles = {name: one.role for name, one in columns.items()}
    assert roles == {
        "filename": "file",
        "species": "species",
        "sex": "label",
        "day": "date",
        "length": "number",
        "session": "label",
        "note": "label",
        "lens": "label",
    }
    assert columns["sex"].classes == {"m": 3, "f": 1}
    assert columns["sex"].outside == ("w",)
    assert columns["sex"].describe() == (
        "sex → label, 2 classes (m 3 [male], f 1), 2 missing, not in specimens.vocabulary: w"
    )
    assert columns["length"].describe() == "length → number, 1.5 to 4, 1 missing"
    settings = {one.key: one for one in inspection.proposal.settings}
    assert (settings["specimens.label"].value, settings["specimens.label"].state) == ("sex", "certain")
    assert (settings["specimens.confounders"].value, settings["specimens.confounders"].state) == (
        ["session"],
        "doubtful",
    )
    assert settings["specimens.vocabulary"].alternatives == ("the same with w: <term> in sex",)


def test_rows_that_meet_no_file_are_counted_with_the_nearest(tmp_path):
    write_stacks(tmp_path, 4)
    write_table(tmp_path, {"specimen_id": ["s00", "S-1", "s03"], "sex": ["m", "f", "f"]})
    inspection = inspect_folder(tmp_path)
    assert inspection.labelling.n_labelled == 2
    said = "2 of 3 rows met a file; nearest: s01 and S-1; 2 of 4 captures have no row: s01, s02"
    assert inspection.labelling.join.describe() == said
    few = (
        "only 2 of 4 captures have a row of metadata.csv, nearest: s01 and S-1; write the names alike in both"
    )
    assert inspection.proposal.obstacles == (few,)
    assert said in " ".join(describe_inspection(inspection, None).split())


def test_a_table_of_another_name_is_proposed_where_its_rows_meet_captures(tmp_path):
    write_stacks(tmp_path, 3)
    write_table(tmp_path, {"specimen_id": ["s00", "s01"], "sex": ["m", "f"]}, "birds.csv")
    write_table(tmp_path, {"specimen_id": ["x"], "sex": ["m"]}, "other.csv")
    metadata = found(tmp_path)["metadata"]
    assert (metadata.value, metadata.state) == (str(tmp_path / "birds.csv"), "doubtful")
    assert "2 of 3 captures" in metadata.why


def test_a_table_without_a_key_and_a_workbook_say_what_to_do(tmp_path):
    write_stacks(tmp_path, 3)
    write_table(tmp_path, {"Catalog No": ["s00", "s01", "s02"], "sex": ["m", "f", "f"]})
    (tmp_path / "labels.xlsx").write_bytes(b"PK")
    obstacles = propose(tmp_path).obstacles
    assert "metadata.csv cannot be the metadata: rename its header 'Catalog No' to 'specimen_id'" in obstacles
    assert any("labels.xlsx: workbooks are not read; save" in one for one in obstacles)


@pytest.mark.parametrize("key", ["filename", "specimen_id"])
def test_a_table_that_has_its_key_says_what_else_it_lacks(tmp_path, key):
    write_stacks(tmp_path, 3)
    names = [f"s0{i}{'.tif' if key == 'filename' else ''}" for i in range(3)]
    write_table(tmp_path, {key: names, "flags": ["x", "y", "z"]})
    (said,) = [one for one in propose(tmp_path).obstacles if one.startswith("metadata.csv cannot be")]
    assert "labels must not be called as columns that the pipeline itself writes, got ['flags']" in said


def test_headers_of_other_languages_are_proposed_and_the_reason_is_told(tmp_path):
    write_stacks(tmp_path, 3)
    rows = ["s00", "s01", "s02"]
    table = {"Inventar-Nummer": rows, "Espèce": ["a"] * 3, "Geschlecht": ["männlich", "weiblich", "weiblich"]}
    write_table(tmp_path, table)
    inspection = inspect_folder(tmp_path)
    renamed = "'Inventar-Nummer' to 'specimen_id', 'Espèce' to 'species', 'Geschlecht' to 'sex'"
    assert (
        f"metadata.csv cannot be the metadata: rename its headers {renamed}" in inspection.proposal.obstacles
    )
    said = " ".join(describe_inspection(inspection, None).split())
    assert "3 rows: not used (metadata 'metadata.csv': must have a column 'filename' or 'specimen_id'" in said
    table = {"specimen_id": rows, "Art": ["a"] * 3, "sex": ["männlich", "weiblich", "weiblich"]}
    write_table(tmp_path, table)
    settings = found(tmp_path)
    assert (settings["label"].value, settings["label"].state) == ("sex", "doubtful")
    assert settings["vocabulary"].value["sex"] == {
        **SpecimensParams().vocabulary["sex"],
        "weiblich": "f",
        "männlich": "m",
    }
    assert any("'art' of metadata.csv is no 'species'" in one for one in propose(tmp_path).obstacles)


def test_regions_and_grey_standards_beside_the_images_are_seen(tmp_path):
    write_stacks(tmp_path, 3)
    for at in range(3):
        (tmp_path / f"s{at:02d}.zip").write_bytes(b"PK")
    (tmp_path / "backup.zip").write_bytes(b"PK")
    write_table(
        tmp_path, {"filename": ["s00.tif"], "x": [1], "y": [2], "radius": [3], "R": [0.2]}, "greys.csv"
    )
    inspection = inspect_folder(tmp_path)
    settings = {one.key: one for one in inspection.proposal.settings}
    assert settings["specimens.patches"].value == "roi"
    assert "beside 3 of 3" in settings["specimens.patches"].why
    assert settings["specimens.grey_standards"].alternatives == (str(tmp_path / "greys.csv"),)


def test_a_capture_that_cannot_be_read_is_named_with_its_reason(tmp_path):
    write_stacks(tmp_path, 4)
    (tmp_path / "s02.tif").write_bytes((tmp_path / "s02.tif").read_bytes()[:3000])
    assert any(
        "1 of 4 captures looked at cannot be used, such as s02.tif" in one
        for one in propose(tmp_path).obstacles
    )


def test_nothing_is_written_into_the_folder(tmp_path):
    root = write_pairs(tmp_path / "photos", lambda at, side: f"{'vis' if side == 'rgb' else 'uv'}/b{at}.jpg")
    before = sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*"))
    inspect_folder(root)
    assert sorted((path, path.stat().st_mtime_ns) for path in root.rglob("*")) == before


def test_the_screen_is_forty_lines_of_a_hundred_columns(tmp_path):
    root = write_stacks(tmp_path / ("long " * 30), 14)
    rows = {f"column {at} {'x' * 60}": [f"{'y' * 80}{row % 3}" for row in range(14)] for at in range(12)}
    write_table(root, {"specimen_id": [f"s{at:02d}" for at in range(14)]} | rows)
    for at in range(4):
        write_table(root, rows, f"table {at}.csv")
    text = describe_inspection(inspect_folder(root), None)
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 100


def test_the_sheet_shows_every_capture_that_was_read(tmp_path):
    look = inspect_folder(write_stacks(tmp_path, 3)).look
    sheet = draw_sheet(look)
    assert look.names == ("s00", "s01", "s02")
    tile = 3 * 128 + 6, 128 + 14 + 6
    assert sheet.shape == (2 * tile[1] + 6, 2 * tile[0] + 6, 3)
    assert np.array_equal(sheet[20 + tile[1] : 148 + tile[1], 6:134], look.pictures[2, 0])
    assert (sheet[20 + tile[1] : 148 + tile[1], 6 + tile[0] :] == 255).all()  # no fourth


def test_the_parameters_file_is_what_was_proposed_and_valid(tmp_path):
    root = write_pairs(tmp_path / "on", lambda at, side: f"a{at}{' (on)' if side == 'rgb' else ' (uv)'}.jpg")
    text = write_parameters_text(propose(root), "wings", {"root": str(root)})
    tree = yaml.safe_load(text)
    assert tree["specimens"]["rgb_suffix"] == " (on)"
    assert tree["specimens"]["root"] == str(root)
    parameters = validate_parameters(tree)
    assert parameters.specimens.uv_suffix == " (uv)"
    assert parameters.specimens.mask == "white_background"
    assert "# kedro run --env wings" in text
    assert "  # DOUBTFUL: outlines" in text
    assert max(map(len, text.splitlines())) <= 100


def test_what_must_be_set_stands_in_the_file_as_a_comment(tmp_path):
    text = write_parameters_text(propose(write_stacks(tmp_path, mask=False, top=4095)), "wings", {})
    assert "scale" not in yaml.safe_load(text)["specimens"]
    assert "  # scale:" in text
    said = " ".join(line.strip(" #") for line in text.splitlines())
    assert "MUST BE SET: the files do not tell: uint16 numbers that end at" in said
    assert "One of: uint8, uint16, percent, unit." in said


def test_an_own_layout_can_be_read_as_it_is_proposed(tmp_path):
    labels = ["blue", "green", "red", "uv 365", "mask"]
    root = write_stacks(tmp_path, bands=4, mask=True, labels=labels)
    text = write_parameters_text(propose(root), "own", {"root": str(root)})
    layout = SpecimensParams(**yaml.safe_load(textwrap.dedent(text))["specimens"]).band_layout
    assert layout.indices(layout.rgb) == [2, 1, 0]
    assert layout.indices(layout.uv) == [3]


@pytest.mark.parametrize(
    ("folder", "settings"),
    [
        (
            "papilionidae_dorsal_ventral",
            {
                "rgb_suffix": "D",
                "uv_suffix": "V",
                "registration": "off",
                "mask": "white_background",
                "label": "sex",
            },
        ),
        pytest.param(
            "video2vision_uv_vis", {"rgb_column": "rgb_file", "uv_column": "uv_file"}, marks=pytest.mark.slow
        ),
        ("vis_nir", {"rgb_suffix": "_rgb", "uv_suffix": "_nir", "mask": "none"}),
    ],
)
def test_real_folders_are_read_right(realdata, folder, settings):
    proposed = found(realdata / folder)
    assert {key: proposed[key].value for key in settings} == settings


def test_previews_beside_stacks_are_no_captures(tmp_path):
    write_stacks(tmp_path, 3)
    for at in range(3):
        write_photograph(tmp_path / f"s{at:02d}.jpg", at)
    inspection = inspect_folder(tmp_path)
    assert len(inspection.folder.previews) == 3
    assert list(inspection.captures["filename"]) == ["s00.tif", "s01.tif", "s02.tif"]


def test_a_table_that_cannot_be_read_says_why(tmp_path):
    write_stacks(tmp_path, 2)
    (tmp_path / "metadata.csv").write_text("filename,sex\ns00.tif,m,extra\n")
    assert any("every row must have 2 fields" in one for one in propose(tmp_path).obstacles)


def test_a_scene_without_structure_leaves_the_registration_doubtful(tmp_path):
    for at in range(3):
        bands = np.full((6, 40, 40), 30000) + np.random.default_rng(at).integers(0, 9, (6, 40, 40))
        tifffile.imwrite(
            tmp_path / f"s{at}.tif",
            bands.astype(np.uint16),
            photometric="minisblack",
            planarconfig="separate",
        )
    registration = found(tmp_path)["registration"]
    assert (registration.state, "3 abstained" in registration.why) == ("doubtful", True)


def test_a_look_that_fails_never_hides_the_error_it_stands_under(tmp_path):
    said = propose_for_error(tmp_path / "absent", "")
    assert "found no proposal: inspect: must be given an existing folder" in said
    assert propose_for_error(write_stacks(tmp_path / "a"), "").startswith(
        f"A look at {tmp_path / 'a'} proposes:"
    )


def test_a_look_that_only_repeats_the_error_adds_nothing(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"no image")
    (reason,) = propose(tmp_path).obstacles
    assert reason[:60] in propose_for_error(tmp_path, "ingest: none is usable")
    assert propose_for_error(tmp_path, f"ingest: none is usable\n  {reason}") == ""


def test_linked_folders_are_looked_at_once(tmp_path):
    root, elsewhere = tmp_path / "root", write_stacks(tmp_path / "elsewhere", 2)
    write_stacks(root / "here", 2)
    (root / "there").symlink_to(elsewhere)
    (root / "here" / "loop").symlink_to(root)
    images = look_at_folder(root).images
    assert list(map(str, images)) == ["here/s00.tif", "here/s01.tif", "there/s00.tif", "there/s01.tif"]


def test_links_without_a_target_are_said_with_their_remedy(tmp_path):
    write_stacks(tmp_path, 2)
    for at in range(2):
        (tmp_path / f"t{at}.tif").symlink_to(tmp_path / "annex" / f"{at}.tif")
    inspection = inspect_folder(tmp_path)
    assert len(inspection.folder.broken_links) == 2
    assert any(
        "2 images make no capture, such as t0.tif" in one and "datalad get" in one
        for one in inspection.proposal.obstacles
    )
    for at in range(2):
        (tmp_path / f"s{at:02d}.tif").unlink()
    assert "2 links whose targets are not here, such as t0.tif" in propose(tmp_path).obstacles[0]


def test_a_table_that_names_a_file_twice_and_specimens_that_disagree_are_said(tmp_path):
    write_stacks(tmp_path, 4)
    rows = {"filename": ["s00.tif", "s01.tif", "s02.tif", "s03.tif", "s03.tif"]}
    write_table(tmp_path, rows | {"specimen_id": ["a", "a", "b", "c", "c"], "sex": ["m", "f", "m", "m", "f"]})
    obstacles = propose(tmp_path).obstacles
    assert any(
        one.startswith("metadata.csv: rows 5, 6 are about 's03' and differ in sex") for one in obstacles
    )
    assert "metadata.csv: sex disagrees between captures of a (m, f): unlabelled there" in obstacles


def test_a_header_for_species_that_a_run_does_not_take_is_said(tmp_path):
    write_stacks(tmp_path, 2)
    write_table(tmp_path, {"filename": ["s00.tif", "s01.tif"], "Taxon": ["x", "y"]})
    (tmp_path / "birds.nwk").write_text("(x,y);")
    proposal = propose(tmp_path)
    assert "'taxon' of metadata.csv is no 'species': rename it so, so that species are compared as such" in (
        proposal.obstacles
    )
    assert "specimens.tree" not in {one.key for one in proposal.settings}


def test_a_proposal_does_not_repeat_the_error_above_it(tmp_path):
    write_stacks(tmp_path, 4)
    (tmp_path / "s02.tif").write_bytes((tmp_path / "s02.tif").read_bytes()[:3000])
    (tmp_path / "labels.xlsx").write_bytes(b"PK")
    (cause,) = inspect_folder(tmp_path).look.rejected
    repeated, new = f"such as s02.tif: {cause.reason[:30]}", "labels.xlsx: workbooks are not read"
    for error, is_repeated in [
        ("ingest: none", True),
        (f"1 UNREADABLE:\n   s02.tif: {cause.reason}\nMend it.", False),
    ]:
        said = propose_for_error(tmp_path, error)
        assert (repeated in said) == is_repeated
        assert new in said
