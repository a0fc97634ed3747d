"""Are the p-values of `alignment` and `classification` honest? Embeddings that share nothing, many times.

    python benchmarks/null_calibration.py --simulations 400 --jobs 2

(a) independent modalities, free permutation; (b) the same species in both, centroids independent, permuted
within species; (c) the same, tested among species; several captures of specimens that each modality knows,
permuted within species; a sex in both, permuted within species and sex. `improvement_over_rgb` where RGB
tells the label and UV is noise. Recall above chance, of specimens that each modality knows. What a label can
claim beyond the species, where sex ratios differ by species and nothing tells the sex: RGB knows the species,
UV knows nothing or has centroids of its own. Retrieval of independent embeddings, and of collapsed ones,
beside chance.
"""

import argparse

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import binomtest

from xmodal_pipeline.evaluation import alignment, classification, retrieval
from xmodal_pipeline.evaluation.alignment import measure_alignment
from xmodal_pipeline.evaluation.rank_intervals import chance_p_values, retrieval_intervals
from xmodal_pipeline.evaluation.ranks import RankCounts
from xmodal_pipeline.evaluation.retrieval import RetrievalRanks, describe_ranks, rank_matches

SPECIES, PER_SPECIES, DIM = 12, 8, 16
PERMUTATIONS = 199


