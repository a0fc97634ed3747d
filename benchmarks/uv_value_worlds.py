"""How often `uv_value` claims what is not there, and finds what is, over worlds built to break it.

    python benchmarks/uv_value_worlds.py --studies 100
    python benchmarks/uv_value_worlds.py --power --studies 100 --first-design <a checkout of commit 061e1fc>
    python benchmarks/uv_value_worlds.py --spectra hecabe.csv --studies 100

A world draws a study: RGB, UV, class and species of every specimen, and the squared distance that UV adds.
Per world: p <= .05 per null species (se over studies), mean false-discovery proportion, studies with any
false claim, pooled rows claimed (null worlds), intervals that hold the truth. Worlds of noise add how many
false claims had a `noise_tip` below the noise that made them. `--spectra` (pavo) takes a table with
species, sex, one `rgb_` and one `uv_` column per band, reflectance: a specimen of public spectra a row.
`--first-design` asks the `uv_value` of another checkout about the same studies.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.schema import ALPHA, UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.value import judge_parts, prepare_part
from xmodal_pipeline.evaluation.uv_value.verdict import judge

Floats = NDArray[np.float64]
Rng = np.random.Generator


@dataclass
class Study:
    """What a world draws; `truth` is the squared distance of every species, NaN where it is not known."""

    rgb: Floats
    uv: Floats
    label: Floats
    species: Floats
    truth: Floats
    repeats: Floats | None = None
    covariates: Floats | None = None
    noise: float = 0.0
    is_learnt: bool | None = field(default=None)


World = Callable[[Rng], Study]


def lay_out(n_species: int, n: tuple[int, int]) -> tuple[Floats, Floats]:
    """Classes and species of `n_species` species of n[0] + n[1] specimens."""
    return np.tile(np.repeat([0, 1], n), n_species), np.repeat(np.arange(n_species), sum(n))


def gaussian(  # noqa: PLR0913 - one knob per way in which a study may differ
    n_species: int = 30,
    n: tuple[int, int] = (10, 10),
    *,
    p: int = 6,
    q: int = 3,
    delta: float = 0.0,
    effects: int = 0,
    slopes: str = "equal",
    spread: float = 1.0,
    separation: float = 2.0,
    tail: float = 0.0,
    unlike: bool = False,
    outliers: tuple[str, ...] = (),
) -> World:
    """RGB that differs between the classes, UV linear in it; the first `effects` species have δ."""

    def draw(rng: Rng) -> Study:
        label, species = lay_out(n_species, n)
        size = len(label)
        mixing = np.eye(p) + rng.normal(size=(p, p)) / np.sqrt(p)
        common = rng.normal(size=(p, q)) * 0.6
        groups = rng.normal(size=(2, p, q)) * 0.4
        scale = np.where(label == 1, spread, 1.0)[:, None]
        noise = rng.standard_t(tail, size=(size, p + q)) if tail else rng.normal(size=(size, p + q))
        rgb, uv = np.empty((size, p)), np.empty((size, q))
        truth = np.where(np.arange(n_species) < effects, delta**2, 0.0)
        for s in range(n_species):
            at = species == s
            turn = mixing @ (np.diag(np.exp(rng.normal(size=p) * 0.7)) if unlike else np.eye(p))
            if unlike:
                turn = turn @ np.linalg.qr(rng.normal(size=(p, p)))[0]
            # In units of RGB's own covariance: the classes' Mahalanobis distance in RGB, whatever the mixing.
            shift = rng.normal(size=p)
            shift *= separation / np.linalg.norm(shift)
            own = {"equal": 0.0, "grouped": groups[s % 2], "random": rng.normal(size=(p, q)) * 0.4}[slopes]
            rgb[at] = (noise[at, :p] * scale[at] + label[at, None] * shift) @ turn
            direction = rng.normal(size=q)
            direction *= np.sqrt(truth[s]) / np.linalg.norm(direction)
            uv[at] = rgb[at] @ (common + own) + noise[at, p:] * scale[at] + label[at, None] * direction
        for side, values in (("rgb", rgb), ("uv", uv)):
            if side in outliers:
                at = rng.random(size) < 0.02
                values[at] += rng.normal(size=(int(at.sum()), values.shape[1])) * 8
        # SDs that differ between the classes leave no one unit of distance.
        return Study(rgb, uv, label, species, truth if spread == 1 else np.where(truth > 0, np.nan, 0.0))

    return draw


def one_band(n_species: int, component: int, n: tuple[int, int] = (15, 15)) -> World:
    """One UV band that follows RGB's k-th component, in which alone the classes differ."""

    def draw(rng: Rng) -> Study:
        label, species = lay_out(n_species, n)
        scores = rng.normal(size=(len(label), 6)) * 2.0 ** -np.arange(6)
        scores[:, component - 1] += label * 2.0 * 2.0 ** -(component - 1)
        turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
        uv = scores[:, [component - 1]] * 2.0 ** (component - 1) + 0.3 * rng.normal(size=(len(label), 1))
        return Study(scores @ turn, uv, label, species, np.zeros(n_species))

    return draw


