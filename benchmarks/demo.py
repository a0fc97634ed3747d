"""What the default run must show, from its saved outputs: `kedro run && python benchmarks/demo.py`.

Prints, for the simulated demo: registration error against the truth, retrieval of held-out specimens
beside chance and silhouettes, the difference UV - RGB in balanced accuracy for the planted traits, in the
species that have them, and which species `uv_value` claims: by colour, and by pattern.
Exits with 1 if a requirement fails.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from xmodal_pipeline.evaluation import classification
from xmodal_pipeline.evaluation.schema import COLOUR, UV_CLAIMS


def check(name: str, passed: bool, figure: str) -> bool:
    """Print one requirement."""
    print(f"{'ok  ' if passed else 'FAIL'} {name}: {figure}")
    return passed


def registration(data: Path, study: str) -> bool:
    truth = pd.read_parquet(data / "01_raw" / study / "simulated_truth.parquet")
    found = pd.read_parquet(data / "03_primary" / study / "registration_qa.parquet")
    joined = found.merge(truth, on="capture_id", suffixes=("", "_true"))
    error = np.hypot(joined["dx_px"] - joined["dx_px_true"], joined["dy_px"] - joined["dy_px_true"])
    statuses = found["status"].value_counts().to_dict()
    share = float((error <= 0.5).mean())
    return check(
        "registration: median <= 0.15 px, 95 % within 0.5 px",
        bool(error.median() <= 0.15 and share >= 0.95),
        f"median {error.median():.3f} px, {share:.1%} within 0.5 px, n = {len(error)}, {statuses}",
    )


def retrieval(comparison: pd.DataFrame, variant: str) -> bool:
    passed = True
    for task in ("retrieval", "retrieval_opposite_views"):
        rows = comparison[(comparison["task"] == task) & comparison["metric"].str.endswith("recall@1")]
        for (label, metric), group in rows.groupby(["label", "metric"], dropna=False):
            values = group.set_index("name")["value"]
            if variant not in values:
                continue
            row = group.set_index("name").loc[variant]
            silhouette = values.get("silhouette", np.nan)
            above = bool(row["value"] >= 5 * row["chance"] and not row["value"] <= silhouette)
            figure = (
                f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}], chance {row['chance']:.3f}, "
                f"silhouette {silhouette:.2f}, n = {row['n']:.0f}"
            )
            passed &= check(f"{task} {label} {metric}: >= 5x chance, above silhouette", above, figure)
    return passed


def traits(data: Path, study: str, variant: str) -> bool:
    truth = pd.read_parquet(data / "01_raw" / study / "simulated_truth.parquet")
    specimens = truth[truth["role"] == "uv_only"].drop_duplicates("specimen_id").set_index("specimen_id")
    table = pd.read_parquet(data / "07_model_output" / study / variant / "embeddings.parquet")
    columns = [name for name in table.columns if name.startswith("x")]
    rgb, uv, joint = (
        table[table["modality"] == m].groupby("specimen_id")[columns].mean().loc[specimens.index].to_numpy()
        for m in ("rgb", "uv", "joint")
    )
    passed = True
    for label, sign in (("sex", 1), ("morph", -1)):
        result = classification(
            rgb,
            uv,
            specimens[label].to_numpy(),
            groups=specimens.index.to_numpy(),
            strata=specimens["species"].to_numpy(),
            joint=joint,
        )
        low, high = result["uv_minus_rgb_ci"]
        names = ("rgb", "uv", "combined", "joint")
        scores = ", ".join(f"{name} {result[f'{name}_accuracy']:.2f}" for name in names)
        side = "above" if sign > 0 else "below"
        passed &= check(
            f"{label}: UV - RGB {side} 0",
            bool(low > 0 if sign > 0 else high < 0),
            f"{result['uv_minus_rgb']:+.2f} [{low:+.2f}, {high:+.2f}], {scores}, n = {len(specimens)}",
        )
    return passed


def uv_value(data: Path, study: str) -> bool:
    truth = pd.read_parquet(data / "01_raw" / study / "simulated_truth.parquet")
    table = pd.read_parquet(data / "07_model_output" / study / "uv_value.parquet")
    rows = table[(table["family"] == "primary") & (table["scope"] == "species")]
    tested, claims = rows[rows["verdict"] != "too_few"], rows[rows["verdict"].isin(UV_CLAIMS)]
    by_colour = set(claims.loc[claims["features"] == COLOUR, "species"])
    by_learnt = set(claims.loc[claims["features"] != COLOUR, "species"])
    in_means = {name.casefold() for name in truth.loc[truth["sex_uv_adds"] > 0.5, "species"]}
    in_pattern = {name.casefold() for name in truth.loc[truth["role"] == "pattern", "species"]}
    others = set(tested["species"]) - in_means - in_pattern
    beside = (by_colour - in_means) | (by_learnt & others)
    left = ", ".join(
        f"{name} {truth.loc[truth['role'] == 'pattern', name].max():.2f}"
        for name in ("sex_delta_rgb", "sex_delta_uv", "sex_delta_uv_sd")
    )
    return all(
        [
            check(
                "uv_value: every species planted in mean colour, by colour",
                in_means <= by_colour,
                f"{len(in_means & by_colour)} of {len(in_means)}; learnt {len(in_means & by_learnt)}",
            ),
            check(
                "uv_value: every pattern found by learnt features, none by colour",
                in_pattern <= by_learnt - by_colour,
                f"{len(in_pattern & by_learnt)} of {len(in_pattern)}, colour {len(in_pattern & by_colour)}; "
                f"left in means and SDs: {left}",
            ),
            check(
                "uv_value: nothing claimed where nothing is planted",
                not beside,
                f"{len(beside)} claims; {len(others)} species without a trait tested",
            ),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--study", default="demo")
    parser.add_argument("--variant", default="separate")
    options = parser.parse_args()
    comparison = pd.read_parquet(options.data / "07_model_output" / options.study / "comparison.parquet")
    results = [
        registration(options.data, options.study),
        retrieval(comparison, options.variant),
        traits(options.data, options.study, options.variant),
        uv_value(options.data, options.study),
    ]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
