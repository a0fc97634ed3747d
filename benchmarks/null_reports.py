"""What the report claims of studies in which nothing was planted.

    python benchmarks/null_reports.py --seeds 20
    python benchmarks/null_reports.py --seeds 20 --stages evaluate report

Each study has six species without a trait, ten specimens per sex, and is taken through every stage, five
variants trained anew. Every claim of its summary about sex is false; claims about finding the other
photograph are not, since every specimen has colours of its own. Prints each false claim and how many reports
have one. The second command reads again what the first has left. Run it in the root of the project.
"""

import argparse
from pathlib import Path

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

LABELS = ("sex",)
PARAMETERS = {
    "simulation": {
        "n_effect_species": 0,
        "n_pattern_species": 0,
        "n_rgb_only_species": 0,
        "n_plain_species": 6,
        "n_per_sex_plain": 10,
        "repeat_share": 0,
        "image_size_px": 64,
    },
    "split": {"image_size": 48},
    "training": {"max_epochs": 20},
}


def claims_of(seed: int, stages: list[str]) -> list[tuple[str, str]]:
    """Section and text of every claim in the summary of one study."""
    parameters = PARAMETERS | {
        "study": f"null_report_{seed}",
        "simulation": PARAMETERS["simulation"] | {"seed": seed},
        "training": PARAMETERS["training"] | {"seed": seed},
    }
    with KedroSession.create(project_path=Path.cwd(), runtime_params=parameters) as session:
        outputs = session.run(pipeline_names=stages, to_outputs=["page_sections"])
    sections = outputs["page_sections"].load()
    return [
        (section.key, finding.text)
        for section in sections
        for findings in section.findings.values()
        for finding in findings
        if finding.is_claim
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--stages", nargs="+", default=["__default__"])
    options = parser.parse_args()
    bootstrap_project(Path.cwd())
    wrong = 0
    for seed in range(options.first, options.first + options.seeds):
        claims = claims_of(seed, options.stages)
        false = [(key, text) for key, text in claims if any(label in text for label in LABELS)]
        wrong += bool(false)
        print(f"seed {seed}: {len(claims)} claims, {len(false)} about {', '.join(LABELS)}", flush=True)
        for key, text in false:
            print(f"    {key}: {text}", flush=True)
    print(f"\n{wrong} of {options.seeds} reports have a false claim")


if __name__ == "__main__":
    main()
