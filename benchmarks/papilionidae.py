"""Real photographs: do both sides of swallowtails find one another better than under PCA + CCA?

    python benchmarks/papilionidae.py --images path/to/papilionidae_dorsal_ventral
    ... --run 1                                       one fold of four: minutes per strategy
    ... --run 1 2 3 --variants separate_shared --params training.linear_share=0

The project's own stages read the folder (`ingest`, `split`) into the study `papilionidae`; then specimens are
dealt into folds, so that every specimen is tested once, by a model that never saw it, or never saw its
species. In each fold every strategy trains, as the preset `photographs` says, on the rest less a tenth that
chooses the epoch, and PCA + CCA is fitted to all the rest: of the pixels as they are, and of coarse ones as
in the pipeline (`pca_cca_coarse`, much the better). All rank the same galleries: the test specimens of the
fold. Differences in recall are paired by specimen; their 95 % intervals resample specimens, and whole species
beside it. One seed is exploratory.

A run that was interrupted goes on where it stopped.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from omegaconf import OmegaConf
from sklearn.model_selection import GroupKFold

from xmodal_pipeline.datasets.prepared import PreparedDataset
from xmodal_pipeline.evaluation.baselines import coarse_pixels, pca_cca
from xmodal_pipeline.evaluation.ranks import query_measures
from xmodal_pipeline.evaluation.resampling import bootstrap_weights, percentile_interval
from xmodal_pipeline.evaluation.retrieval import rank_matches
from xmodal_pipeline.evaluation.schema import DIRECTIONS
from xmodal_pipeline.imaging.preparation import PreparedCapture
from xmodal_pipeline.params.root import Parameters, validate_parameters
from xmodal_pipeline.params.variants import STRATEGIES
from xmodal_pipeline.specimens.prepared import Prepared, channel_statistics
from xmodal_pipeline.training import FitConfig, embed, fit

STUDY = "papilionidae"
READING = {
    "specimens.rgb_suffix": "D",
    "specimens.uv_suffix": "V",
    "specimens.registration": "off",
    "specimens.mask": "white_background",
    "specimens.rgb_name": "dorsal",
    "specimens.uv_name": "ventral",
}
COARSE = "pca_cca_coarse"
BASELINES = ("pca_cca", COARSE)
KS = (1, 5)
VALIDATION = 0.1
BOOTSTRAPS = 2000


@dataclass(frozen=True)
class Study:
    """What the stages left behind."""

    index: pd.DataFrame
    prepared: Prepared


def read_folder(images: Path, project: Path, study: str = STUDY, **more: object) -> Study:
    """Run `ingest` and `split` unless they already ran; `more` are further keys of split."""
    data = project / "data"
    if not (data / "04_feature" / study / "prepared" / "manifest.json").is_file():
        settings = {"study": study, "specimens.root": str(images.resolve()), **READING}
        settings |= {f"split.{key}": str(value) for key, value in more.items()}
        given = ",".join(f"{key}={value}" for key, value in settings.items())
        kedro = str(Path(sys.executable).with_name("kedro"))
        subprocess.run(
            [kedro, "run", "--pipelines", "ingest,split", "--params", given], cwd=project, check=True
        )
    return Study(
        pd.read_parquet(data / "03_primary" / study / "specimen_index.parquet"),
        PreparedDataset(filepath=str(data / "04_feature" / study / "prepared")).load(),
    )


def deal_folds(index: pd.DataFrame, held_out: str, folds: int, seed: int) -> Iterator[pd.DataFrame]:
    """`specimen_id, partition` of each fold; with species held out, validation holds whole species too."""
    specimens = index.drop_duplicates("specimen_id")
    ids = specimens["specimen_id"].to_numpy()
    units = ids if held_out == "specimens" else specimens[held_out].fillna("").to_numpy()
    for rest, test in GroupKFold(folds, shuffle=True, random_state=seed).split(ids, groups=units):
        partition = pd.Series("train", index=range(len(ids)))
        partition.iloc[test] = "test"
        chosen, count = np.random.default_rng(seed).permutation(np.unique(units[rest])), 0
        for unit in chosen:
            if count >= VALIDATION * len(ids):
                break
            members = rest[units[rest] == unit]
            partition.iloc[members] = "validation"
            count += len(members)
        yield pd.DataFrame({"specimen_id": ids, "partition": partition.to_numpy()})


def rank(rgb: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Hits of every query: (specimens, directions, ks)."""
    measures = [query_measures(counts, KS) for counts in rank_matches(rgb, uv)]
    return np.stack([np.stack([m[f"recall@{k}"] for k in KS], axis=1) for m in measures], axis=1)


def divided(prepared: Prepared, partitions: pd.DataFrame) -> Prepared:
    """The same captures under other partitions, with the statistics of their training ones."""
    of_specimen = partitions.set_index("specimen_id")["partition"]
    assigned = tuple(of_specimen[list(prepared.specimen_ids)])
    rows = np.flatnonzero(np.array(assigned) == "train")
    arrays = (array[rows] for array in (prepared.rgb, prepared.uv, prepared.masks))
    return replace(
        prepared, partitions=assigned, statistics=channel_statistics(map(PreparedCapture, *arrays))
    )


