"""Tables as people write them: their own headers and words, and names of files without an extension."""

import pandas as pd
import pytest
import yaml
from PIL import Image

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.columns import Column
from xmodal_pipeline.specimens.inspection import inspect_folder, propose, write_parameters_text
from xmodal_pipeline.specimens.inspection.wording import columns_like, is_of_photograph, sex_of


def column(name, *classes):
    return Column(name, "label", len(classes), 0, dict.fromkeys(classes, 1), {})


@pytest.mark.parametrize(
    ("word", "sex"),
    [
        ("Samica", "f"),
        ("fêmea", "f"),
        ("Männchen", "m"),
        ("mâle", "m"),
        ("♀", "f"),
        ("самец", "m"),
        ("?", None),
    ],
)
def test_words_for_the_sexes(word, sex):
    assert sex_of(word) == sex


@pytest.mark.parametrize(
    ("name", "found", "columns"),
    [
        ("sex", "Płeć", [column("Stanowisko", "a", "b"), column("Płeć", "x")]),
        ("sex", "kto", [column("kto", "macho", "♀"), column("m", "m")]),
        ("sex", None, [column("m", "m"), column("animal", "macho", "hembra", "cría")]),
        ("species", None, [column("collected", "lake tahoe june 2019"), column("det", "det by smith 2019")]),
        ("species", None, [column("species", "x"), column("nome", "colias hyale (linnaeus, 1758)")]),
        ("sex", None, [column("Sex", "m", "f"), column("Płeć", "samiec", "samica")]),
        ("species", "Espécie", [column("nome", "colias hyale l., 1758"), column("Espécie", "x")]),
        (
            "species",
            "nome",
            [column("nome", "colias hyale (linnaeus, 1758)"), column("lugar", "rio claro sp 1998a")],
        ),
        ("specimen_id", "Nr okazu", [column("Gatunek", "a"), column("Nr okazu", "1")]),
    ],
)
def test_columns_are_known_by_their_header_or_their_classes(name, found, columns):
    assert [one.name for one in columns_like(columns, name)][:1] == ([found] if found else [])


@pytest.mark.parametrize(
    ("header", "is_so"), [("Session", True), ("Localité", True), ("stanowisko", True), ("Płeć", False)]
)
def test_headers_of_how_a_photograph_was_taken(header, is_so):
    assert is_of_photograph(header) == is_so


def write_photographs(root, sexes=("samica", "samiec", "♀", "♂")):
    """One photograph of each light per row, in folders of their own, called by running numbers."""
    (root / "VIS").mkdir(parents=True)
    (root / "UV").mkdir()
    rows = []
    for at, sex in enumerate(sexes):
        names = f"DSC_{at:04d}", f"DSC_{at + 100:04d}"
        for folder, name in zip(("VIS", "UV"), names, strict=True):
            Image.new("RGB", (40, 30), (at * 20, 90, 30)).save(root / folder / f"{name}.jpg")
        rows.append({"Zdjęcie VIS": names[0], "Zdjęcie UV": names[1], "okaz": f"A{at}", "sex": sex})
    pd.DataFrame(rows).to_csv(root / "metadata.csv", index=False, sep=";")
    return root


def test_two_columns_of_names_without_extension_join_pairs(tmp_path):
    inspection = inspect_folder(write_photographs(tmp_path))
    settings = {one.key: one for one in inspection.proposal.settings}
    assert settings["specimens.rgb_column"].value == "Zdjęcie VIS"
    assert settings["specimens.uv_column"].value == "Zdjęcie UV"
    assert list(inspection.captures["uv_filename"]) == [f"UV/DSC_{at:04d}.jpg" for at in range(100, 104)]
    assert any("'okaz' of metadata.csv is no 'specimen_id'" in one for one in inspection.proposal.obstacles)


def test_two_columns_that_name_the_same_files_are_no_pairs(tmp_path):
    root = write_photographs(tmp_path)
    table = pd.read_csv(root / "metadata.csv", sep=";")
    table["Zdjęcie UV"] = table["Zdjęcie VIS"]
    table.to_csv(root / "metadata.csv", index=False, sep=";")
    assert "specimens.uv_column" not in {one.key for one in propose(root).settings}


