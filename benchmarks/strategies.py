"""What each strategy keeps: planted traits, identity inside the outline, and a difference in UV level.

    kedro run --pipelines ingest,split --params study=traits,simulation.n_redundant_species=4
    kedro run --pipelines all_variants --params study=traits,simulation.n_redundant_species=4
    OMP_NUM_THREADS=1 python benchmarks/strategies.py --study traits

1. Balanced accuracy, with 95 % intervals, of a trait that only UV shows (sex in the species planted so), one
   that only RGB shows (their morph), and a shared one (sex in the redundant species, else the species), from
   the rgb, uv and joint embeddings. No strategy may lose the UV-only trait in its joint embedding.
2. Retrieval of held-out specimens from interiors: squares of one size inside the mask, so that neither
   outline nor size gives the match away; beside it the whole captures and the silhouettes, in opposite views.
3. UV of half of each species' specimens made brighter by a tenth, in the prepared; `uv_only` and `separate`
   trained under either photometry preset; the group probed from their uv features about the species means,
   and from mean and SD of UV itself. Specimens differ by more than a tenth, so beside it stands δ: how far
   the features move when the same captures' UV gets a tenth brighter, in standard deviations within species.

Exits with 1 if a strategy loses the UV-only trait.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import distance_transform_cdt
from torch.nn.functional import interpolate

from xmodal_pipeline.datasets.prepared import PreparedDataset
from xmodal_pipeline.evaluation import classification
from xmodal_pipeline.evaluation.baselines import band_means
from xmodal_pipeline.evaluation.rank_intervals import retrieval_intervals
from xmodal_pipeline.evaluation.ranks import summarise
from xmodal_pipeline.evaluation.retrieval import rank_matches
from xmodal_pipeline.evaluation.schema import DIRECTIONS
from xmodal_pipeline.imaging.preparation import PreparedCapture
from xmodal_pipeline.params.train import TrainParams
from xmodal_pipeline.params.variants import BASELINES, VARIANTS
from xmodal_pipeline.specimens.prepared import Prepared, channel_statistics
from xmodal_pipeline.training import BandStatistics, Checkpoint, embed, fit

BOOTSTRAPS = 1000
UV_GAIN = 1.1
COMPONENTS = 5
SMALLEST_SQUARE = 0.05
"""Share of the captures whose mask may not hold the square: they are left out."""


def vectors(table: pd.DataFrame, modality: str) -> pd.DataFrame | None:
    """Mean embedding of each specimen, or None for a baseline without this modality."""
    rows = table[table["modality"] == modality]
    return rows.groupby("specimen_id")[feature_columns(table)].mean() if len(rows) else None


def feature_columns(table: pd.DataFrame) -> list[str]:
    return [name for name in table.columns if name[0] == "x" and name[1:].isdigit()]


def accuracies(
    sides: dict[str, pd.DataFrame | None], labels: pd.Series, species: pd.Series
) -> dict[str, tuple[float, float, float]]:
    """Balanced accuracy and its interval from each embedding, over the specimens in `labels`."""
    given = {name: None if side is None else side.loc[labels.index] for name, side in sides.items()}
    found = classification(
        given.get("rgb"),
        given.get("uv"),
        labels.to_numpy(),
        groups=labels.index.to_numpy(),
        strata=species.loc[labels.index].to_numpy(),
        joint=given.get("joint"),
        bootstraps=BOOTSTRAPS,
        reference_permutations=1,
    )
    return {
        name: (found[f"{name}_accuracy"], *found[f"{name}_accuracy_ci"])
        for name, side in given.items()
        if side is not None
    }


def shown(cell: tuple[float, float, float] | None) -> str:
    return "–" if cell is None else f"{cell[0]:.2f} [{cell[1]:.2f}, {cell[2]:.2f}]"


def traits(data: Path, study: str, variants: list[str]) -> bool:
    """Part 1; False if a strategy lost the UV-only trait."""
    truth = pd.read_parquet(data / "01_raw" / study / "simulated_truth.parquet")
    specimens = truth.drop_duplicates("specimen_id").set_index("specimen_id")
    planted = specimens[specimens["role"] == "uv_only"]
    redundant = specimens[specimens["role"] == "redundant"]
    asked = {
        "UV only": planted["sex"],
        "RGB only": planted["morph"],
        "shared": redundant["sex"] if len(redundant) else specimens["species"],
    }
    kept = True
    print(f"{'trait':10}{'n':>5} {'variant':18}{'rgb':>20}{'uv':>20}{'joint':>20}")
    for trait, labels in asked.items():
        for variant in variants:
            table = pd.read_parquet(data / "07_model_output" / study / variant / "embeddings.parquet")
            sides = {name: vectors(table, name) for name in ("rgb", "uv", "joint")}
            cells = accuracies(sides, labels, specimens["species"])
            line = "".join(f"{shown(cells.get(name)):>20}" for name in sides)
            is_lost = trait == "UV only" and "joint" in cells and cells["joint"][1] <= 1 / 2
            kept &= not is_lost
            print(f"{trait:10}{len(labels):>5} {variant:18}{line}{'  LOST' if is_lost else ''}", flush=True)
    return kept


def load_prepared(data: Path, study: str) -> Prepared:
    return PreparedDataset(filepath=str(data / "04_feature" / study / "prepared")).load()


def interiors(prepared: Prepared) -> tuple[Prepared, int]:
    """Squares of one size from inside each mask, enlarged to the size of the images; and that size."""
    inside = np.asarray(prepared.masks).min(1).astype(bool)
    padded = np.pad(inside, ((0, 0), (1, 1), (1, 1)))
    # The largest square around a pixel reaches as far as the nearest background, in the chessboard metric.
    reach = np.stack([distance_transform_cdt(mask, metric="chessboard") for mask in padded])[:, 1:-1, 1:-1]
    half = int(np.quantile(reach.max((1, 2)), SMALLEST_SQUARE, method="lower")) - 1
    rows = np.flatnonzero(reach.max((1, 2)) > half)
    side, width = inside.shape[-1], 2 * half + 1
    cut: dict[str, list[np.ndarray]] = {"rgb": [], "uv": []}
    for row in rows:
        y, x = np.unravel_index(int(reach[row].argmax()), inside.shape[1:])
        window = slice(y - half, y + half + 1), slice(x - half, x + half + 1)
        for name, images in (("rgb", prepared.rgb), ("uv", prepared.uv)):
            square = torch.from_numpy(images[row][:, *window].astype(np.float32))[None]
            enlarged = interpolate(square, size=(side, side), mode="bilinear", align_corners=False)
            cut[name].append(enlarged[0].numpy().astype(np.float16))
    names = ("capture_ids", "specimen_ids", "partitions")
    kept = {name: tuple(getattr(prepared, name)[row] for row in rows) for name in names}
    masks = np.ones((len(rows), 2, side, side), np.uint8)
    return replace(prepared, rgb=np.stack(cut["rgb"]), uv=np.stack(cut["uv"]), masks=masks, **kept), width


def recall(table: pd.DataFrame) -> str:
    """recall@1 with intervals over the first test capture of each specimen, and chance."""
    test = table[table["partition"] == "test"].drop_duplicates(["specimen_id", "modality"])
    sides = {name: test[test["modality"] == name].set_index("specimen_id") for name in ("rgb", "uv")}
    columns = feature_columns(table)
    ranks = rank_matches(
        sides["rgb"][columns].to_numpy(), sides["uv"].loc[sides["rgb"].index, columns].to_numpy()
    )
    ends = retrieval_intervals(ranks, (1,))
    cells = (
        (summarise(counts, (1,))["recall@1"], *ends[name]["recall@1_ci"])
        for name, counts in zip(DIRECTIONS, ranks, strict=True)
    )
    return "".join(f"{shown(cell):>20}" for cell in cells) + f"   n = {len(sides['rgb'])}"


def retrieve_interiors(data: Path, study: str, variants: list[str]) -> None:
    """Part 2."""
    squares, width = interiors(load_prepared(data, study))
    outputs = data / "07_model_output" / study
    print(f"\nrecall@1; interiors are {width} px wide, {len(squares)} captures hold one")
    print(f"{'seen':22}{'variant':18}{'rgb to uv':>20}{'uv to rgb':>20}")
    silhouettes = pd.read_parquet(outputs / "silhouette_views.parquet")
    print(f"{'opposite views':22}{'silhouette':18}{recall(silhouettes)}")
    for variant in [name for name in variants if name not in BASELINES]:
        checkpoint = Checkpoint.from_file(data / "06_models" / study / variant / "checkpoint.safetensors")
        of_squares = embed(checkpoint, squares)
        for seen, table in (
            ("opposite views", pd.read_parquet(outputs / variant / "opposite_views.parquet")),
            ("interior", of_squares.projections),
            ("interior, opposite", of_squares.opposite_views),
        ):
            print(f"{seen:22}{variant:18}{recall(table)}", flush=True)


def uv_level(data: Path, study: str, epochs: int | None) -> None:
    """Part 3."""
    prepared = load_prepared(data, study)
    index = pd.read_parquet(data / "03_primary" / study / "specimen_index.parquet")
    specimens = index.drop_duplicates("specimen_id").set_index("specimen_id")
    rng = np.random.default_rng(0)
    order = specimens.assign(draw=rng.random(len(specimens))).groupby("species")["draw"].rank(method="first")
    group = (order % 2 == 1).map({True: "brighter", False: "as it was"})
    is_brighter = np.array([group[one] == "brighter" for one in prepared.specimen_ids])
    uv = np.asarray(prepared.uv).astype(np.float32) * np.where(is_brighter, UV_GAIN, 1)[:, None, None, None]
    changed = replace(prepared, uv=uv.astype(np.float16))
    plain = np.asarray(prepared.uv).astype(np.float32)
    lit = replace(prepared, uv=(UV_GAIN * plain).astype(np.float16))
    masks = np.asarray(prepared.masks)

    def colour(images: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(band_means(images, masks[:, 1])).groupby(np.array(prepared.specimen_ids)).mean()

    def found(features: pd.DataFrame | None) -> str:
        """Accuracy about the species means: species differ in UV by far more than a tenth."""
        if features is None:
            return "–"
        centred = features - features.groupby(specimens["species"]).transform("mean")
        return shown(accuracies({"uv": centred}, group, specimens["species"])["uv"])

    def row(name: str, of_group: pd.DataFrame | None, before: pd.DataFrame, after: pd.DataFrame) -> None:
        moved = shown(shift(before, after, specimens["species"]))
        print(f"{name:30}{found(of_group):>20}{moved:>20}", flush=True)

    print(f"\ngroup of 10 % brighter UV from uv features, n = {len(group)}; chance 0.50")
    print(f"{'':30}{'accuracy':>20}{'δ of a tenth':>20}")
    row("mean and SD of UV", colour(uv), colour(plain), colour(UV_GAIN * plain))
    for variant in ("uv_only", "separate"):
        for photometry in ("reflectance", "uncalibrated"):
            config = make_config(data, study, changed, variant, photometry, epochs)
            with tempfile.TemporaryDirectory() as folder:
                checkpoint = fit(config, changed, Path(folder)).checkpoint
            sides = (vectors(embed(checkpoint, one).embeddings, "uv") for one in (changed, prepared, lit))
            row(f"{variant}, {photometry}", *sides)


def shift(before: pd.DataFrame, after: pd.DataFrame, species: pd.Series) -> tuple[float, float, float]:
    """Length of the mean change of the features, in SDs within species of five components, with its interval.

    Two groups of specimens apart by δ are told apart by a line in Φ(δ/2) of cases.
    """
    centred = before - before.groupby(species).transform("mean")
    _, s, axes = np.linalg.svd(centred.to_numpy(), full_matrices=False)
    kept = min(COMPONENTS, len(s))
    spread = s[:kept] / np.sqrt(len(before) - species.loc[before.index].nunique())
    moved = (after - before).to_numpy() @ axes[:kept].T / spread
    draws = np.random.default_rng(0).integers(0, len(moved), (BOOTSTRAPS, len(moved)))
    lengths = np.linalg.norm(moved[draws].mean(1), axis=1)
    low, high = np.quantile(lengths, [0.025, 0.975])
    return float(np.linalg.norm(moved.mean(0))), float(low), float(high)


def make_config(
    data: Path, study: str, prepared: Prepared, variant: str, photometry: str, epochs: int | None
) -> Any:
    """The configuration of the study's own `separate`, for another variant, preset and brightness."""
    own = Checkpoint.from_file(data / "06_models" / study / "separate" / "checkpoint.safetensors").config
    rows = prepared.rows_of("train")
    arrays = (array[rows] for array in (prepared.rgb, prepared.uv, prepared.masks))
    statistics = channel_statistics(map(PreparedCapture, *arrays))
    training = own.training.model_copy(update={"max_epochs": epochs or own.training.max_epochs})
    return own.model_copy(
        update={
            "name": variant,
            "variant": TrainParams().variants[variant],
            "training": training,
            "photometry": photometry,
            "statistics": {name: BandStatistics.model_validate(side) for name, side in statistics.items()},
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--study", default="demo")
    parser.add_argument("--epochs", type=int, help="of part 3; default: the study's own")
    parser.add_argument("--parts", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    outputs = options.data / "07_model_output" / options.study
    variants = [name for name in VARIANTS if (outputs / name / "embeddings.parquet").is_file()]
    if not variants:
        raise SystemExit(
            f"strategies: the study must have embeddings, got none in {outputs}; run 'kedro run'"
        )
    kept = traits(options.data, options.study, variants) if 1 in options.parts else True
    if 2 in options.parts:
        retrieve_interiors(options.data, options.study, variants)
    if 3 in options.parts:
        uv_level(options.data, options.study, options.epochs)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
