"""Which strategy's features find the species whose sex only UV shows? Small studies, trained anew each.

    python benchmarks/uv_value_learnt.py --seeds 20

Each runs the project's own stages up to `uv_value` (`kedro run --to-outputs uv_value`): three species with a
planted UV trait, three whose sex only RGB shows, three without any; ten specimens per sex. Beside each
strategy stands the same table on colour features. Run it in the root of the project; it deletes the studies.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from xmodal_pipeline.evaluation.schema import UV_CLAIMS

SIMULATION = {
    "n_effect_species": 3,
    "n_pattern_species": 0,
    "n_rgb_only_species": 3,
    "n_redundant_species": 0,
    "n_plain_species": 3,
    "n_per_sex": 10,
    "n_per_sex_plain": 10,
    "repeat_share": 0,
    "image_size_px": 64,
}


def run_study(seed: int, epochs: int) -> pd.DataFrame:
    """`uv_value` of one study, each species with its role."""
    study = f"uv_value_learnt_{seed}"
    params = {"study": study, "training.max_epochs": epochs, "training.seed": seed, "split.image_size": 48}
    params |= {f"simulation.{key}": value for key, value in SIMULATION.items()} | {"simulation.seed": seed}
    listed = ",".join(f"{key}={value}" for key, value in params.items())
    command = [sys.executable, "-m", "kedro", "run", "--to-outputs", "uv_value", "--params", listed]
    subprocess.run(command, check=True, capture_output=True)
    data = Path("data")
    table = pd.read_parquet(data / "07_model_output" / study / "uv_value.parquet")
    truth = pd.read_parquet(data / "01_raw" / study / "simulated_truth.parquet")
    for folder in data.glob(f"*/{study}"):
        shutil.rmtree(folder)
    roles = truth.drop_duplicates("species").set_index("species")["role"]
    roles.index = roles.index.str.casefold()
    species = table[table["scope"] == "species"]
    return species.assign(seed=seed, role=species["species"].map(roles))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    found = pd.concat([run_study(seed, options.epochs) for seed in range(options.seeds)])
    found["is_claimed"] = found["verdict"].isin(UV_CLAIMS)
    found["is_low"] = found["p"] <= 0.05
    roles = sorted(found["role"].unique())
    print(
        f"{options.seeds} studies, {options.epochs} epochs, {found['n_1'].median():.0f} specimens per sex\n"
    )
    print("| features | " + " | ".join(f"{role}: claimed" for role in roles) + " | mean FDP | null p ≤ .05 |")
    print("|" + "---|" * (len(roles) + 3))
    for features, rows in found.groupby("features", sort=False):
        cells = []
        for role in roles:
            claimed = rows.loc[rows["role"] == role, "is_claimed"]
            low, high = binomtest(int(claimed.sum()), len(claimed)).proportion_ci()
            cells.append(f"{claimed.mean():.2f} [{low:.2f}, {high:.2f}]")
        null = rows["role"] != "uv_only"
        sums = (
            rows.assign(is_false=rows["is_claimed"] & null).groupby("seed")[["is_false", "is_claimed"]].sum()
        )
        fdp = float(np.mean(sums["is_false"] / sums["is_claimed"].clip(lower=1)))
        print(
            f"| {features} | " + " | ".join(cells) + f" | {fdp:.3f} | {rows.loc[null, 'is_low'].mean():.3f} |"
        )


if __name__ == "__main__":
    main()
