"""Do the tests bite at the seams? Each change below breaks a line that once could break unseen.

    python benchmarks/mutants.py            every change, in a copy of the checkout
    python benchmarks/mutants.py --only 3   one of them

A change is survived where the tests named beside it pass; none needs a Kedro run. Exits with 1 if one is, or
if a line that is to be changed is not there any more.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SOURCE = "src/xmodal_pipeline"


class Mutant(NamedTuple):
    """One change, and the tests that must notice it."""

    meaning: str
    file: str
    line: str
    changed: str
    tests: str


MUTANTS = (
    Mutant(
        "the curriculum never moves",
        f"{SOURCE}/training/module.py",
        "progress = min(1.0, self.trainer.global_step / self.total_steps)",
        "progress = 0.0",
        "tests/unit/training/test_module.py",
    ),
    Mutant(
        "normalised on held-out data",
        f"{SOURCE}/specimens/prepared.py",
        'if part == "train")',
        'if part != "train")',
        "tests/unit/specimens/test_prepared.py tests/pipelines/test_split.py",
    ),
    Mutant(
        "the headline reversed",
        f"{SOURCE}/reporting/classification/differences.py",
        '("uv", "rgb") if row.low > 0 else ("rgb", "uv")',
        '("rgb", "uv") if row.low > 0 else ("uv", "rgb")',
        "tests/unit/reporting/classification",
    ),
    Mutant(
        "exploratory rows become primary",
        f"{SOURCE}/pipelines/evaluate/nodes.py",
        'again.assign(family=EXPLORATORY, specimens="unflagged")',
        'again.assign(specimens="unflagged")',
        "tests/pipelines/test_evaluate.py",
    ),
    Mutant(
        "wrong photometry",
        f"{SOURCE}/imaging/study.py",
        'return self.colour_units != "uncalibrated"',
        "return True",
        "tests/unit/imaging/test_study.py",
    ),
    Mutant(
        "unregistered UV cut by RGB's mask",
        f"{SOURCE}/specimens/prepared.py",
        "share_mask=study.shares_grid",
        "share_mask=True",
        "tests/unit/specimens",
    ),
    Mutant(
        "misregistered training data: a shift is applied to turned captures only",
        f"{SOURCE}/imaging/preparation.py",
        "if not registration.is_turned:",
        "if registration.is_turned:",
        "tests/unit/imaging/test_preparation.py",
    ),
    Mutant(
        "wrong saturation flag",
        f"{SOURCE}/imaging/quality.py",
        "calibration[name].intercept + calibration[name].slope * level",
        "calibration[name].slope * level",
        "tests/unit/imaging/test_quality.py",
    ),
    Mutant(
        "wrong baseline: UV under RGB's mask",
        f"{SOURCE}/evaluation/baseline_tables.py",
        "band_means(side, masks[:, i])",
        "band_means(side, masks[:, 0])",
        "tests/unit/evaluation",
    ),
    Mutant(
        "frequent classes win the neighbours' vote",
        f"{SOURCE}/evaluation/nearest.py",
        "class_weights=1 / np.maximum(counts, 1),",
        "class_weights=None,",
        "tests/unit/evaluation",
    ),
    Mutant(
        "wrong ceiling: every view counts the same",
        f"{SOURCE}/evaluation/galleries.py",
        'weights = [part["n"] for part in known]',
        "weights = [1 for part in known]",
        "tests/unit/evaluation",
    ),
    Mutant(
        "wrong page: median and largest shift swapped",
        f"{SOURCE}/reporting/data/registration.py",
        "number(shift.median()), number(shift.max())",
        "number(shift.max()), number(shift.median())",
        "tests/unit/reporting/data",
    ),
    Mutant(
        "wrong page: saturated captures counted at half of the pixels",
        f"{SOURCE}/reporting/data/colour.py",
        "_SATURATED: Final = 0.01",
        "_SATURATED: Final = 0.5",
        "tests/unit/reporting/data",
    ),
    Mutant(
        "the parameters file shows another default",
        "conf/base/parameters_train.yml",
        "  gradient_clip: 1.0",
        "  gradient_clip: 10.0",
        "tests/architecture",
    ),
)


def is_killed(mutant: Mutant, copy: Path) -> bool:
    """Whether a test fails once the change is made; the copy is as it was afterwards."""
    path = copy / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.line) != 1:
        raise SystemExit(f"{mutant.file}: must hold once: {mutant.line}")
    path.write_text(text.replace(mutant.line, mutant.changed), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", *mutant.tests.split(), "-x", "-q", "-m", "not slow"]
    run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, check=False)
    path.write_text(text, encoding="utf-8")
    if run.returncode not in (0, 1):
        raise SystemExit(run.stdout.decode() + run.stderr.decode())
    return run.returncode == 1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=int, nargs="+", help="numbers from 1")
    options = parser.parse_args()
    chosen = options.only or range(1, len(MUTANTS) + 1)
    survived = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        copy.mkdir()
        for name in ("src", "tests", "conf", "pyproject.toml", "CITATION.cff", "README.md", ".telemetry"):
            path = ROOT / name
            (shutil.copytree if path.is_dir() else shutil.copy)(path, copy / name)
        for number in chosen:
            mutant = MUTANTS[number - 1]
            killed = is_killed(mutant, copy)
            survived += not killed
            print(f"{number:2} {'killed  ' if killed else 'SURVIVED'} {mutant.meaning}", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} killed")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
