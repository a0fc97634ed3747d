"""What tests of the pipelines share."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from xmodal_pipeline.imaging.study import open_study
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.params.variants import SeparateParams
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.prepared import Prepared


@pytest.fixture
def catalog(project):
    """The catalog of a fresh clone, as `kedro run --env smoke` sees it."""
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="smoke") as session:
        return session.load_context().catalog


@pytest.fixture
def make_stacks(tmp_path):
    """A study of small uint16 stacks, each of one level plus noise, and the tables that `ingest` gives."""

    def make(levels, *, size=16, scale="uint16"):
        rng = np.random.default_rng(0)
        folder = tmp_path / "stacks"
        folder.mkdir()
        names = [f"c{at:02d}" for at in range(len(levels))]
        for name, level in zip(names, levels, strict=True):
            bands = np.rint(level * rng.uniform(0.9, 1, (7, size, size))).astype(np.uint16)
            bands[6] = 0
            bands[6, 2:-2, 2:-2] = 255
            path = folder / f"{name}.tif"
            tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="separate")
        index = pd.DataFrame(
            {
                "capture_id": names,
                "specimen_id": [f"s{name}" for name in names],
                "filename": [f"{name}.tif" for name in names],
                "uv_filename": "",
            }
        )
        study = open_study(folder, SpecimensParams(scale=scale), capture_files(index, folder))
        qa = pd.DataFrame({"capture_id": names, "status": "ok"})
        return study, index, qa

    return make


@pytest.fixture
def make_prepared():
    """Captures of random pixels inside a square; UV is half of RGB's first bands."""

    def make(partitions, *, side=32, is_calibrated=True):
        rng = np.random.default_rng(0)
        n = len(partitions)
        masks = np.zeros((n, 2, side, side), np.uint8)
        masks[:, :, 4:-4, 4:-4] = 1
        rgb = rng.uniform(0.2, 0.8, (n, 3, side, side)) * masks[:, :1]
        arrays = (rgb.astype(np.float16), (rgb[:, :2] / 2).astype(np.float16), masks)
        names = tuple(f"c{at:02d}" for at in range(n))
        specimens = tuple(f"s{name}" for name in names)
        statistics = {
            "rgb": {"mean": [0.5, 0.5, 0.5], "sd": [0.2, 0.2, 0.2]},
            "uv": {"mean": [0.25, 0.25], "sd": [0.1, 0.1]},
        }
        bands = ("R", "G", "B"), ("UV1", "UV2")
        return Prepared(*arrays, names, specimens, tuple(partitions), statistics, *bands, is_calibrated)

    return make


@pytest.fixture
def make_checkpoint():
    """Weights drawn from a seed, with the bands, size, statistics and photometry of these captures."""

    def make(prepared):
        from xmodal_pipeline.training import Checkpoint, FitConfig

        config = FitConfig.for_prepared(
            prepared,
            TrainingParams(backbone="test_resnet", projection_dim=8, hidden_dim=16),
            LossParams(),
            AugmentationParams(),
            SeparateParams().model_dump(),
        )
        return Checkpoint({}, config).unlearnt()

    return make
