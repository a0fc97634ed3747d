"""What the usual shortcuts of embedding scripts report, beside ours, where the truth is known.

    OMP_NUM_THREADS=1 python benchmarks/shortcuts.py

Alignment by a correlation over all pairs; retrieval that counts only strictly better candidates; a label on a
random split of captures; a UMAP of noise; a heatmap in file order. See docs/decisions/0016.
"""

import numpy as np
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.model_selection import train_test_split
from umap import UMAP

from xmodal_pipeline.evaluation import alignment, classification, retrieval
from xmodal_pipeline.evaluation.cosine import cosine_matrix

STUDIES = 200


def row(what: str, truth: str, shortcut: str, ours: str) -> None:
    print(f"| {what} | {truth} | {shortcut} | {ours} |")


def show_alignment() -> None:
    """Two modalities that know the species and share nothing else."""
    naive, within = 0, 0
    for seed in range(STUDIES):
        rng = np.random.default_rng([seed, 1])
        species = np.repeat(np.arange(8), 8)
        sides = [2 * rng.normal(size=(8, 16))[species] + rng.normal(size=(64, 16)) for _ in "ab"]
        pairs = np.tril_indices(64, -1)
        naive += spearmanr(*(cosine_matrix(side)[pairs] for side in sides)).pvalue <= 0.05
        found = alignment(*sides, species, permutations=99, seed=seed)
        within += found["p_value_within"] <= 0.05
    row(
        "modality alignment: claimed in",
        "species only",
        f"{naive} of {STUDIES} (p over all pairs)",
        f"{within} of {STUDIES} (within species)",
    )


def show_retrieval() -> None:
    """A collapsed model: every embedding is the same."""
    n = 50
    same = np.ones((n, 8))
    similarity = same @ same.T
    strictly_better = (similarity > np.diag(similarity)[:, None]).sum(1)
    ours = retrieval(same, same)["rgb_to_uv"]["recall@1"]
    row(
        "retrieval: recall@1 of a collapsed model",
        f"{1 / n:.2f}",
        f"{np.mean(strictly_better == 0):.2f}",
        f"{ours:.2f}",
    )


def show_classification() -> None:
    """Each specimen photographed four times; its label is a coin toss; features know only who it is."""
    split, grouped = [], []
    for seed in range(20):
        rng = np.random.default_rng([seed, 2])
        specimen = np.repeat(np.arange(40), 4)
        label = rng.integers(0, 2, 40)[specimen]
        features = 3 * rng.normal(size=(40, 24))[specimen] + rng.normal(size=(160, 24))
        fit, held = train_test_split(np.arange(160), random_state=seed)
        probe = LogisticRegression(max_iter=1000).fit(features[fit], label[fit])
        split.append(probe.score(features[held], label[held]))
        found = classification(
            features, features, label, groups=specimen, seed=seed, reference_permutations=1, bootstraps=20
        )
        grouped.append(found["rgb_accuracy"])
    row(
        "classification: accuracy",
        ".50",
        f"{np.mean(split):.2f} (captures split at random)",
        f"{np.mean(grouped):.2f} (by specimen)",
    )


def show_umap() -> None:
    """Noise in 64 dimensions: the map looks like something, its trustworthiness says that it is not."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(200, 64))
    centres = rng.normal(size=(10, 64))[np.repeat(np.arange(10), 20)]
    values = [
        trustworthiness(x, UMAP(random_state=0, n_jobs=1).fit_transform(x))
        for x in (noise, 2 * centres + noise)
    ]
    row("UMAP", "noise / ten groups", "no number", f"trustworthiness {values[0]:.2f} / {values[1]:.2f}")


def show_heatmap() -> None:
    """Ten species: how far a cell's neighbours on the sheet resemble it, in file order and by species."""
    rng = np.random.default_rng(4)
    species = np.repeat(np.arange(10), 8)
    features = rng.normal(size=(10, 16))[species] + rng.normal(size=(80, 16))
    order = rng.permutation(80)

    def smoothness(rows: np.ndarray) -> float:
        matrix = cosine_matrix(features)[np.ix_(rows, rows)]
        return float(np.corrcoef(matrix[:, :-1].ravel(), matrix[:, 1:].ravel())[0, 1])

    row(
        "similarity heatmap: correlation of neighbouring cells",
        "ten species",
        f"{smoothness(order):.2f} (file order)",
        f"{smoothness(np.arange(80)):.2f} (by species)",
    )


def main() -> None:
    print("| what | truth | shortcut | ours |\n|---|---|---|---|")
    for show in (show_alignment, show_retrieval, show_classification, show_umap, show_heatmap):
        show()


if __name__ == "__main__":
    main()
