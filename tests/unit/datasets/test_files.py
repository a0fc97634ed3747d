"""Folders of finished files, and the page: what Kedro-Viz shows of them."""

import base64

import numpy as np
import pytest
from kedro.io import DatasetError
from PIL import Image

from xmodal_pipeline.datasets.files import FilesDataset
from xmodal_pipeline.datasets.picture import PictureDataset
from xmodal_pipeline.datasets.report import ReportDataset


def test_the_preview_is_the_named_picture_or_the_first(tmp_path):
    dataset = FilesDataset(filepath=str(tmp_path / "figures"))
    dataset.save({"b.png": b"second", "a.png": b"first", "a.pdf": b"no picture"})
    assert base64.b64decode(dataset.preview()) == b"first"
    assert base64.b64decode(dataset.preview("b.png")) == b"second"
    with pytest.raises(DatasetError, match=r"must hold c\.png, got a\.png, b\.png"):
        dataset.preview("c.png")


def test_the_preview_of_the_report_is_its_title_and_first_section(tmp_path):
    dataset = ReportDataset(filepath=str(tmp_path / "report.html"))
    dataset.save(
        "<nav>contents</nav><main><h1>UV</h1><script>run()</script><h2 id='a'>Found</h2><p>first</p>"
        "<h2>Then</h2><p>second</p></main>"
    )
    assert dataset.preview() == "<h1>UV</h1><h2 id='a'>Found</h2><p>first</p>"
    dataset.save("<main><h1>UV</h1><p>all</p><h2>Found</h2><p>first</p></main>")
    assert dataset.preview() == "<h1>UV</h1><p>all</p><h2>Found</h2><p>first</p>"
    assert ReportDataset.preview.__annotations__["return"].__name__ == "HTMLPreview"
    dataset.save("nothing")
    with pytest.raises(DatasetError, match="must be a page with a title"):
        dataset.preview()


def test_a_picture_is_kept_pixel_by_pixel(tmp_path):
    dataset = PictureDataset(filepath=str(tmp_path / "a.png"))
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    dataset.save(Image.fromarray(pixels))
    np.testing.assert_array_equal(np.asarray(dataset.load()), pixels)
    assert base64.b64decode(dataset.preview()) == (tmp_path / "a.png").read_bytes()