def species_embeddings(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two modalities that both know the species, by centroids that have nothing to do with one another."""
    species = np.repeat(np.arange(SPECIES), PER_SPECIES)
    sides = [
        2 * rng.normal(size=(SPECIES, DIM))[species] + rng.normal(size=(len(species), DIM)) for _ in "ab"
    ]
    return sides[0], sides[1], species


def alignment_p_values(seed: int) -> tuple[float, float, float, float]:
    """The p-values of (a), (b) and (c), and what free permutation would say of (b)."""
    rng = np.random.default_rng([seed, 1])
    first, second = rng.normal(size=(2, 60, DIM))
    free = alignment(first, second, permutations=PERMUTATIONS, seed=seed)["p_value"]
    rgb, uv, species = species_embeddings(rng)
    found = alignment(rgb, uv, species, permutations=PERMUTATIONS, seed=seed)
    return free, found["p_value_within"], found["p_value_among"], found["p_value"]


def repeated_p_values(seed: int) -> tuple[float, float, float]:
    """Within species, where specimens have three captures or one to six, and captures as if specimens."""
    found = []
    for captures in (np.full(48, 3), 1 + np.arange(48) % 6):
        rng = np.random.default_rng([seed, 5])
        owners = np.repeat(np.arange(48), captures)
        rgb, uv = 1 + rng.normal(size=(2, 48, DIM))[:, owners] + 0.7 * rng.normal(size=(2, len(owners), DIM))
        found.append(alignment(rgb, uv, owners % 6, PERMUTATIONS, seed, specimens=owners)["p_value_within"])
        found.append(alignment(rgb, uv, owners % 6, PERMUTATIONS, seed)["p_value_within"])
    return found[0], found[2], found[1]


def improvement_p_value(seed: int) -> float:
    """The p-value of `improvement_over_rgb` where RGB tells the sex and UV is pure noise."""
    rng = np.random.default_rng([seed, 2])
    sex = np.arange(80) % 2
    rgb, uv = rng.normal(size=(2, 80, DIM))
    rgb[:, 0] += 1.5 * sex
    species = np.repeat(np.arange(4), 20)
    found = classification(rgb, uv, sex, strata=species, seed=seed, reference_permutations=99, bootstraps=20)
    return float(found["improvement_over_rgb_p"])


def claims_beyond_species(seed: int, *, uv_knows_species: bool) -> dict[str, bool]:
    """What would be claimed of a sex that only goes with the species, by p-values and by intervals."""
    rng = np.random.default_rng([seed, 4])
    species = np.repeat(np.arange(6), 20)
    sex = rng.uniform(size=len(species)) < np.array([0.15, 0.85])[species % 2]
    rgb, uv = rng.normal(size=(2, len(species), DIM))
    rgb += 2 * rng.normal(size=(6, DIM))[species]
    uv += uv_knows_species * 2 * rng.normal(size=(6, DIM))[species]
    found = classification(rgb, uv, sex, strata=species, seed=seed)
    claims = {
        f"{source} p": found[f"{source}_above_strata_p"] <= 0.05 for source in ("rgb", "uv", "combined")
    }
    claims["uv_minus_rgb_above_strata p"] = found["uv_minus_rgb_above_strata_p"] <= 0.05
    for name in ("rgb_above_strata", "uv_above_strata", "uv_minus_rgb_above_strata", "uv_minus_rgb"):
        low, high = found[f"{name}_ci"]
        claims[f"{name} interval"] = low > 0 or high < 0
    return claims


def retrieval_misses(seed: int) -> tuple[bool, bool]:
    """Whether chance lies outside the 95 % interval of recall@5 and of `pairwise`, of independent rows."""
    ranks = rank_matches(*np.random.default_rng([seed, 3]).normal(size=(2, 200, DIM)))
    found = describe_ranks(ranks, (5,))
    interval = retrieval_intervals(ranks, (5,))["rgb_to_uv"]
    outside = []
    for measure in ("recall@5", "pairwise"):
        low, high = interval[f"{measure}_ci"]
        outside.append(not low <= found["chance"][measure] <= high)
    return outside[0], outside[1]


def sexed_p_values(seed: int) -> tuple[float, float]:
    """Alignment of modalities that share the sex alone: within species and sex, and within species."""
    rng = np.random.default_rng([seed, 6])
    species, sex = np.repeat(np.arange(6), 8), np.arange(48) % 2
    rgb, uv = rng.normal(size=(2, 48, DIM))
    rgb[:, 0] += 4 * sex
    uv[:, 1] += 4 * sex
    beyond = measure_alignment(rgb, uv, species, PERMUTATIONS, seed, classes=sex)[0]
    return beyond["p_value_within"], alignment(rgb, uv, species, PERMUTATIONS, seed)["p_value_within"]


def recall_p_value(seed: int) -> float:
    """P of recall@1 above chance, of 27 specimens in three views that share nothing but know the specimen."""
    rng = np.random.default_rng([seed, 7])
    own = rng.normal(size=(2, 27, DIM))
    views = [rank_matches(*(own + rng.normal(size=own.shape))).rgb_to_uv for _ in range(3)]
    side = RankCounts(*(np.concatenate(column) for column in zip(*views, strict=True)))
    owners = np.tile(np.arange(27), 3)
    return chance_p_values(RetrievalRanks(side, side), (1,), specimens=owners)["rgb_to_uv"]["recall@1"]


def row(name: str, p_values: list[float], want: str) -> None:
    low, n = sum(p <= 0.05 for p in p_values), len(p_values)
    interval = binomtest(low, n).proportion_ci()
    print(f"| {name} | {low} of {n} | {low / n:.4f} | [{interval.low:.3f}, {interval.high:.3f}] | {want} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulations", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    run = Parallel(n_jobs=options.jobs)
    columns = zip(*run(delayed(alignment_p_values)(i) for i in range(options.simulations)), strict=True)
    free, within, among, naive = (list(column) for column in columns)
    improvements = run(delayed(improvement_p_value)(i) for i in range(options.simulations // 2))
    print("| null | p ≤ .05 | rate | 95 % interval | want |")
    print("|---|---|---|---|---|")
    row("(a) independent, free permutation", free, ".025 to .080")
    row("(b) same species, permuted within", within, ".025 to .080")
    row("(c) same species, among species", among, ".025 to .080")
    row("(b) by free permutation instead", naive, "wrong by design")
    columns = zip(*run(delayed(repeated_p_values)(i) for i in range(options.simulations)), strict=True)
    equal, unequal, as_specimens = (list(column) for column in columns)
    row("three captures of a specimen", equal, ".025 to .080")
    row("one to six captures of a specimen", unequal, ".025 to .080")
    row("three captures as three specimens", as_specimens, "wrong by design")
    columns = zip(*run(delayed(sexed_p_values)(i) for i in range(options.simulations)), strict=True)
    beyond, within_species = (list(column) for column in columns)
    row("sex in both, within species and sex", beyond, ".025 to .080")
    row("sex in both, within species", within_species, "wrong by design")
    recalls = run(delayed(recall_p_value)(i) for i in range(options.simulations))
    row("recall@1 above chance, one-sided", recalls, "up to .080")
    row("improvement_over_rgb, UV noise", improvements, ".020 to .080")
    for knows in (False, True):
        claims = run(
            delayed(claims_beyond_species)(i, uv_knows_species=knows) for i in range(options.simulations)
        )
        for name in claims[0]:
            want = "up to .080" if name != "uv_minus_rgb interval" else "wrong where UV is noise"
            about = "UV knows species" if knows else "UV noise"
            row(f"beyond species, {about}: {name}", [0.0 if one[name] else 1.0 for one in claims], want)
    misses = np.array(run(delayed(retrieval_misses)(i) for i in range(options.simulations))).mean(0)
    print(
        f"\nretrieval of noise: chance outside the 95 % interval of recall@5 {misses[0]:.3f}, of pairwise "
        f"{misses[1]:.3f}"
    )
    collapsed = retrieval(np.ones((50, 4)), np.ones((50, 4)))
    exact = all(
        collapsed[way][key] == collapsed["chance"][key]
        for way in ("rgb_to_uv", "uv_to_rgb")
        for key in collapsed["chance"]
    )
    print(f"collapsed embedding scores exactly chance: {exact}")


if __name__ == "__main__":
    main()
