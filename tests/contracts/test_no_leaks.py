"""Whatever is fitted never sees the rows that it is judged on."""

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation import baseline_tables
from xmodal_pipeline.evaluation.nearest import cross_fit_knn
from xmodal_pipeline.evaluation.probes import Protocol, cross_fit, make_folds
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.similarity.umap import umap_coordinates

PROTOCOL = Protocol(folds=4, inner_folds=2, c_values=(0.01, 1.0, 100.0))
PARAMS = EvaluationParams(bootstraps=20, reference_permutations=1, c_values=(1.0,), inner_folds=2, folds=3)


@pytest.fixture
def labelled():
    rng = np.random.default_rng(0)
    classes = np.arange(80) % 2
    narrow, wide = rng.normal(size=(80, 4)), rng.normal(size=(80, 150))
    narrow[:, 0] += 1.5 * classes
    return [narrow, wide], classes, make_folds(classes, np.arange(80), 4, seed=0)


@pytest.mark.parametrize("is_seen", [False, True])
def test_scaler_rotation_and_c_do_not_see_rows_left_out(labelled, is_seen):
    """Rows made absurd change predictions of others where they were fitted on, and nowhere else."""
    blocks, classes, folds = labelled
    fit, held = folds[0]
    absurd = (fit if is_seen else held)[:5]
    changed = [block.copy() for block in blocks]
    for block in changed:
        block[absurd] = 1e3 * np.random.default_rng(1).normal(size=(5, block.shape[1]))
    others = held[5:]

    before, after = (cross_fit(one, classes, np.arange(80), folds, PROTOCOL) for one in (blocks, changed))
    near = [cross_fit_knn(one, classes, folds)[others] for one in (blocks, changed)]

    is_same = np.array_equal(before.predicted[others], after.predicted[others])
    assert is_same != is_seen
    assert np.array_equal(*near) != is_seen
    if not is_seen:
        assert before.c[0] == after.c[0]


def test_pca_and_cca_see_training_captures_alone(monkeypatch, prepare_arrays):
    n, side = 30, 8
    rng = np.random.default_rng(2)
    index = pd.DataFrame(
        {"capture_id": [f"c{i}" for i in range(n)], "specimen_id": [f"s{i}" for i in range(n)]}
    )
    partition = np.array(["train", "test", "validation"])[np.arange(n) % 3]
    rgb, uv = rng.random((2, n, 3, side, side))
    masks = np.ones((n, 2, side, side), np.uint8)
    table = pd.concat(
        [
            index.assign(modality=name, **dict(zip(("x1", "x2", "x3"), side.mean((2, 3)).T, strict=True)))
            for name, side in (("rgb", rgb), ("uv", uv))
        ]
    )
    fitted, fit = [], baseline_tables.pca_cca
    monkeypatch.setattr(baseline_tables, "pca_cca", lambda *sides: fitted.append(sides) or fit(*sides))

    baseline_tables.baseline_tables(
        prepare_arrays(index, partition, rgb, uv, masks),
        index,
        views=dict.fromkeys(("silhouette", "band_means", "pca_cca"), table),
        unlearnt={"untrained_encoder": (table, table)},
        catches={},
    )

    is_train = partition == "train"
    assert len(fitted) == 7  # pixels, colour and unlearnt encoder, plain and warped; warped outlines
    assert all(len(one) == is_train.sum() for sides in fitted for one in sides)
    pixels = next(sides for sides in fitted if sides[0].shape[1] == 3 * side * side)
    for given, images in zip(pixels, (rgb, uv), strict=True):
        np.testing.assert_allclose(given, (images[is_train].reshape(is_train.sum(), -1) - 0.4) / 0.2)


@pytest.fixture
def embeddings():
    values = np.random.default_rng(3).normal(size=(90, 6)).astype(np.float32)
    values[:45, 0] += 3
    ids = [f"c{i}" for i in range(90)]
    partition = np.array(["train", "train", "test", "validation", "train"])[np.arange(90) % 5]
    keys = pd.DataFrame({"capture_id": ids, "specimen_id": ids, "partition": partition, "modality": "rgb"})
    return pd.concat([keys, pd.DataFrame(values, columns=[f"x{i + 1}" for i in range(6)])], axis=1)


def test_held_out_captures_move_no_point_of_a_map_but_their_own(embeddings):
    is_test = embeddings["partition"] == "test"
    absurd = is_test & is_test.cumsum().le(6)
    changed, without = embeddings.copy(), embeddings[~absurd]
    noise = 1e3 * np.random.default_rng(4).normal(size=(6, 6))
    changed.loc[absurd, [f"x{i + 1}" for i in range(6)]] = noise.astype(np.float32)

    before, after, fewer = (
        umap_coordinates(one, ReportingParams())[["x", "y"]].to_numpy()
        for one in (embeddings, changed, without)
    )

    is_train = (embeddings["partition"] == "train").to_numpy()
    np.testing.assert_array_equal(before[is_train], after[is_train])
    np.testing.assert_array_equal(before[is_train], fewer[is_train[~absurd]])
    # Placed captures do not move one another either.
    np.testing.assert_array_equal(before[~absurd], after[~absurd])
    assert (before[absurd] != after[absurd]).all()


def test_training_captures_do_make_a_map(embeddings):
    """The test above would pass, too, if a map never changed."""
    changed = embeddings.copy()
    train = changed.index[changed["partition"] == "train"][:3]
    changed.loc[train, "x1"] += 5
    before, after = (umap_coordinates(one, ReportingParams()) for one in (embeddings, changed))
    assert (before[["x", "y"]] != after[["x", "y"]]).mean(axis=None) > 0.9
