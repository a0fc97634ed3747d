import numpy as np
import pytest

from xmodal_pipeline.specimens.stores import ArrayStore
from xmodal_pipeline.specimens.storing import channel_statistics


def test_statistics_are_those_of_the_training_foreground_alone():
    rng = np.random.default_rng(0)
    rgb, uv = rng.normal(0.4, 0.1, (6, 3, 8, 8)), rng.normal(0.2, 0.05, (6, 1, 8, 8))
    masks = rng.random((6, 2, 8, 8)) < 0.5
    is_train = np.array([True, True, False, True, False, True])
    ids = tuple("abcdef")
    stores = [ArrayStore(ids, array) for array in (rgb, uv, masks.astype(np.uint8))]
    found = channel_statistics(*stores, is_train)
    for channel, (name, images) in enumerate({"rgb": rgb, "uv": uv}.items()):
        for band in range(images.shape[1]):
            pixels = images[is_train, band][masks[is_train, channel]]
            assert found[name]["mean"][band] == pytest.approx(pixels.mean(), rel=1e-10)
            assert found[name]["sd"][band] == pytest.approx(pixels.std(), rel=1e-8)


def test_a_band_without_spread_is_refused():
    images = np.full((2, 1, 4, 4), 0.5)
    store = ArrayStore(("a", "b"), images)
    masks = ArrayStore(("a", "b"), np.ones((2, 2, 4, 4)))
    with pytest.raises(ValueError, match="every rgb band must vary over the training foreground"):
        channel_statistics(store, store, masks, np.array([True, True]))
