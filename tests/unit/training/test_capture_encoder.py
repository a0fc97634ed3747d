"""A checkpoint embeds a capture at hand as the study's stages embed it."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from xmodal_pipeline import load_encoder
from xmodal_pipeline.errors import CaptureRejected, RunStoppedError
from xmodal_pipeline.imaging.reading import read_capture
from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import QualityParams, RegistrationParams, SpecimensParams
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.params.variants import SeparateParams
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.examination import examine_captures
from xmodal_pipeline.specimens.prepared import Prepared, prepare_captures
from xmodal_pipeline.training import Checkpoint, FitConfig, embed

NAMES = ["a", "b", "c"]


def write_stack(path, seed, shift=(3, 2), size=96):
    """Seven bands of one texture within a disc; UV lies `shift` pixels to the right and down."""
    rng = np.random.default_rng(seed)
    texture = gaussian_filter(rng.normal(size=(size, size)), 2)
    texture = (texture - texture.min()) / np.ptp(texture)
    y, x = np.mgrid[:size, :size]
    inside = (x - 45) ** 2 + (y - 50) ** 2 < 30**2
    rgb = [0.2 + share * texture for share in (0.6, 0.5, 0.4)]
    uv = [np.roll(0.1 + share * texture, shift[::-1], (0, 1)) for share in (0.5, 0.4, 0.3)]
    noise = rng.normal(scale=0.002, size=(6, size, size))
    bands = (np.array([*rgb, *uv]) + noise).clip(0, 1) * 65535
    tifffile.imwrite(path, np.array([*bands, inside * 255]).astype(np.uint16), photometric="minisblack")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The study's own way: files, prepared captures, checkpoint on disk and table of embeddings."""
    folder = tmp_path_factory.mktemp("study")
    for seed, name in enumerate(NAMES):
        write_stack(folder / f"{name}.tif", seed)
    listed = pd.DataFrame(
        {"capture_id": NAMES, "specimen_id": NAMES, "filename": [f"{n}.tif" for n in NAMES]}
    )
    listed = listed.assign(uv_filename="", flags="")
    settings = SpecimensParams(root=folder, metadata="secret.csv", label="sex")
    study = open_study(folder, settings, capture_files(listed, folder))
    lines = pd.DataFrame({"capture_id": pd.Series(dtype=str)})
    quality = QualityParams(n_jobs=1)
    tables = examine_captures(listed, lines, study, RegistrationParams(), quality)
    assert tables.registration_qa["status"].tolist() == ["corrected"] * 3
    parts = pd.DataFrame({"specimen_id": NAMES, "partition": ["train", "train", "test"]})
    split = SplitParams(image_size=32)
    qa = tables.registration_qa
    (block,) = prepare_captures(study, tables.specimen_index, parts, qa, lines, split, n_jobs=1)
    prepared = Prepared(block.rgb, block.uv, block.masks, **dict(block.manifest))
    training = TrainingParams(backbone="test_resnet", projection_dim=8, hidden_dim=16)
    variant = SeparateParams().model_dump()
    config = FitConfig.for_prepared(prepared, training, LossParams(), AugmentationParams(), variant)
    checkpoint = Checkpoint({}, config).unlearnt()
    checkpoint.to_file(folder / "checkpoint.safetensors")
    return folder, study, embed(checkpoint, prepared).embeddings


def expected(table, modality):
    return table[table["modality"] == modality].filter(regex=r"^x\d").to_numpy()


def test_files_give_the_exported_embeddings(exported):
    folder, _, table = exported
    found = load_encoder(folder / "checkpoint.safetensors").embed([folder / f"{name}.tif" for name in NAMES])
    assert list(found) == ["rgb", "uv", "joint"]
    for modality, vectors in found.items():
        np.testing.assert_allclose(vectors, expected(table, modality), rtol=0, atol=1e-5)


def test_arrays_give_the_exported_embeddings_one_by_one(exported):
    folder, study, table = exported
    encoder = load_encoder(str(folder / "checkpoint.safetensors"))
    for row, name in enumerate(NAMES):
        files = capture_files(
            pd.DataFrame(
                {"capture_id": [name], "specimen_id": name, "filename": f"{name}.tif", "uv_filename": ""}
            ),
            folder,
        )
        capture = read_capture(files[0], study)
        found = encoder.embed(capture.rgb, capture.uv, capture.rgb_mask)
        for modality, vector in found.items():
            np.testing.assert_allclose(vector, expected(table, modality)[row], rtol=0, atol=1e-5)


def test_no_place_of_the_study_travels_with_its_model(exported):
    folder, _, _ = exported
    content = (folder / "checkpoint.safetensors").read_bytes()
    assert str(folder).encode() not in content
    assert b"secret.csv" not in content


def test_what_does_not_fit_together_is_refused(exported):
    folder, _, _ = exported
    encoder = load_encoder(folder / "checkpoint.safetensors")
    rgb, uv, file = np.full((3, 40, 40), 0.5), np.full((3, 40, 40), 0.5), folder / "a.tif"
    for arguments, said in [
        ((rgb, uv[:1]), r"\(3, height, width\) of \['UV1', 'UV2', 'UV3'\], got .* \(1, 40, 40\)"),
        ((rgb,), r"got \(3, 40, 40\) and \(0,\)"),
        (([rgb, rgb], [uv]), r"as many captures each, at least one, got \[2, 1, None\]"),
        ((rgb, uv, np.ones((4, 4))), "mask must have the height and width"),
        ((rgb, uv, np.zeros((40, 40))), "every mask must hold a pixel"),
        ((rgb * np.nan, uv), "every band finite numbers"),
        ((file, file), "must be one file with all bands"),
        ((file, None, np.ones((96, 96))), "must be one file with all bands"),
    ]:
        with pytest.raises(RunStoppedError, match=said):
            encoder.embed(*arguments)


def test_a_file_that_cannot_be_used_is_named(exported, tmp_path):
    (tmp_path / "broken.tif").write_bytes(b"II*")
    with pytest.raises(CaptureRejected, match=r"broken\.tif"):
        load_encoder(exported[0] / "checkpoint.safetensors").embed(tmp_path / "broken.tif")


@pytest.mark.parametrize("change", ["rig", "standards"])
def test_what_one_capture_cannot_tell_is_refused(exported, change):
    encoder = load_encoder(exported[0] / "checkpoint.safetensors")
    recipe = encoder._recipe
    if change == "rig":
        update = {"registration": RegistrationParams(rig="all")}
    else:
        update = {"has_grey_standards": True}
    encoder._recipe = recipe.model_copy(update=update)
    with pytest.raises(RunStoppedError, match="kedro run --pipelines apply"):
        encoder.embed(exported[0] / "a.tif")


def test_importing_the_package_brings_no_torch():
    code = "import sys, xmodal_pipeline; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