def score_baseline(
    prepared: Prepared, is_fitted: np.ndarray, is_tested: np.ndarray, *, coarse: bool
) -> np.ndarray:
    """PCA + CCA of the pixels as they are stored, or coarse and standardised as the pipeline's baseline."""
    sides = prepared.rgb, prepared.uv
    if coarse:
        names = enumerate(("rgb", "uv"))
        rgb, uv = (
            coarse_pixels(sides[i], prepared.masks[:, i], prepared.statistics[name]) for i, name in names
        )
    else:
        rgb, uv = (images.astype(np.float32).reshape(len(images), -1) for images in sides)
    transform = pca_cca(rgb[is_fitted], uv[is_fitted])
    return rank(*transform(rgb[is_tested], uv[is_tested]))


def score_variant(
    prepared: Prepared,
    params: Parameters,
    variant: str,
    folder: Path,
) -> np.ndarray:
    """Train or take up a strategy, and rank the test specimens by its projections."""
    chosen = params.variants[variant].model_dump()
    config = FitConfig.for_prepared(prepared, params.training, params.loss, params.augmentation, chosen)
    table = embed(fit(config, prepared, folder).checkpoint, prepared).projections
    test = table[table["partition"] == "test"]
    columns = [name for name in table.columns if name[0] == "x" and name[1:].isdigit()]
    return rank(*(test.loc[test["modality"] == name, columns].to_numpy() for name in ("rgb", "uv")))


def run_folds(
    study: Study, params: Parameters, options: argparse.Namespace, held_out: str
) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Hits of PCA + CCA and of every strategy, over the specimens of all folds that ran."""
    hits: dict[str, list[np.ndarray]] = {name: [] for name in (*BASELINES, *options.variants)}
    tested = []
    for fold, partitions in enumerate(deal_folds(study.index, held_out, options.folds, options.seed)):
        if fold not in (options.run or range(options.folds)):
            continue
        prepared = divided(study.prepared, partitions)
        partition = np.asarray(prepared.partitions)
        tested.append(study.index[partition == "test"])
        for name in BASELINES:
            rows = partition != "test", partition == "test"
            hits[name].append(score_baseline(prepared, *rows, coarse=name == COARSE))
        for variant in options.variants:
            begun = time.monotonic()
            folder = options.work / held_out / f"fold{fold}" / variant
            hits[variant].append(score_variant(prepared, params, variant, folder))
            print(
                f"{held_out} fold {fold} {variant}: {time.monotonic() - begun:.0f} s, recall@1 "
                f"{hits[variant][-1][..., 0].mean():.2f}, {COARSE} {hits[COARSE][-1][..., 0].mean():.2f}",
                flush=True,
            )
    return {name: np.concatenate(parts) for name, parts in hits.items()}, pd.concat(tested)


def report(hits: dict[str, np.ndarray], tested: pd.DataFrame, held_out: str) -> bool:
    """Print recall and the paired differences; True if a strategy is better at every k."""
    weights = {
        unit: bootstrap_weights(tested[unit].fillna("").to_numpy(), None, BOOTSTRAPS, seed=0)
        for unit in ("specimen_id", "species")
        if unit in tested
    }
    sides = {**{name: [i] for i, name in enumerate(DIRECTIONS)}, "both": [0, 1]}
    best = False
    print(f"\n{held_out} held out, n = {len(tested)}; difference to {COARSE} [by specimen] [by species]")
    for name, values in hits.items():
        lower = []
        for k, at in enumerate(KS):
            for side, columns in sides.items():
                one = values[:, columns, k].mean(1)
                line = f"{name:18} recall@{at} {side:10} {one.mean():.3f}"
                if name != COARSE:
                    difference = one - hits[COARSE][:, columns, k].mean(1)
                    line += f"  {difference.mean():+.3f}"
                    for unit, draws in weights.items():
                        low, high = percentile_interval(draws @ difference / draws.sum(1))
                        line += f" [{low:+.3f}, {high:+.3f}]"
                        if unit == "specimen_id" and name not in BASELINES:
                            lower.append(low)
                print(line)
        best |= bool(lower) and min(lower) > 0
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--project", type=Path, default=Path(), help="where conf/ and data/ are")
    parser.add_argument("--work", type=Path, help="states of the trainings; default: in data/06_models")
    parser.add_argument("--variants", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    parser.add_argument("--held-out", nargs="+", default=["specimens", "species"])
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--run", type=int, nargs="+", help="only these of the folds 0, 1, …")
    parser.add_argument("--params", nargs="*", default=[], help="such as training.lr=0.002")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.work = options.work or options.project / "data" / "06_models" / STUDY / "folds"
    reading = [f"{key}={value}" for key, value in READING.items()] + [f"specimens.root={options.images}"]
    given = OmegaConf.from_dotlist([*reading, f"training.seed={options.seed}", *options.params])
    params = validate_parameters(cast("dict[str, Any]", OmegaConf.to_container(given)))
    study = read_folder(options.images, options.project)
    better = [report(*run_folds(study, params, options, kind), kind) for kind in options.held_out]
    sys.exit(0 if all(better) else 1)


if __name__ == "__main__":
    main()
