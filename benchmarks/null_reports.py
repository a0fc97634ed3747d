"""What the report claims of studies in which nothing was planted.

    python benchmarks/null_reports.py --seeds 20
    python benchmarks/null_reports.py --seeds 20 --stages evaluate report

Each study has six species without a trait, ten specimens per sex, and is taken through every stage, five
variants trained anew. Every claim of its summary about sex is false; claims about finding the other
photograph are not, since every specimen has colours of its own. Prints each false claim, how many reports
have one, and how often `uv_value` is low in a species, by colour and by the features of each variant. The
second command reads again what the first has left. Run it in the root of the project.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

LABELS = ("sex",)
PARAMETERS = {
    "simulation": {
        "n_effect_species": 0,
        "n_pattern_species": 0,
        "n_rgb_only_species": 0,
        "n_redundant_species": 0,
        "n_plain_species": 6,
        "n_per_sex_plain": 10,
        "repeat_share": 0,
        "image_size_px": 64,
    },
    "split": {"image_size": 48},
    "training": {"max_epochs": 20},
}


class Reported(NamedTuple):
    """Section and text of every claim in the summary of one study, and its p of every species."""

    claims: list[tuple[str, str]]
    uv_value: pd.DataFrame


def report_of(seed: int, stages: list[str]) -> Reported:
    parameters = PARAMETERS | {
        "study": f"null_report_{seed}",
        "simulation": PARAMETERS["simulation"] | {"seed": seed},
        "training": PARAMETERS["training"] | {"seed": seed},
    }
    with KedroSession.create(project_path=Path.cwd(), runtime_params=parameters) as session:
        outputs = session.run(pipeline_names=stages, to_outputs=["page_sections"])
        table = session.load_context().catalog.load("uv_value")
    sections = outputs["page_sections"].load()
    claims = [
        (section.key, finding.text)
        for section in sections
        for finding in section.findings
        if finding.is_claim
    ]
    tested = table[(table["scope"] == "species") & (table["specimens"] == "all") & table["p"].notna()]
    return Reported(claims, tested)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--stages", nargs="+", default=["__default__"])
    options = parser.parse_args()
    bootstrap_project(Path.cwd())
    wrong, tables = 0, []
    for seed in range(options.first, options.first + options.seeds):
        claims, table = report_of(seed, options.stages)
        tables.append(table)
        false = [(key, text) for key, text in claims if any(label in text for label in LABELS)]
        wrong += bool(false)
        print(f"seed {seed}: {len(claims)} claims, {len(false)} about {', '.join(LABELS)}", flush=True)
        for key, text in false:
            print(f"    {key}: {text}", flush=True)
    print(f"\n{wrong} of {options.seeds} reports have a false claim\n")
    print("| features | species | p <= .05 | p <= .01 | p <= .001 |\n|---|---|---|---|---|")
    for features, p in pd.concat(tables).groupby("features", sort=False)["p"]:
        print(
            f"| {features} | {len(p)} | "
            + " | ".join(f"{(p <= level).mean():.3f}" for level in (0.05, 0.01, 0.001))
            + " |"
        )


if __name__ == "__main__":
    main()
