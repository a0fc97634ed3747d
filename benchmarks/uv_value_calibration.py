"""Is `uv_value` honest? Simulated studies at feature level, with the truth known.

    python benchmarks/uv_value_calibration.py --studies 200 --jobs 2 --figure docs/uv_value_power.svg

Thirty species; in three UV adds, in three RGB and UV differ but UV only follows RGB, in three RGB differs in
bands that UV does not share, in the rest nothing differs. Four worlds say how UV follows RGB.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from matplotlib.figure import Figure

from xmodal_pipeline.evaluation.uv_value import uv_value

SPECIES = 30
BANDS = 5
SHARED = 3
"""RGB bands that UV follows; the other two belong to RGB alone."""
RESIDUAL_SD = 0.8
KINDS = ("adds",) * 3 + ("redundant",) * 3 + ("rgb_only",) * 3 + ("empty",) * (SPECIES - 9)
NULL_KINDS = ("redundant", "rgb_only", "empty")
WORLDS = ("equal", "grouped", "random", "random, t5, unequal scales")
CLAIMS = ("uv_adds", "uv_only")
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")


@dataclass(frozen=True)
class Study:
    """One simulated study: rows are specimens."""

    rgb: np.ndarray
    uv: np.ndarray
    sex: np.ndarray
    species: np.ndarray
    truth: np.ndarray


def draw_slopes(world: str, rng: np.random.Generator) -> np.ndarray:
    if world == "equal":
        return np.full(SPECIES, 0.55)
    if world == "grouped":
        return rng.choice([0.3, 0.8], SPECIES)
    return rng.uniform(0.1, 0.9, SPECIES)


def draw_direction(rng: np.random.Generator, bands: slice) -> np.ndarray:
    direction = np.zeros(BANDS)
    direction[bands] = rng.normal(size=len(range(*bands.indices(BANDS))))
    return direction / np.linalg.norm(direction)


def simulate(
    world: str, kinds: tuple[str, ...], n_per_sex: np.ndarray, delta: float, rng: np.random.Generator
) -> Study:
    """UV = slope x shared RGB bands + residual; `truth` is A of each species in units of the residual."""
    has_tails = "t5" in world
    slopes = draw_slopes(world, rng)
    # Slopes that differ leave a misfit in the pooled residual, less the share that the own slope removes.
    spread = RESIDUAL_SD**2 + np.where(np.arange(BANDS) < SHARED, np.var(slopes) * (1 - 1 / BANDS), 0.0)
    parts, truth = [], np.zeros(SPECIES)
    for s, kind in enumerate(kinds):
        n = 2 * n_per_sex[s]
        sex = np.repeat([0, 1], n_per_sex[s])
        scale = np.exp(rng.normal(0, 0.3)) if has_tails else 1.0
        noise = (
            rng.standard_t(5, (2, n, BANDS)) / np.sqrt(5 / 3) if has_tails else rng.normal(size=(2, n, BANDS))
        )
        rgb, residual = scale * noise[0], scale * RESIDUAL_SD * noise[1]
        if kind == "redundant":
            rgb += delta * sex[:, None] * draw_direction(rng, slice(SHARED))
        if kind == "rgb_only":
            rgb += delta * sex[:, None] * draw_direction(rng, slice(SHARED, BANDS))
        if kind == "adds":
            added = delta * RESIDUAL_SD * draw_direction(rng, slice(BANDS))
            residual += sex[:, None] * added
            truth[s] = np.sum(added**2 / spread)
        uv = residual + rng.normal(0, 3, BANDS)
        uv[:, :SHARED] += slopes[s] * rgb[:, :SHARED]
        parts.append((rgb + rng.normal(0, 3, BANDS), uv, sex, np.full(n, f"species {s:02d}")))
    return Study(*(np.concatenate(columns) for columns in zip(*parts, strict=True)), truth)


def run_species(world: str, seed: int, permutations: int) -> pd.DataFrame:
    rng = np.random.default_rng([seed, WORLDS.index(world), 1])
    n_per_sex = rng.permutation(np.repeat([6, 10, 20], SPECIES // 3))
    study = simulate(world, KINDS, n_per_sex, 2.0, rng)
    rows = uv_value(study.rgb, study.uv, study.sex, study.species, permutations, seed)
    rows = rows[rows["scope"] == "species"].sort_values("species").reset_index(drop=True)
    return rows.assign(world=world, study=seed, kind=KINDS, truth=study.truth)


def run_pooled(
    world: str, seed: int, permutations: int, kinds: tuple[str, ...], n: int, delta: float
) -> float:
    rng = np.random.default_rng([seed, WORLDS.index(world), 2])
    study = simulate(world, kinds, np.full(SPECIES, n), delta, rng)
    rows = uv_value(study.rgb, study.uv, study.sex, study.species, permutations, seed)
    return float(rows.loc[rows["scope"] == "all", "p"].iloc[0])


def run_power(n: int, delta: float, seed: int, permutations: int) -> tuple[float, float]:
    rng = np.random.default_rng([seed, n, int(100 * delta), 3])
    kinds = ("adds",) * 3 + ("empty",) * (SPECIES - 3)
    study = simulate("grouped", kinds, np.full(SPECIES, n), delta, rng)
    rows = uv_value(study.rgb, study.uv, study.sex, study.species, permutations, seed)
    species = rows[rows["scope"] == "species"].sort_values("species").reset_index(drop=True)
    pooled = rows.loc[rows["scope"] == "all", "p"].iloc[0] <= 0.05
    return float(species["verdict"][:3].isin(CLAIMS).mean()), float(pooled)


def run_trap(seed: int, permutations: int) -> tuple[float, float]:
    """Share of species claimed, without and with the year as block; only the year moves UV."""
    rng = np.random.default_rng([seed, 4])
    study = simulate("grouped", ("empty",) * SPECIES, np.full(SPECIES, 20), 0.0, rng)
    year = np.where(rng.random(len(study.sex)) < 0.8, study.sex, 1 - study.sex)
    uv = study.uv + 2.0 * year[:, None] * draw_direction(rng, slice(BANDS))
    claimed = []
    for blocks in (None, year):
        rows = uv_value(study.rgb, uv, study.sex, study.species, permutations, seed, blocks=blocks)
        claimed.append(float(rows.loc[rows["scope"] == "species", "verdict"].isin(CLAIMS).mean()))
    return claimed[0], claimed[1]


def table(rows: list[dict[str, object]], title: str) -> None:
    frame = pd.DataFrame(rows)
    print(f"\n### {title}\n")
    print("| " + " | ".join(frame.columns) + " |")
    print("|" + "---|" * frame.shape[1])
    for row in frame.itertuples(index=False):
        print("| " + " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row) + " |")


def show_species(results: pd.DataFrame) -> None:
    results = results.assign(
        is_claim=results["verdict"].isin(CLAIMS),
        is_false=results["verdict"].isin(CLAIMS) & (results["kind"] != "adds"),
        is_low_p=results["p"] <= 0.05,
        is_covered=(results["low"] <= results["truth"]) & (results["truth"] <= results["high"]),
        is_sufficient=results["verdict"] == "rgb_suffices",
    )
    is_null = results["kind"] != "adds"
    rates, sizes, coverage = [], [], []
    for world in WORLDS:
        here = results[results["world"] == world]
        sums = here.groupby("study")[["is_false", "is_claim"]].sum()
        fdp = (sums["is_false"] / sums["is_claim"].clip(lower=1)).mean()
        row: dict[str, object] = {"world": world, "mean FDP": float(fdp)}
        row |= {
            f"p ≤ .05 {kind}": float(here.loc[here["kind"] == kind, "is_low_p"].mean()) for kind in NULL_KINDS
        }
        row |= {"power": float(here.loc[here["kind"] == "adds", "is_claim"].mean())}
        row |= {
            f"rgb_suffices {kind}": float(here.loc[here["kind"] == kind, "is_sufficient"].mean())
            for kind in ("adds", "rgb_only")
        }
        rates.append(row)
        row = {"world": world}
        for kind in NULL_KINDS:
            for n in (6, 10, 20):
                cell = here[(here["kind"] == kind) & (here["n_1"] == n)]
                row[f"{kind} n={n}"] = float(cell["is_low_p"].mean())
        sizes.append(row)
        row = {"world": world, "adds": float(here.loc[~is_null, "is_covered"].mean())}
        row |= {kind: float(here.loc[here["kind"] == kind, "is_covered"].mean()) for kind in NULL_KINDS}
        bias = here.loc[~is_null, "uv_adds"] - here.loc[~is_null, "truth"]
        coverage.append(
            row | {"all": float(here["is_covered"].mean()), "mean(A - truth), adds": float(bias.mean())}
        )
    table(rates, "Claims: want mean FDP ≤ .075, uncorrected p ≤ .05 in .02 to .08")
    table(sizes, "The same by specimens per sex")
    table(coverage, "Coverage of the 95 % interval: want .92 to .98 where residual variances are equal")


def draw_power(rows: list[dict[str, object]], per_cell: int, path: Path) -> None:
    """Power against specimens per sex, one line per effect: of a species' claim, and of the pooled row."""
    matplotlib.rcParams["svg.fonttype"] = "none"
    figure = Figure(figsize=(7.1, 3.1), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    frame = pd.DataFrame(rows).set_index("n per sex").replace("too_few", np.nan)
    titles = {"species": "One of 30 species (q ≤ .05)", "pooled": "30 species pooled (p ≤ .05)"}
    for axes, (scope, title) in zip(panels, titles.items(), strict=True):
        for delta, marker, colour in zip((1.0, 1.5, 2.0, 2.5), "osD^", OKABE_ITO, strict=True):
            power = frame[f"{scope} δ={delta}"].astype(float).dropna()
            line = axes.plot(power.index, power, marker=marker, color=colour, label=f"{delta:g}")[0]
            n = per_cell * (3 if scope == "species" else 1)
            error = 1.96 * np.sqrt(power * (1 - power) / n)
            axes.errorbar(power.index, power, error, color=line.get_color(), linewidth=1, capsize=2)
        axes.set_title(title, fontsize=10)
        axes.set(xlabel="Specimens per sex", xticks=frame.index, ylim=(-0.03, 1.03))
        axes.axhline(0.8, color="0.7", linewidth=0.8, linestyle="--", zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("Power")
    panels[1].legend(
        title="δ of the sexes in UV\ngiven RGB", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=200, help="simulated studies per world")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--permutations", type=int, default=999)
    parser.add_argument("--figure", type=Path, help="draw the power for planning into this file")
    parser.add_argument("--quick", action="store_true", help="a tenth of the studies: shows that it runs")
    options = parser.parse_args()
    studies = max(10, options.studies // 10) if options.quick else options.studies
    started = time.perf_counter()
    run = Parallel(n_jobs=options.jobs)
    print(f"{studies} studies per cell, {SPECIES} species, {options.permutations} permutations")

    results = run(delayed(run_species)(w, i, options.permutations) for w in WORLDS for i in range(studies))
    show_species(pd.concat(results, ignore_index=True))

    quiet = ("redundant",) * 3 + ("rgb_only",) * 3 + ("empty",) * (SPECIES - 6)
    busy = ("redundant",) * (SPECIES // 2) + ("rgb_only",) * (SPECIES // 2)
    rows = []
    for world in WORLDS:
        row: dict[str, object] = {"world": world}
        for name, kinds in (("6 of 30 species differ in RGB", quiet), ("all differ in RGB", busy)):
            p = run(delayed(run_pooled)(world, i, 499, kinds, 3, 2.0) for i in range(studies))
            row[name] = float(np.mean(np.array(p) <= 0.05))
        rows.append(row)
    table(rows, "Pooled row false, 3 + 3 specimens: want ≤ .10")

    per_cell, rows = max(10, studies // 2), []
    for n in (3, 6, 10, 20):
        row = {"n per sex": n}
        pooled: dict[str, object] = {}
        for delta in (1.0, 1.5, 2.0, 2.5):
            power = run(delayed(run_power)(n, delta, i, options.permutations) for i in range(per_cell))
            species_power, pooled_power = np.mean(power, axis=0)
            row[f"species δ={delta}"] = "too_few" if n < 6 else float(species_power)
            pooled[f"pooled δ={delta}"] = float(pooled_power)
        rows.append(row | pooled)
    table(rows, f"Power, grouped slopes, 3 of 30 species, {per_cell} studies per cell")
    if options.figure:
        draw_power(rows, per_cell, options.figure)

    trap = np.mean(
        run(delayed(run_trap)(i, options.permutations) for i in range(max(10, studies // 10))), axis=0
    )
    table(
        [
            {"blocks": "none", "species claimed": float(trap[0])},
            {"blocks": "year", "species claimed": float(trap[1])},
        ],
        "Trap: sex confounded with year (80 %), the year moves UV, sexes do not differ",
    )
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
