"""Small captures whose RGB and UV show the same pattern, and a run that trains on them in seconds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.params.variants import BaselineParams, SeparateParams
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training import BandStatistics, FitConfig

SIDE = 32
RGB_BANDS, UV_BANDS = ("red", "green", "blue"), ("long", "short")
STATISTICS = {
    "rgb": {"mean": [0.5, 0.4, 0.3], "sd": [0.2, 0.2, 0.2]},
    "uv": {"mean": [0.25, 0.2], "sd": [0.1, 0.1]},
}
SMALL = {"backbone": "test_resnet", "projection_dim": 16, "hidden_dim": 32, "batch_size": 6, "max_epochs": 3}


@pytest.fixture
def make_prepared() -> Callable[..., Prepared]:
    def make(train: int = 12, validation: int = 0, test: int = 2, views: int = 1, seed: int = 0) -> Prepared:
        generator = np.random.default_rng(seed)
        y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
        inside = ((x / 0.7) ** 2 + (y / 0.8) ** 2 < 1).astype(np.uint8)
        partitions = ["train"] * train + ["validation"] * validation + ["test"] * test
        rgb, uv, specimens, shares = [], [], [], []
        for specimen, partition in enumerate(partitions):
            a, b, c = generator.normal(size=3)
            pattern = 0.5 + 0.2 * np.sin(4 * a * x + b) + 0.2 * np.cos(4 * c * y)
            for _ in range(views):
                noise = 0.01 * generator.normal(size=(5, SIDE, SIDE))
                rgb.append((pattern * np.array([1.0, 0.8, 0.6])[:, None, None] + noise[:3]) * inside)
                uv.append((pattern * np.array([0.5, 0.4])[:, None, None] + noise[3:]) * inside)
                specimens.append(f"specimen{specimen}")
                shares.append(partition)
        names = tuple(f"capture{i}" for i in range(len(rgb)))
        masks = np.broadcast_to(inside, (len(rgb), 2, SIDE, SIDE))
        return Prepared(
            np.asarray(rgb, np.float16),
            np.asarray(uv, np.float16),
            masks,
            names,
            tuple(specimens),
            tuple(shares),
            STATISTICS,
            RGB_BANDS,
            UV_BANDS,
            is_calibrated=False,
        )

    return make


@pytest.fixture
def make_config() -> Callable[..., FitConfig]:
    def make(name: str = "separate", loss: LossParams | None = None, **training: Any) -> FitConfig:
        variant = SeparateParams() if name == "separate" else BaselineParams(fusion_type=name)
        return FitConfig(
            name=name,
            variant=variant,
            training=TrainingParams(**{**SMALL, **training}),
            loss=loss or LossParams(),
            augmentation=AugmentationParams(),
            photometry="uncalibrated",
            rgb_bands=RGB_BANDS,
            uv_bands=UV_BANDS,
            image_size=SIDE,
            statistics={name: BandStatistics(**moments) for name, moments in STATISTICS.items()},
        )

    return make
