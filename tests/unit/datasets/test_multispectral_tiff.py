import base64
import doctest
import io

import numpy as np
import pytest
import tifffile
from kedro.io import DatasetError
from kedro.io.core import Version
from kedro_datasets.partitions import PartitionedDataset
from PIL import Image

from xmodal_pipeline.datasets import multispectral_tiff
from xmodal_pipeline.datasets.multispectral_tiff import MultispectralTIFFDataset
from xmodal_pipeline.imaging.tiff import MultispectralImage

NAMES = ("R", "G", "B", "UV1", "UV2", "UV3", "mask")
BAND, ROW, COLUMN = np.indices((7, 24, 40))
BANDS = (BAND * 1000 + ROW * 7 + COLUMN).astype(np.uint16)
IMAGE = MultispectralImage(BANDS, NAMES)


def test_bands_names_and_data_type_come_back(tmp_path):
    dataset = MultispectralTIFFDataset(filepath=tmp_path / "new" / "a.tif")
    assert not dataset.exists()
    dataset.save(IMAGE)
    loaded = dataset.load()
    assert loaded.names == NAMES
    assert loaded.bands.dtype == np.uint16
    np.testing.assert_array_equal(loaded.bands, BANDS)
    assert dataset.exists()


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_any_file_system_will_do(tmp_path, protocol):
    path = f"memory://{tmp_path.name}/a.tif" if protocol == "memory" else f"file://{tmp_path}/a.tif"
    dataset = MultispectralTIFFDataset(filepath=path)
    dataset.save(IMAGE)
    np.testing.assert_array_equal(dataset.load().bands, BANDS)


def test_layouts_of_other_programs_are_read(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, BANDS[:5], imagej=True, metadata={"axes": "CYX", "Labels": list("abcde")})
    assert MultispectralTIFFDataset(filepath=path).load().names == tuple("abcde")
    tifffile.imwrite(path, BANDS[:5], photometric="minisblack")
    with pytest.raises(DatasetError, match=r"exactly one axis must be the bands"):
        MultispectralTIFFDataset(filepath=path, load_args={"band_counts": [5, 24]}).load()
    loaded = MultispectralTIFFDataset(filepath=path, load_args={"band_counts": [5]}).load()
    assert loaded.names == ("band 1", "band 2", "band 3", "band 4", "band 5")
    np.testing.assert_array_equal(loaded.bands, BANDS[:5])


def test_a_failed_save_leaves_the_good_file(tmp_path):
    dataset = MultispectralTIFFDataset(filepath=tmp_path / "a.tif", save_args={"compression": None})
    dataset.save(IMAGE)
    before = (tmp_path / "a.tif").read_bytes()
    assert len(before) > BANDS.nbytes
    with pytest.raises(DatasetError, match="names must be one per band"):
        dataset.save(MultispectralImage(BANDS, NAMES[:3]))
    assert (tmp_path / "a.tif").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_versions_are_kept_apart(tmp_path):
    dataset = MultispectralTIFFDataset(filepath=tmp_path / "a.tif", version=Version(None, None))
    assert not dataset.exists()
    dataset.save(IMAGE)
    assert dataset.exists()
    np.testing.assert_array_equal(dataset.load().bands, BANDS)
    assert len(list((tmp_path / "a.tif").iterdir())) == 1


def test_partitions_are_written_lazily(tmp_path):
    dataset = PartitionedDataset(
        path=str(tmp_path / "all"), dataset=MultispectralTIFFDataset, filename_suffix=".tif"
    )
    read = []

    def one():
        read.append(1)
        return IMAGE

    dataset.save({"a": one, "sub/b": one})
    assert len(read) == 2
    loaded = dataset.load()
    assert sorted(loaded) == ["a", "sub/b"]
    np.testing.assert_array_equal(loaded["sub/b"]().bands, BANDS)


def test_the_preview_shows_a_colour_picture_and_every_other_band(tmp_path):
    dataset = MultispectralTIFFDataset(filepath=tmp_path / "a.tif")
    bands = np.zeros((5, 30, 40), np.uint16)
    bands[0, :, :20] = 900  # B comes first in this file
    bands[2, :, 20:] = 900
    bands[3, :15] = 50
    dataset.save(MultispectralImage(bands, ("vB", "vG", "vR", "uB", "uR")))
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(dataset.preview()))))
    assert picture.shape == (30, 3 * 40, 3)
    assert picture[5, 10].tolist() == [0, 0, 255]
    assert picture[5, 30].tolist() == [255, 0, 0]
    assert picture[5, 60].tolist() == [255, 255, 255]
    assert picture[20, 60].tolist() == [0, 0, 0]
    assert not picture[:, 80:].any()


def test_large_images_are_thinned_for_the_preview(tmp_path):
    dataset = MultispectralTIFFDataset(filepath=tmp_path / "a.tif")
    dataset.save(MultispectralImage(np.ones((2, 500, 800), np.float32), ("UV1", "UV2")))
    assert Image.open(io.BytesIO(base64.b64decode(dataset.preview()))).size == (320, 100)


def test_kedro_viz_knows_the_preview_for_an_image():
    assert MultispectralTIFFDataset.preview.__annotations__["return"].__name__ == "ImagePreview"


def test_the_example_of_the_documentation_runs(tmp_path):
    results = doctest.testmod(multispectral_tiff, extraglobs={"tmp_path": tmp_path})
    assert results.attempted >= 6
    assert results.failed == 0