def loud_neighbour(n_species: int) -> World:
    """One species has δ = 12."""
    return gaussian(n_species, delta=12.0, effects=1)


def skewed(kind: str) -> World:
    """RGB skewed, UV a curve of its first band: exp, square or threshold."""
    curves = {"exp": np.exp, "square": np.square, "threshold": lambda x: 1.5 * (x > 0.5)}

    def draw(rng: Rng) -> Study:
        label, species = lay_out(30, (10, 10))
        x = rng.gamma(3.0, size=(len(label), 4)) / 3 - 1 + 0.5 * label[:, None]
        uv = curves[kind](x[:, :1]) * [1.0, 0.5] + 0.4 * rng.normal(size=(len(label), 2))
        return Study(x, uv, label, species, np.zeros(30))

    return draw


def images(trait: str, bands: int, n: tuple[int, int] = (8, 8), n_species: int = 12) -> World:
    """UV is a linear function of RGB, pixel by pixel; RGB's level, a patch or contrast differs."""

    def draw(rng: Rng) -> Study:
        label, species = lay_out(n_species, n)
        row, column = np.mgrid[:24, :24] / 24
        base = rng.uniform(0.25, 0.5, size=(n_species, 3, 1, 1))
        pattern = np.sin(2 * np.pi * (3 * row + rng.uniform(size=(n_species, 3, 1, 1)) * 4 * column))
        in_patch = (row > 0.6) & (column > 0.6)
        weights = rng.dirichlet(np.ones(3), size=bands)
        rgb, uv = [], []
        for sex, s in zip(label, species, strict=True):
            level = np.exp(0.08 * rng.normal(size=(3, 1, 1)) + (0.12 * sex if trait == "level" else 0.0))
            contrast = 0.25 * np.exp(0.1 * rng.normal() + (0.4 * sex if trait == "contrast" else 0.0))
            image = base[s] * level * (1 + contrast * pattern[s])
            image = image * (1 + in_patch * (0.1 * rng.normal() + (0.4 * sex if trait == "patch" else 0.0)))
            ultraviolet = np.tensordot(weights, image, axes=1) + 0.02
            ultraviolet *= np.exp(0.03 * rng.normal(size=(bands, 1, 1)))
            rgb.append(np.log([*image.mean(axis=(1, 2)), *image.std(axis=(1, 2))]))
            uv.append(np.log(ultraviolet.mean(axis=(1, 2))))
        return Study(np.array(rgb), np.array(uv), label, species, np.zeros(n_species))

    return draw


