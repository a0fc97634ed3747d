import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xmodal_pipeline.reporting.similarity.explorer import make_explorer
from xmodal_pipeline.reporting.words import ModalityNames


def levels(studies, index):
    """Captures that differ in grey level only, UV from bright to dark."""
    n = len(index)
    ramp = np.linspace(0.2, 1, n, dtype=np.float32)[:, None, None, None]
    rgb = np.broadcast_to(ramp, (n, 3, 16, 16)).copy()
    rgb[:, :, :, :8] = 1
    uv = rgb[::-1, :2].copy()
    uv[:, :, 0] = 0.01  # the black point of the stretch
    return studies.make_prepared(index, 16, rgb=rgb, uv=uv)


@pytest.fixture
def explorer(studies, index, coordinates):
    other = coordinates.assign(variant="separate", x=-coordinates["x"])
    shuffled = pd.concat([coordinates, other]).sample(frac=1, random_state=0)
    return make_explorer(
        shuffled,
        index,
        levels(studies, index),
        variant="separate",
        is_linear=False,
        names=ModalityNames("Dorsal", "Ventral"),
    )


def test_points_keep_their_capture(explorer, coordinates):
    payload = explorer
    for one in payload["maps"]:
        space, modality = one["id"].rsplit("-", 1)
        rows = coordinates[(coordinates["space"] == space) & (coordinates["modality"] == modality)]
        rows = rows.set_index("capture_id")
        for i, capture in enumerate(one["capture"]):
            row = rows.loc[payload["captures"][capture]]
            sign = -1 if one["variant"] == "separate" else 1
            assert one["x"][i] == pytest.approx(sign * row["x"], abs=1e-3)
            assert one["y"][i] == pytest.approx(row["y"], abs=1e-3)
    placed = {one["id"]: one["trustworthiness_placed"] for one in payload["maps"]}
    expected = coordinates.loc[coordinates["space"] == "rgb", "trustworthiness_placed"].iloc[0]
    assert placed["rgb-rgb"] == pytest.approx(expected, abs=1e-3)
    assert [one["id"] for one in payload["variants"]] == ["separate", "concat"]
    titles = {one["id"]: one["title"] for one in payload["maps"] if one["variant"] == "concat"}
    assert titles == {
        "rgb-rgb": "Dorsal",
        "uv-uv": "Ventral",
        "pooled-rgb": "Dorsal, pooled with Ventral",
        "pooled-uv": "Ventral, pooled with Dorsal",
    }


def test_labels_belong_to_their_capture(explorer, index, coordinates):
    labels = explorer["labels"]
    assert set(labels) == {"species", "sex", "partition"}
    assert [one["name"] for one in labels["partition"]["classes"]] == ["test", "train", "validation"]
    by_id = index.set_index("capture_id")
    parts = coordinates.drop_duplicates("capture_id").set_index("capture_id")["partition"]
    for capture, number in zip(explorer["captures"], labels["partition"]["values"], strict=True):
        assert labels["partition"]["classes"][number]["name"] == parts[capture]
    for capture, number in zip(explorer["captures"], labels["species"]["values"], strict=True):
        assert labels["species"]["classes"][number]["name"] == by_id.loc[capture, "species"]
    sexes = [labels["sex"]["classes"][i]["name"] for i in labels["sex"]["values"]]
    assert sexes.count("unlabelled") == 1
    assert sexes[explorer["captures"].index(index["capture_id"][3])] == "unlabelled"


@pytest.mark.parametrize(("modality", "is_rising"), [("rgb", True), ("uv", False)])
def test_atlas_holds_each_thumbnail_at_its_place(explorer, index, modality, is_rising):
    atlas = explorer["atlas"]
    content = base64.b64decode(atlas[modality].removeprefix("data:image/jpeg;base64,"))
    image = np.asarray(Image.open(io.BytesIO(content)))
    tile, columns = atlas["tile"], atlas["columns"]
    levels = {}
    for i, capture in enumerate(explorer["captures"]):
        top, left = tile * (i // columns), tile * (i % columns)
        levels[capture] = image[top + tile // 2, left + tile - 6].mean()
    ordered = [levels[capture] for capture in index["capture_id"]]
    expected = np.sort(ordered) if is_rising else np.sort(ordered)[::-1]
    np.testing.assert_allclose(ordered, expected, atol=4)
    assert abs(ordered[-1] - ordered[0]) > 150


def test_the_background_of_a_thumbnail_is_light(studies, index, coordinates):
    dark = np.zeros((len(index), 3, 64, 64), np.float32)
    dark[:, :, 16:48, 16:48] = 0.2
    payload = make_explorer(coordinates, index, studies.make_prepared(index, 64, rgb=dark))
    content = base64.b64decode(payload["atlas"]["rgb"].removeprefix("data:image/jpeg;base64,"))
    assert np.asarray(Image.open(io.BytesIO(content)))[2, 2].min() > 200