@pytest.mark.parametrize(
    ("sexes", "added"),
    [
        (("samica", "Samiec", "♀", "♂"), {"samica": "f", "samiec": "m", "♀": "f", "♂": "m"}),
        (("f", "m", "larwa", "samiec"), {"samiec": "m"}),
        (("f", "m", "larwa", "m"), {}),
    ],
)
def test_init_writes_a_vocabulary_that_a_run_takes(tmp_path, sexes, added):
    proposal = propose(write_photographs(tmp_path, sexes))
    written = yaml.safe_load(write_parameters_text(proposal, "motyle", {"root": str(tmp_path)}))["specimens"]
    known = SpecimensParams().vocabulary["sex"]
    assert SpecimensParams(**written).vocabulary == {"sex": {**known, **added}}
    (setting,) = [one for one in proposal.settings if one.key == "specimens.vocabulary"]
    assert ("larwa: unlabelled until mapped" in setting.why) == ("larwa" in sexes)


def test_sexes_under_another_header_are_the_label_once_it_is_renamed(tmp_path):
    root = write_photographs(tmp_path, ("samica", "samiec", "samiec", "samica"))
    table = pd.read_csv(root / "metadata.csv", sep=";").rename(columns={"sex": "Płeć"})
    table["Gatunek"] = ["Colias hyale"] * 2 + ["Pieris napi"] * 2
    table.to_csv(root / "metadata.csv", index=False, sep=";", encoding="cp1250")
    proposal = propose(root)
    (label,) = [one for one in proposal.settings if one.key == "specimens.label"]
    assert (label.value, label.alternatives) == (None, ("P³eæ",))
    assert not [one for one in proposal.settings if one.key == "specimens.confounders"]
    table.assign(Stanowisko=["Biebrza", "Biebrza", "Narew", "Narew"]).to_csv(
        root / "metadata.csv", index=False, sep=";"
    )
    (where,) = [one for one in propose(root).settings if one.key == "specimens.confounders"]
    assert where.value == ["Stanowisko"]
    assert any("read as Windows-1252, such as" in one for one in proposal.obstacles)


@pytest.mark.parametrize(
    ("folders", "uv", "is_told"),
    [
        (("14_widzialne", "15_UVfiltr"), "15_UVfiltr", True),
        (("15_UVfiltr", "A"), "15_UVfiltr", True),
        (("2025-06-14", "2025-06-15"), "2025-06-15", False),
        (("adult", "juvenile"), "juvenile", False),
        (("Louvre", "Praha"), "Praha", False),
    ],
)
def test_one_name_in_two_folders_is_a_pair(tmp_path, folders, uv, is_told):
    for folder in folders:
        (tmp_path / folder).mkdir()
        for at in range(3):
            Image.new("RGB", (40, 30), (at * 20, 90, 30)).save(tmp_path / folder / f"DSC_{at}.jpg")
    inspection = inspect_folder(tmp_path)
    assert list(inspection.captures["uv_filename"]) == [f"{uv}/DSC_{at}.jpg" for at in range(3)]
    (column,) = [one for one in inspection.proposal.settings if one.key == "specimens.uv_column"]
    assert (column.state, column.alternatives) == ("doubtful", () if is_told else ("rgb_file",))
    (tmp_path / folders[0] / "DSC_2.jpg").rename(tmp_path / folders[0] / "DSC_7.jpg")
    assert inspect_folder(tmp_path).captures.empty


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (("dorsal", "ventral"), ("dorsal", "ventral")),
        (("D/2024", "V/2024"), ("D", "V")),
        (("top", "upper"), None),
        (("2025-06-14", "2025-06-15"), None),
    ],
)
def test_folders_of_two_sides_are_not_registered_and_name_the_modalities(tmp_path, folders, names):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        for at in range(3):
            Image.new("RGB", (40, 30), (at * 20, 90, 30)).save(tmp_path / folder / f"{at:03d}.jpg")
    settings = {one.key.removeprefix("specimens."): one for one in propose(tmp_path).settings}
    assert settings["uv_column"].value == "uv_file"
    assert ("rgb_name" in settings) == ("uv_name" in settings) == (names is not None)
    if names is not None:
        assert (settings["rgb_name"].value, settings["uv_name"].value) == names
        off = settings["registration"]
        assert (off.value, off.state) == ("off", "doubtful")
        assert off.why.startswith("the folders name two sides of a specimen")
    else:
        assert "name two sides" not in settings["registration"].why