def learnt(
    component: int | None, n: tuple[int, int] = (12, 12), n_species: int = 12, *, axes: float = 0.0
) -> World:
    """64 features of falling variance; UV another view of the same latents; sex in one component or none.

    Species vary along axes of their own where `axes`, the SD of the logarithm of their spreads, is not 0.
    """

    def draw(rng: Rng) -> Study:
        label, species = lay_out(n_species, n)
        size = len(label)
        scale = np.exp(-np.arange(64) / 12)
        latent = rng.normal(size=(size, 64))
        latent *= np.exp(axes * rng.normal(size=(n_species, 64)))[species]
        if component is not None:
            latent[:, component - 1] += 2.0 * label
        turns = [np.linalg.qr(rng.normal(size=(64, 64)))[0] for _ in range(2)]
        rgb = (latent * scale) @ turns[0] + 0.01 * rng.normal(size=(size, 64))
        own = rng.normal(size=(size, 64)) * np.exp(axes * rng.normal(size=(n_species, 64)))[species]
        uv = ((latent + 0.4 * own) * scale) @ turns[1]
        return Study(rgb, uv, label, species, np.zeros(n_species), is_learnt=True)

    return draw


def noisy(reliability: float, captures: int, n: tuple[int, int] = (15, 15), n_species: int = 12) -> World:
    """RGB and UV are readings of one colour; a capture of RGB has this reliability."""

    def draw(rng: Rng) -> Study:
        label, species = lay_out(n_species, n)
        size = len(label)
        colour = rng.normal(size=(size, 3)) + label[:, None] * rng.normal(size=(n_species, 3))[species] * 1.5
        uv = colour @ rng.normal(size=(3, 2)) + 0.3 * rng.normal(size=(size, 2))
        rows = np.repeat(np.arange(size), captures)
        noise = np.sqrt(1 / reliability - 1)
        rgb = colour[rows] + noise * rng.normal(size=(len(rows), 3))
        repeats = rows if captures > 1 else None
        return Study(rgb, uv[rows], label[rows], species[rows], np.zeros(n_species), repeats, noise=noise)

    return draw


def sized(rng: Rng) -> Study:
    """The classes differ in size, and UV follows it."""
    label, species = lay_out(18, (12, 12))
    size = label + rng.normal(size=len(label))
    rgb = rng.normal(size=(len(label), 4)) + 0.3 * size[:, None]
    uv = rgb[:, :2] + 0.8 * size[:, None] + rng.normal(size=(len(label), 2))
    return Study(rgb, uv, label, species, np.zeros(18), covariates=size)


def saturated(rng: Rng) -> Study:
    """UV is what RGB predicts until its sensor saturates, for some species always."""
    study = gaussian(20, (12, 12), separation=1.5)(rng)
    level = np.quantile(study.uv, 0.6, axis=0)
    study.uv = np.minimum(study.uv, level) + 0.05 * rng.normal(size=study.uv.shape)
    return study


def lamp(rng: Rng) -> Study:
    """A lamp of changing strength lights RGB and UV of a capture alike."""
    study = gaussian(20, (12, 12), p=4)(rng)
    light = 0.3 * rng.normal(size=(len(study.rgb), 1))
    study.rgb, study.uv = study.rgb + light, study.uv + light
    study.noise = 0.3
    return study


def spectra(path: str, noise: float, captures: int) -> World:
    """Real RGB; UV as RGB's prediction plus its own residuals, permuted within species and class-blind."""
    table = pd.read_csv(path)
    rgb = np.log(table.filter(regex="^rgb_").to_numpy())
    uv = np.log(table.filter(regex="^uv_").to_numpy())
    label, species = (pd.factorize(table[name], sort=True)[0] for name in ("sex", "species"))
    terms = np.hstack([(species[:, None] == np.unique(species)).astype(float), rgb, rgb**2])
    predicted = terms @ np.linalg.lstsq(terms, uv, rcond=None)[0]

    def draw(rng: Rng) -> Study:
        order = np.arange(len(table))
        for s in np.unique(species):
            order[species == s] = rng.permutation(order[species == s])
        rows = np.repeat(np.arange(len(table)), captures)
        drawn = predicted + (uv - predicted)[order]
        read = rgb[rows] + noise * rng.normal(size=(len(rows), rgb.shape[1]))
        repeats = rows if captures > 1 else None
        zeros = np.zeros(int(species.max()) + 1)
        return Study(read, drawn[rows], label[rows], species[rows], zeros, repeats, noise=noise)

    return draw


