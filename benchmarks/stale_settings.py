"""Two of ten settings changed at random after a whole run, then every stage alone.

Each is refused by name, or runs and changes no table and no array (`no influence`), or takes the setting
itself (`own`). Run in a copy of a project after `kedro run --env smoke`:
`python benchmarks/stale_settings.py <project> --draws 5 --seed 0`.
"""

import argparse
import hashlib
import random
from pathlib import Path
from typing import Any

from kedro.framework.cli.utils import KedroCliError
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from xmodal_pipeline.params.root import Parameters, validate_parameters
from xmodal_pipeline.pipelines import STAGES
from xmodal_pipeline.provenance.influence import flatten, keys_taken


def main() -> None:
    """Print a row per draw and stage, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    project, rng = options.project.resolve(), random.Random(options.seed)
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="smoke") as session:
        known = validate_parameters(session.load_context().config_loader["parameters"])
    now = flatten(known)
    numbers = [key for key, value in now.items() if _another(value, rng) not in (None, value)]
    counts = {"refused by name": 0, "no influence": 0, "own": 0, "SILENT": 0}
    drawn = 0
    while drawn < options.draws:
        keys = rng.sample(rng.sample(numbers, 10), 2)
        changes = {key: _another(now[key], rng) for key in keys}
        try:
            Parameters.model_validate(_tree(now | changes))
        except ValueError:
            continue  # impossible, such as shares that do not sum to 1
        drawn, tree = drawn + 1, _tree(changes)
        for stage in STAGES[1:]:
            outcome = _try(project, stage, tree, keys, known)
            counts[outcome] += 1
            print(f"{stage:9s} {outcome:16s} {', '.join(keys)}", flush=True)
    print(counts)


def _try(project: Path, stage: str, tree: dict[str, Any], keys: list[str], known: Parameters) -> str:
    pipelines.set_requested([stage])
    own = {key for node in pipelines[stage].nodes for key in keys_taken(known, node.inputs)}
    before = _digests(project)
    try:
        with KedroSession.create(project_path=project, env="smoke", runtime_params=tree) as session:
            session.run(pipeline_names=[stage])
    except KedroCliError as error:
        return "refused by name" if any(f"{key} was" in str(error) for key in keys) else "SILENT"
    if own & set(keys):
        with KedroSession.create(project_path=project, env="smoke") as session:
            session.run(pipeline_names=[stage])  # as it was, for the draws to come
        return "own"
    return "no influence" if _digests(project) == before else "SILENT"


def _digests(project: Path) -> dict[str, str]:
    """Of every table and array; figures and pages carry their date."""
    kinds = (".parquet", ".json", ".npy", ".csv", ".safetensors")
    paths = (path for path in (project / "data").rglob("*") if path.suffix in kinds)
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if not {".made_by", "training_state"} & set(path.parts) and path.is_file()
    }


def _another(value: Any, rng: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value * rng.choice([0.5, 0.9]) if isinstance(value, float) else None


def _tree(settings: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        *groups, last = key.split(".")
        group = tree
        for name in groups:
            group = group.setdefault(name, {})
        group[last] = value
    return tree


if __name__ == "__main__":
    main()
