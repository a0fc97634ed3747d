"""What every test may use."""

import os
import shutil
from pathlib import Path

import pytest

# Two cores, many small matrices: threads only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the project without any data, as after a fresh clone; also the working directory."""
    copy = tmp_path / "project"
    copy.mkdir()
    shutil.copytree(ROOT / "conf", copy / "conf")
    (copy / "src").mkdir()  # Kedro wants the folder; the package itself is the installed one
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, copy / name)
    (copy / "data").mkdir()
    monkeypatch.chdir(copy)
    return copy


@pytest.fixture(scope="session")
def pipelines():
    """All registered pipelines by name."""
    from kedro.framework.project import configure_project

    from xmodal_pipeline.pipeline_registry import register_pipelines

    configure_project("xmodal_pipeline")
    return register_pipelines()


@pytest.fixture(scope="session")
def prepare_arrays():
    """Arrays of the captures of an index as `Prepared`."""
    from xmodal_pipeline.specimens.prepared import Prepared

    def prepare(index, partition, rgb, uv, masks):
        bands = {"rgb_bands": rgb.shape[1], "uv_bands": uv.shape[1]}
        return Prepared(
            rgb,
            uv,
            masks,
            capture_ids=tuple(index["capture_id"]),
            specimen_ids=tuple(index["specimen_id"]),
            partitions=tuple(partition),
            statistics={
                name: {"mean": [0.4] * bands[f"{name}_bands"], "sd": [0.2] * bands[f"{name}_bands"]}
                for name in ("rgb", "uv")
            },
            is_calibrated=True,
            **{name: tuple(f"band {i}" for i in range(count)) for name, count in bands.items()},
        )

    return prepare


@pytest.fixture(scope="session")
def realdata():
    """The shared folder of real images; the test is skipped where it is not beside the checkout."""
    folder = ROOT.parent / "shared" / "realdata"
    if not folder.is_dir():
        pytest.skip("the folder of real images is not beside this checkout")
    return folder