def list_worlds(path: str | None) -> dict[str, World]:
    """Every world by name."""
    worlds: dict[str, World] = {}
    for count in (1, 18):
        worlds |= {f"one UV band, component {k}, {count} species": one_band(count, k) for k in range(2, 7)}
    worlds |= {
        "18 F + 6 M of twice the spread": gaussian(n=(18, 6), spread=2.0),
        "6 F + 18 M of twice the spread": gaussian(n=(6, 18), spread=2.0),
        "unlike covariances": gaussian(unlike=True, slopes="random"),
        "one of 3 species at δ 12": loud_neighbour(3),
        "one of 10 species at δ 12": loud_neighbour(10),
        "heavy tails": gaussian(tail=3.0),
        "size": sized,
        "saturated UV (invented)": saturated,
        "lamp (invented)": lamp,
    }
    worlds |= {f"skewed RGB, {kind}": skewed(kind) for kind in ("exp", "square", "threshold")}
    sides = {"RGB": ("rgb",), "UV": ("uv",), "both": ("rgb", "uv")}
    worlds |= {f"2 % outliers in {name}": gaussian(outliers=side) for name, side in sides.items()}
    for n in (6, 10, 20):
        for kind in ("equal", "grouped", "random"):
            mixed = gaussian(n=(n, n), slopes=kind, delta=1.5, effects=10)
            worlds |= {f"slopes {kind}, n {n}": gaussian(n=(n, n), slopes=kind)}
            worlds |= {f"slopes {kind}, n {n}, a third at δ 1.5": mixed}
    for trait in ("level", "patch", "contrast"):
        worlds |= {f"images, {trait}, {bands} bands": images(trait, bands) for bands in (1, 3)}
    worlds |= {f"learnt, component {k}": learnt(k) for k in (1, 13, 31)}
    for n in (6, 10, 20):
        worlds[f"learnt, axes of each species, n {n}"] = learnt(None, (n, n), 6, axes=1.0)
    for reliability in (0.95, 0.9, 0.8):
        for captures in (1, 2, 4):
            worlds[f"reliability {reliability}, {captures} captures"] = noisy(reliability, captures)
    if path is not None:
        for noise in (0.0, 0.005, 0.01, 0.02, 0.03):
            for captures in (1, 2, 4):
                worlds[f"spectra, noise {noise:g}, {captures} captures"] = spectra(path, noise, captures)
    return worlds


def judge_study(study: Study, *, with_tips: bool) -> pd.DataFrame:
    """The table of a study, its species by number."""
    n = len(study.rgb)
    part = prepare_part(
        (study.rgb, study.uv, np.empty((n, 0)) if study.covariates is None else study.covariates[:, None]),
        {"labels": study.label, "species": study.species, "clade": None, "blocks": None},
        study.repeats,
        minimum_n=6,
        is_learnt=study.is_learnt,
        names={"label": "", "view": "", "patch": "", "features": ""},
    )
    return judge_parts([part], margin=1.0) if with_tips else judge(part.rows, margin=1.0)


ELSEWHERE = """
import sys
import numpy as np, pandas as pd
from xmodal_pipeline.evaluation import uv_value
for i in range(int(sys.argv[2])):
    given = np.load(f"{sys.argv[1]}/{i}.npz")
    uv_value(**given).astype({"species": str}).to_parquet(f"{sys.argv[1]}/{i}.parquet")
"""


