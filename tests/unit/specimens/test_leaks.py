"""Copies of a photograph across the split, and what is none."""

import io

import numpy as np
import pytest
from PIL import Image

from xmodal_pipeline.specimens.leaks import LEAKAGE, SAME_PHOTOGRAPH, describe_leaks, find_leaks
from xmodal_pipeline.specimens.prepared import Prepared

SIDE = 48


def photographs(n, bands, seed):
    """Unlike blotches on a disc that all share."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    disc = (x**2 + y**2 < 0.2).astype(float)
    centres, sizes = rng.uniform(-0.3, 0.3, (n, bands, 6, 2)), rng.uniform(0.05, 0.15, (n, bands, 6))
    images = np.zeros((n, bands, SIDE, SIDE))
    for i in range(n):
        for b in range(bands):
            for (cx, cy), size in zip(centres[i, b], sizes[i, b], strict=True):
                images[i, b] += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / size**2)
    return (0.2 + 0.5 * images / images.max((2, 3), keepdims=True)) * disc


def saved_again(bands):
    """JPEG of quality 60, smaller and brighter."""
    copies = []
    for band in bands:
        stream = io.BytesIO()
        Image.fromarray((255 * band).astype(np.uint8)).resize((44, 44)).save(stream, "jpeg", quality=60)
        copies.append(1.05 * np.asarray(Image.open(stream).resize((SIDE, SIDE))) / 255)
    return np.stack(copies)


@pytest.fixture
def study():
    n = 12
    rgb, uv = photographs(n, 3, 0), photographs(n, 2, 1)
    ids = tuple(f"c{i:02d}" for i in range(n))
    names = tuple(f"s{i:02d}" for i in range(n))
    parts = ("train",) * 8 + ("validation",) * 2 + ("test",) * 2

    def find(rgb=rgb, uv=uv, names=names):
        images = (side.astype(np.float16) for side in (rgb, uv))
        masks = np.ones((n, 2, SIDE, SIDE), np.uint8)
        return find_leaks(Prepared(*images, masks, ids, names, parts, {}, ("R", "G", "B"), ("a", "b"), False))

    return rgb, uv, names, find


def test_unlike_specimens_do_not_leak(study):
    assert study[-1]().empty


def test_a_photograph_saved_again_under_another_name_is_found_once(study, caplog):
    rgb, uv, _, find = study
    rgb, uv = rgb.copy(), uv.copy()
    for copy, original in ((10, 3), (11, 8)):  # test of train, test of validation
        rgb[copy], uv[copy] = saved_again(rgb[original]), saved_again(uv[original])
    found = find(rgb, uv)
    pairs = found[["capture_id", "partition", "other_capture_id", "other_partition"]].to_numpy().tolist()
    assert sorted(pairs) == [["c10", "test", "c03", "train"], ["c11", "test", "c08", "validation"]]
    assert set(found["code"]) == {LEAKAGE}
    assert found["correlation"].between(SAME_PHOTOGRAPH, 1.0001).all()
    assert "LEAKAGE: 2 captures are those of another specimen" in caplog.text
    assert "'c10' (test) and 'c03' (train)" in describe_leaks(found)


def test_one_modality_alone_and_one_partition_are_no_leak(study):
    rgb, uv, _, find = study
    half = rgb.copy()
    half[10] = rgb[3]
    assert find(rgb=half).empty
    inside, inside_uv = rgb.copy(), uv.copy()
    inside[4], inside_uv[4] = rgb[3], uv[3]
    assert find(rgb=inside, uv=inside_uv).empty


def test_repeats_of_one_specimen_are_no_leak(study):
    rgb, uv, names, find = study
    rgb, uv = rgb.copy(), uv.copy()
    rgb[3], uv[3] = rgb[2], uv[2]
    assert find(rgb, uv, (*names[:3], "s02", *names[4:])).empty
