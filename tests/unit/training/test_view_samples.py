from dataclasses import replace

import numpy as np

from xmodal_pipeline.augmentation import ViewMaker
from xmodal_pipeline.params.train import AugmentationParams
from xmodal_pipeline.training import sample_views
from xmodal_pipeline.training.batches import read_batch

STATISTICS = {
    "rgb": {"mean": [0.4, 0.3, 0.2], "sd": [0.1, 0.2, 0.3]},
    "uv": {"mean": [0.2, 0.1], "sd": [0.1, 0.1]},
}


def sample(prepared, **changes):
    settings = {"captures": 4, "views": 3, "seed": 5} | changes
    return sample_views(replace(prepared, statistics=STATISTICS), AugmentationParams(), **settings)


def test_the_first_view_is_the_capture_in_its_own_units(make_prepared):
    prepared = make_prepared(train=9, test=3)
    samples = sample(prepared)
    assert samples.rgb.shape == (4, 4, 3, 32, 32)
    assert samples.uv.shape == (4, 4, 2, 32, 32)
    assert samples.capture_ids == ("capture0", "capture2", "capture5", "capture8")
    for i, name in enumerate(samples.capture_ids):
        row, inside = prepared.capture_ids.index(name), samples.masks[i, 0, 0]
        np.testing.assert_allclose(
            samples.rgb[i, 0][:, inside], prepared.rgb[row].astype(np.float32)[:, inside], atol=1e-6
        )


def test_the_others_are_the_views_of_the_first_epochs(make_prepared):
    prepared = make_prepared(train=3)
    samples = sample(prepared, captures=3)
    maker = ViewMaker(AugmentationParams(), "uncalibrated", STATISTICS, 32)
    later, _ = maker.training_views(read_batch(prepared, prepared.rows_of("train")), seed=5, epoch=1)
    mean, sd = (np.array(STATISTICS["uv"][name])[:, None, None] for name in ("mean", "sd"))
    expected = later.uv.numpy() * sd + mean
    np.testing.assert_allclose(samples.uv[:, 3], expected, atol=1e-6)
    np.testing.assert_array_equal(samples.masks[:, 3], later.mask.numpy() > 0)
    assert np.abs(samples.rgb[:, 1] - samples.rgb[:, 2]).max() > 0.01


def test_fewer_captures_than_asked_for_are_all_shown(make_prepared):
    assert len(sample(make_prepared(train=2)).capture_ids) == 2