def judge_elsewhere(drawn: list[Study], checkout: str) -> list[pd.DataFrame]:
    """The tables of studies by the `uv_value` of another checkout."""
    with tempfile.TemporaryDirectory() as folder:
        for i, one in enumerate(drawn):
            np.savez(f"{folder}/{i}.npz", rgb=one.rgb, uv=one.uv, labels=one.label, species=one.species)
        environment = os.environ | {"PYTHONPATH": str(Path(checkout) / "src")}
        command = [sys.executable, "-c", ELSEWHERE, folder, str(len(drawn))]
        subprocess.run(command, env=environment, cwd=folder, check=True)
        return [pd.read_parquet(f"{folder}/{i}.parquet") for i in range(len(drawn))]


def measure(world: World, studies: int, checkout: str | None = None) -> dict[str, float]:
    """Shares over studies, and the error of the first over studies."""
    found = []
    drawn = [world(np.random.default_rng(seed)) for seed in range(studies)]
    noisy = [study.noise > 0 and study.repeats is None for study in drawn]
    if checkout is None:
        tables = [judge_study(one, with_tips=n) for one, n in zip(drawn, noisy, strict=True)]
    else:
        tables = judge_elsewhere(drawn, checkout)
    for study, is_noisy, table in zip(drawn, noisy, tables, strict=True):
        rows = table[table["scope"] == "species"].dropna(subset="p")
        truth = study.truth[rows["species"].astype(int)]
        planted = int((study.truth > 0).sum())
        is_null, is_claimed = truth == 0, rows["verdict"].isin(UV_CLAIMS).to_numpy()
        false = is_claimed & is_null
        pooled = table.loc[table["scope"] == "all", "verdict"]
        holds = (rows["low"].to_numpy() <= truth + 1e-9) & (truth <= rows["high"].to_numpy() + 1e-9)
        found.append(
            {
                "false": np.mean(rows["p"].to_numpy()[is_null] <= ALPHA) if is_null.any() else np.nan,
                "fdp": false.sum() / max(is_claimed.sum(), 1),
                "any": float(false.any()),
                "pooled": pooled.isin(UV_CLAIMS).mean() if (study.truth == 0).all() else np.nan,
                "covers": np.mean(holds[np.isfinite(truth)]),
                "power": is_claimed[~is_null].sum() / planted if planted else np.nan,
                "warned": (rows.loc[false, "noise_tip"] < study.noise).mean() if is_noisy else np.nan,
            }
        )
    table = pd.DataFrame(found)
    errors = table.std(ddof=1) / np.sqrt(table.notna().sum())
    return table.mean().to_dict() | {f"{name}_se": value for name, value in errors.items()}


def write(name: str, numbers: dict[str, float], columns: tuple[str, ...]) -> None:
    cells = ["–" if np.isnan(numbers[c]) else f"{numbers[c]:.3f} ± {numbers[f'{c}_se']:.3f}" for c in columns]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--worlds", default="", help="only worlds whose name has this")
    parser.add_argument("--spectra", default=None, help="table of real spectra, see above")
    parser.add_argument("--power", action="store_true", help="power instead of errors")
    parser.add_argument("--first-design", default=None, help="checkout to compare power with")
    options = parser.parse_args()
    if options.power:
        worlds = {
            f"slopes {kind}, n {n}, δ {delta}": gaussian(
                n=(n, n), slopes=kind, delta=delta, effects=10, separation=1.0
            )
            for kind in ("equal", "random")
            for n in (6, 10, 20)
            for delta in (1.0, 1.5, 2.0, 2.5)
        }
        columns: tuple[str, ...] = ("power", "fdp", "covers")
    else:
        worlds = list_worlds(options.spectra)
        columns = ("false", "fdp", "any", "pooled", "covers", "power", "warned")
    print("| world | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
    for name, world in worlds.items():
        if options.worlds not in name:
            continue
        studies = max(30, options.studies // 3) if name.startswith("images") else options.studies
        write(name, measure(world, studies), columns)
        if options.power and options.first_design:
            write(f"{name}, first design", measure(world, studies, options.first_design), columns)


if __name__ == "__main__":
    main()
