import numpy as np
import pytest

from xmodal_pipeline.datasets.thumbnails import ThumbnailsDataset
from xmodal_pipeline.specimens.thumbnails import Thumbnails

PICTURES = np.random.default_rng(0).integers(0, 255, (2, 3, 8, 8, 3), np.uint8)


@pytest.mark.parametrize(("names", "pictures"), [(("a", "ü/b"), PICTURES), ((), PICTURES[:0])])
def test_pictures_come_back_with_their_captures(tmp_path, names, pictures):
    dataset = ThumbnailsDataset(filepath=str(tmp_path / "folder" / "thumbnails.npz"))
    assert not dataset.exists()
    dataset.save(Thumbnails(names, pictures))
    found = dataset.load()
    assert (found.capture_ids, len(found)) == (names, len(names))
    np.testing.assert_array_equal(found.pictures, pictures)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["thumbnails.npz"]
