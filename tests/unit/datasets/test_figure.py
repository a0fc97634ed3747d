import base64
import inspect
import json

import pytest
from kedro.io import DatasetError

from xmodal_pipeline.datasets.figure import FigureDataset
from xmodal_pipeline.datasets.files import FilesDataset
from xmodal_pipeline.reporting.figure import ReportFigure

PAGE = {"png": b"picture", "pdf": b"print", "jpg": b"light"}


def figure(pages, reason=""):
    """Two versions: the wide one has one page, which the report does not show."""
    versions = {"single": pages, "double": ({"png": b"wide", "pdf": b"wide print"},)} if pages else {}
    return ReportFigure("sheet", "Sheet", "Words, é.", versions, reason, is_narrow=True)


@pytest.mark.parametrize("pages", [(PAGE,), (PAGE, PAGE | {"png": b"second"}), ()])
def test_a_figure_comes_back_with_its_pages_and_words(tmp_path, pages):
    dataset = FigureDataset(filepath=str(tmp_path / "sheet"))
    dataset.save(figure(pages, "nothing to draw"))
    loaded = dataset.load()
    assert loaded.pages == pages
    assert loaded.versions == figure(pages).versions
    assert (loaded.name, loaded.caption, loaded.reason) == ("sheet", "Words, é.", "nothing to draw")
    assert loaded.is_narrow


def test_files_carry_the_name_and_the_page(tmp_path):
    dataset = FigureDataset(filepath=str(tmp_path / "sheet"))
    dataset.save(figure((PAGE, PAGE)))
    dataset.save(figure((PAGE,)))
    assert {path.name for path in (tmp_path / "sheet").iterdir()} == {
        ".manifest",
        "figure.json",
        "sheet_single.png",
        "sheet_single.pdf",
        "sheet_single.jpg",
        "sheet_double.png",
        "sheet_double.pdf",
    }
    assert set(figure((PAGE, PAGE)).files) == {
        *(f"sheet_single_{number}.{ending}" for number in (1, 2) for ending in PAGE),
        "sheet_double.png",
        "sheet_double.pdf",
    }


def test_the_preview_is_the_first_page_as_kedro_viz_wants_it(tmp_path):
    dataset = FigureDataset(filepath=str(tmp_path / "sheet"))
    dataset.save(figure(tuple({"png": bytes([n])} for n in range(12))))
    assert base64.b64decode(dataset.preview()) == b"\x00"
    assert inspect.signature(dataset.preview).return_annotation.__name__ == "ImagePreview"


def test_without_a_picture_the_preview_gives_the_reason(tmp_path):
    dataset = FigureDataset(filepath=str(tmp_path / "sheet"))
    assert not dataset.exists()
    dataset.save(figure((), "registration was off"))
    assert dataset.exists()
    with pytest.raises(DatasetError, match="there is no picture: registration was off"):
        dataset.preview()
    assert json.loads((tmp_path / "sheet" / "figure.json").read_text())["versions"] == {}


@pytest.mark.parametrize("earlier", [{"pages": []}, {"versions": {}, "section": "data"}])
def test_a_figure_of_an_earlier_version_asks_to_be_drawn_again(tmp_path, earlier):
    dataset = FigureDataset(filepath=str(tmp_path / "sheet"))
    dataset.save(figure(()))
    files = FilesDataset(filepath=str(tmp_path / "sheet"))
    words = json.loads(files.load()["figure.json"])
    words.pop("versions")
    files.save({"figure.json": json.dumps(words | earlier).encode()})
    with pytest.raises(DatasetError, match=r"must hold name, title, .*, versions, got .* draws it again"):
        dataset.load()
