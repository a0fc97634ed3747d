"""What `split` prepares: by whose statistics, under whose mask, and on which scale."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xmodal_pipeline.errors import ParametersError, RunStoppedError
from xmodal_pipeline.imaging.scale import resolve_scale
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import QualityParams, SpecimensParams
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.pipelines.split import nodes
from xmodal_pipeline.specimens import prepared
from xmodal_pipeline.specimens.discovery import capture_files

ONE_JOB = QualityParams(n_jobs=1)
FRAME = SplitParams(image_size=16, crop="frame")
NO_LINES = pd.DataFrame()


def partitions_of(index, *names):
    return pd.DataFrame({"specimen_id": index["specimen_id"], "partition": names})


def prepare(study, index, qa, *names, split=FRAME):
    (block,) = nodes.prepare(study, index, partitions_of(index, *names), qa, NO_LINES, split, ONE_JOB)
    return block


def test_bands_are_normalised_by_training_captures_alone(make_stacks):
    levels = (10000, 50000, 20000, 60000, 30000, 65000)
    parts = ("train", "test", "train", "validation", "train", "test")
    block = prepare(*make_stacks(levels), *parts)
    is_train = np.array(parts) == "train"
    for channel, name in enumerate(("rgb", "uv")):
        images = getattr(block, name)[is_train].astype(np.float64)
        inside = block.masks[is_train, channel] == 1
        for band in range(3):
            pixels = images[:, band][inside]
            moments = block.manifest.statistics[name]
            assert moments["mean"][band] == pytest.approx(pixels.mean(), rel=1e-9)
            assert moments["sd"][band] == pytest.approx(pixels.std(), rel=1e-9)
    assert block.manifest.statistics["rgb"]["mean"][0] == pytest.approx(0.95 * 20000 / 65535, rel=0.01)


def test_the_manifest_names_every_capture_with_its_partition(make_stacks):
    study, index, qa = make_stacks((20000, 30000, 40000))
    partitions = partitions_of(index, "train", "validation", "test").iloc[::-1]
    (block,) = nodes.prepare(study, index, partitions, qa, NO_LINES, FRAME, ONE_JOB)
    manifest = block.manifest
    assert manifest.capture_ids == ("c00", "c01", "c02")
    assert manifest.specimen_ids == ("sc00", "sc01", "sc02")
    assert manifest.partitions == ("train", "validation", "test")
    assert (manifest.rgb_bands, manifest.uv_bands) == (("R", "G", "B"), ("UV1", "UV2", "UV3"))
    assert manifest.is_calibrated is False  # uint16 counts without standards
    percent = study.model_copy(update={"colour_units": "relative"})
    (block,) = nodes.prepare(percent, index, partitions, qa, NO_LINES, FRAME, ONE_JOB)
    assert block.manifest.is_calibrated is True


@pytest.mark.parametrize(("size", "rows"), [(2, [2, 2, 1]), (3, [3, 2])])
def test_blocks_follow_on_one_another_and_the_last_brings_the_manifest(make_stacks, monkeypatch, size, rows):
    monkeypatch.setattr(prepared, "_BLOCK", size)
    study, index, qa = make_stacks((10000, 20000, 30000, 40000, 50000))
    partitions = partitions_of(index, "test", "train", "train", "test", "train")
    made = nodes.prepare(study, index, partitions, qa, NO_LINES, FRAME, ONE_JOB)
    blocks = list(made)
    assert [len(block.rgb) for block in blocks] == rows
    for name, shape in made.shapes.items():
        assert np.concatenate([getattr(block, name) for block in blocks]).shape == shape
    levels = np.concatenate([block.rgb.astype(float).max((1, 2, 3)) for block in blocks]) * 65535
    np.testing.assert_allclose(levels, [10000, 20000, 30000, 40000, 50000], rtol=0.01)
    assert [block.manifest is None for block in blocks] == [True] * (len(rows) - 1) + [False]
    trained = np.concatenate([block.rgb for block in blocks])[[1, 2, 4], 0]
    inside = np.concatenate([block.masks for block in blocks])[[1, 2, 4], 0] == 1
    mean = blocks[-1].manifest.statistics["rgb"]["mean"][0]
    assert mean == pytest.approx(trained[inside].astype(float).mean(), rel=1e-9)


def test_a_specimen_without_a_partition_is_named(make_stacks):
    study, index, qa = make_stacks((20000, 30000))
    partitions = partitions_of(index, "train", "test").iloc[:1]
    with pytest.raises(RunStoppedError, match="every specimen must have a partition, got none for 'sc01'"):
        list(nodes.prepare(study, index, partitions, qa, NO_LINES, FRAME, ONE_JOB))


def test_the_scale_is_not_sampled_again_among_the_accepted(make_stacks):
    """Of 40 captures the sample sees the one bright one; without the first it would miss it."""
    levels = [9000] * 40
    levels[3] = 60000
    study, index, qa = make_stacks(levels, scale="auto")
    assert study.scale == "uint16"
    accepted = index.iloc[1:].reset_index(drop=True)
    with pytest.raises(ParametersError, match="uint16 numbers that end at"):
        resolve_scale(capture_files(accepted, study.root), study.settings)
    block = prepare(study, accepted, qa, *["train"] * 39)
    assert block.rgb[2].max() == pytest.approx(60000 / 65535, rel=0.01)
    assert block.rgb[0].max() == pytest.approx(9000 / 65535, rel=0.01)


@pytest.mark.parametrize(("registration", "is_own"), [("off", True), ("check", False)])
def test_only_photographs_that_nobody_registers_are_cut_by_a_mask_of_their_own(
    tmp_path, registration, is_own
):
    rng = np.random.default_rng(0)
    insides = {"vis": (slice(2, 10), slice(2, 10)), "uv": (slice(6, 14), slice(4, 14))}
    for side, inside in insides.items():
        picture = np.full((16, 16, 3), 255, np.uint8)
        picture[inside] = rng.integers(20, 120, (*picture[inside].shape[:2], 3))
        Image.fromarray(picture).save(tmp_path / f"a_{side}.png")
    index = pd.DataFrame(
        {"capture_id": ["a"], "specimen_id": ["a"], "filename": ["a_vis.png"], "uv_filename": ["a_uv.png"]}
    )
    settings = SpecimensParams(
        rgb_suffix="_vis",
        uv_suffix="_uv",
        mask="white_background",
        registration=registration,
        scale="uint8",
    )
    study = open_study(tmp_path, settings, capture_files(index, tmp_path))
    block = prepare(study, index, pd.DataFrame({"capture_id": ["a"], "status": "ok"}), "train")
    expected = {side: np.zeros((16, 16), np.uint8) for side in insides}
    for side, inside in insides.items():
        expected[side][inside] = 1
    np.testing.assert_array_equal(block.masks[0, 0], expected["vis"])
    np.testing.assert_array_equal(block.masks[0, 1], expected["uv" if is_own else "vis"])
    assert (block.uv[0][:, block.masks[0, 1] == 0] == 0).all()


def test_leaks_are_found_among_prepared_captures(make_prepared):
    captures = make_prepared(["train", "test", "train"])
    assert nodes.find_leaks(captures).empty
    captures.rgb[1], captures.uv[1] = captures.rgb[2], captures.uv[2]
    found = nodes.find_leaks(captures)
    assert found[["capture_id", "other_capture_id"]].values.tolist() == [["c01", "c02"]]
