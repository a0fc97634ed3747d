"""Do learnt features find what only pattern shows? Studies of four species, written as photographs.

    python benchmarks/pattern_study.py --seeds 10
    python benchmarks/pattern_study.py --seeds 10 --params training.max_epochs=50

The specimens are beetles of this file's own making; the demo's simulator has no part in it. Every one has a
UV spot of one size and brightness, invisible in RGB, near the head or near the tail. In two species it lies
forward in males and backward in females, in the other two on either side by chance: 24 + 24 specimens each,
two photographs per specimen (PNG with alpha, 8 bits, UV shifted by up to 2 px). The project's own stages
read, train and embed them; `uv_value` tests colour and the learnt variant of `evaluation.uv_value_features`
together.

Prints species claimed by either, with and without the trait, and exits with 1 if more than .08 of those
without are claimed. A seed that is done is read from data/pattern_study/, so an interrupted run goes on
where it stopped. Run it in the root of the project.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, shift

from xmodal_pipeline.evaluation.schema import COLOUR, UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value import uv_value_table
from xmodal_pipeline.evaluation.uv_value.features import embedding_features, log_colour_features
from xmodal_pipeline.params.evaluate import EvaluationParams

FOLDER = Path("data/pattern_study")
SIZE = 112
PER_SEX = 24
MOST_FALSE = 0.08
"""Of the species without the trait, the share that may be claimed."""
SHOWN = ["seed", "species", "features", "auc_rgb", "auc_uv", "uv_adds", "q", "verdict"]
READING = {
    "specimens.rgb_suffix": "_vis",
    "specimens.uv_suffix": "_uv",
    "specimens.mask": "alpha",
    "specimens.scale": "uint8",
}
Image2d = NDArray[np.float64]


class Beetle(NamedTuple):
    """A species: colour in R, G, B and level in UV of the elytra, their stripes, and proportions."""

    name: str
    rgb: tuple[float, float, float]
    uv: float
    stripes: int
    width: float
    has_trait: bool


SPECIES = (
    Beetle("Scarabella_prima", (0.55, 0.35, 0.15), 0.25, 4, 0.30, has_trait=True),
    Beetle("Scarabella_secunda", (0.25, 0.45, 0.30), 0.30, 6, 0.26, has_trait=True),
    Beetle("Scarabella_tertia", (0.50, 0.20, 0.20), 0.22, 5, 0.33, has_trait=False),
    Beetle("Scarabella_quarta", (0.30, 0.30, 0.50), 0.35, 3, 0.28, has_trait=False),
)


def draw_beetle(
    species: Beetle, rng: np.random.Generator, *, is_forward: bool
) -> tuple[Image2d, Image2d, Image2d]:
    """RGB (3, size, size) and UV (3, size, size) in 0..1, and the outline (size, size).

    Everything but the spot is drawn alike for either half of the body, so that its place moves no mean and no
    SD of a band but by the chance of what it covers.
    """
    row, column = np.mgrid[:SIZE, :SIZE] / (SIZE - 1) - 0.5
    turn = np.radians(rng.uniform(-8, 8))
    x, y = column * np.cos(turn) + row * np.sin(turn), column * np.sin(turn) - row * np.cos(turn)
    width, length = species.width * rng.normal(1, 0.04), 0.36 * rng.normal(1, 0.04)
    outline = (x / width) ** 2 + (y / length) ** 2 < 1
    head = (x / 0.11) ** 2 + ((y - length) / 0.08) ** 2 < 1
    phase, waviness = rng.uniform(0, 2 * np.pi, 2)
    stripes = np.sin(species.stripes * 2 * np.pi * y / length + phase + np.sin(8 * x + waviness))
    blotches = gaussian_filter(rng.standard_normal((SIZE, SIZE)), 7)
    shade = 1 + 0.25 * stripes + 0.15 * blotches / blotches.std()
    shade *= np.exp(0.15 * rng.standard_normal())
    colour = np.array(species.rgb) * np.exp(0.06 * rng.standard_normal(3))
    rgb = colour[:, None, None] * shade
    uv_blotches = gaussian_filter(rng.standard_normal((SIZE, SIZE)), 9)
    uv = species.uv * np.exp(0.12 * rng.standard_normal()) * (shade + 0.1 * uv_blotches / uv_blotches.std())
    y_spot = (0.45 if is_forward else -0.45) * length * rng.normal(1, 0.05)
    spot = np.clip((0.085 - np.hypot(np.abs(x) - 0.09, y - y_spot)) * SIZE + 0.5, 0, 1)
    uv = uv * (1 - spot) + 2.4 * species.uv * spot
    is_head = head & ~outline
    rgb[:, is_head], uv[is_head] = 0.12, 0.1
    return rgb, uv * np.array([1.0, 0.9, 0.8])[:, None, None], (outline | head).astype(float)


def write_specimen(
    folder: Path, name: str, species: Beetle, rng: np.random.Generator, *, is_forward: bool
) -> None:
    """The two photographs of one specimen."""
    rgb, uv, outline = draw_beetle(species, rng, is_forward=is_forward)
    moved = rng.uniform(-2, 2, 2)
    uv = np.stack([shift(band, moved, order=1, mode="nearest") for band in uv])
    for suffix, bands, alpha in (("vis", rgb, outline), ("uv", uv, shift(outline, moved, order=1))):
        noisy = bands * alpha + 0.03 * (1 - alpha) + 0.012 * rng.standard_normal(bands.shape)
        picture = np.concatenate([noisy, [alpha > 0.5]]).transpose(1, 2, 0)
        Image.fromarray(np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)).save(
            folder / f"{name}_{suffix}.png"
        )


def write_study(folder: Path, seed: int) -> None:
    """Photographs and metadata of a new study."""
    folder.mkdir(parents=True)
    rows = []
    for k, species in enumerate(SPECIES):
        for number in range(2 * PER_SEX):
            rng = np.random.default_rng([seed, k, number])
            is_male = number < PER_SEX
            is_forward = is_male if species.has_trait else bool(rng.random() < 0.5)
            name = f"{species.name}_{number:02d}"
            write_specimen(folder, name, species, rng, is_forward=is_forward)
            rows.append((name, species.name, "male" if is_male else "female"))
    pd.DataFrame(rows, columns=["specimen_id", "species", "sex"]).to_csv(folder / "metadata.csv", index=False)


def run_stages(study: str, images: Path, variant: str, given: str) -> None:
    """Read, train and embed."""
    settings = {"study": study, "specimens.root": str(images.resolve()), **READING}
    params = ",".join(f"{key}={value}" for key, value in settings.items()) + (f",{given}" if given else "")
    for selected in (
        ["--pipelines", "ingest,split"],
        ["--namespaces", f"train.{variant}"],
        ["--namespaces", f"embed.{variant}"],
    ):
        command = [sys.executable, "-m", "kedro", "run", *selected, "--params", params]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def measure_seed(seed: int, variant: str, given: str) -> pd.DataFrame:
    """`uv_value` of one study, by colour and by the learnt variant; from the file where it is done."""
    done = FOLDER / f"uv_value_{seed}.csv"
    if done.is_file():
        return pd.read_csv(done)
    study, images, data = f"pattern_study_{seed}", FOLDER / f"images_{seed}", Path("data")
    shutil.rmtree(images, ignore_errors=True)
    write_study(images, seed)
    run_stages(study, images, variant, f"training.seed={seed}" + (f",{given}" if given else ""))
    index = pd.read_parquet(data / "03_primary" / study / "specimen_index.parquet")
    colour = pd.read_parquet(data / "03_primary" / study / "colour_table.parquet")
    embeddings = pd.read_parquet(data / "07_model_output" / study / variant / "embeddings.parquet")
    features = {COLOUR: log_colour_features(colour), variant: embedding_features(embeddings)}
    table = uv_value_table(features, index, EvaluationParams(uv_value_features=(COLOUR, variant)), "sex")
    for folder in (images, *data.glob(f"*/{study}")):
        shutil.rmtree(folder)
    table.assign(seed=seed).to_csv(done, index=False)
    return pd.read_csv(done)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--variant", default=EvaluationParams().uv_value_features[-1])
    parser.add_argument("--params", default="", help="further settings of the stages")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    has_trait = {species.name.casefold(): species.has_trait for species in SPECIES}
    most = 0.0
    tables = []
    for seed in range(options.seeds):
        table = measure_seed(seed, options.variant, options.params)
        tables.append(table)
        rows = table[table["scope"] == "species"]
        print(rows[SHOWN].to_string(index=False), flush=True)
    rows = pd.concat(tables)
    rows = rows[rows["scope"] == "species"]
    claims = rows.assign(trait=rows["species"].map(has_trait), claimed=rows["verdict"].isin(UV_CLAIMS))
    for (features, trait), part in claims.groupby(["features", "trait"]):
        claimed = int(part["claimed"].sum())
        if not trait:
            most = max(most, claimed / len(part))
        print(f"{features:10} {'with' if trait else 'without'} the trait: {claimed} of {len(part)} claimed")
    sys.exit(0 if most <= MOST_FALSE else 1)


if __name__ == "__main__":
    main()
