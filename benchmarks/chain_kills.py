"""The whole chain killed at random moments: is every output then the old one or the new one?

    OMP_NUM_THREADS=1 python benchmarks/chain_kills.py --kills 50 --at-saves 10

Each time a finished study is run again with other settings, `kedro run --env smoke` as a user types it, and
the whole process group gets SIGKILL: at a random moment of the run, or while a save is under way. Then every
entry of the catalog that is there is loaded, and compared with what two undisturbed runs made of it, the one
before and the one after (`neither` must be 0); the same command is run to its end, every entry compared with
the undisturbed run's (`unlike`), and unfinished saves are looked for (`left`). Entries that differ between
two undisturbed runs, as those that hold a time, are only loaded; they are named. Works in a copy of the
project in a temporary folder. Exits with 1 unless all three are 0.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

COPIED = ("conf", "src", "pyproject.toml", ".telemetry")
OLD = {"simulation.seed": 1, "training.seed": 1, "evaluation.seed": 1}
NEW = {"simulation.seed": 2, "training.seed": 2, "evaluation.seed": 2}
UNFINISHED = re.compile(r"\..+\.[0-9a-f]{16}\.(partial|old|lock)$")
State = dict[str, str]
"""Digest of each entry that is there, by name."""


class Project(NamedTuple):
    """A copy of the project, and what a user does in it."""

    root: Path

    @property
    def data(self) -> Path:
        """Where its studies lie."""
        return self.root / "data"

    def start(self, settings: dict[str, int]) -> subprocess.Popen[bytes]:
        """Run the whole chain, without waiting for it."""
        listed = ",".join(f"{key}={value}" for key, value in settings.items())
        command = [sys.executable, "-m", "kedro", "run", "--env", "smoke", "--params", listed]
        return subprocess.Popen(
            command,
            cwd=self.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a group of its own, so that workers die with it
        )

    def finish(self, settings: dict[str, int]) -> float:
        """Run to the end; seconds."""
        begun = time.monotonic()
        if code := self.start(settings).wait():
            raise SystemExit(f"chain_kills: a run must end by itself, got exit code {code} in {self.root}")
        return time.monotonic() - begun

    def load_all(self) -> State:
        """Load every entry that is there, then digest its files: the next look may put a folder back."""
        state = {}
        with KedroSession.create(project_path=self.root, env="smoke") as session:
            catalog = session.load_context().catalog
            for name in sorted(pipelines["__default__"].datasets()):
                dataset = catalog.get(name)
                path = getattr(dataset, "_filepath", None) or getattr(dataset, "_path", None)
                if path is not None and dataset.exists():
                    dataset.load()
                    state[name] = digest(Path(str(path)))
        return state

    def leftovers(self) -> list[Path]:
        """What unfinished saves left."""
        return [path for path in self.data.rglob(".*") if UNFINISHED.match(path.name)]

    def is_saving(self) -> bool:
        """Whether a save is under way."""
        return any(
            name.endswith(".partial") for _, below, names in os.walk(self.data) for name in below + names
        )


def digest(path: Path) -> str:
    """Of a file, or of the names and contents of all files of a folder."""
    hashed = sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file() and not UNFINISHED.match(file.name):
            hashed.update(str(file.relative_to(path)).encode() + file.read_bytes())
    return hashed.hexdigest()


def wait_until(happens: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None and not happens():
        time.sleep(0.0005)


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Whether it was still alive."""
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL and alive


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--at-saves", type=int, default=10, help="how many of them during a save")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder) / "project")
        project.root.mkdir()
        for name in COPIED:
            copy = shutil.copytree if Path(name).is_dir() else shutil.copy
            copy(name, project.root / name)
        bootstrap_project(project.root)

        project.finish(OLD)
        before = project.load_all()
        shutil.copytree(project.data, Path(folder) / "before")
        undisturbed = []
        for _ in range(2):
            put_back(Path(folder) / "before", project)
            seconds = project.finish(NEW)
            undisturbed.append(project.load_all())
        after = undisturbed[0]
        timed = sorted(name for name in after if after[name] != undisturbed[1].get(name))
        print(f"{len(after)} entries, {seconds:.0f} s undisturbed; only loaded: {', '.join(timed) or 'none'}")
        print(f"{sum(before.get(name) != after[name] for name in after)} differ between before and after")
        print(f"{'kill':>4} {'at':>8} {'there':>6} {'old':>4} {'new':>4} neither unlike left", flush=True)

        bad, done = 0, 0
        while done < options.kills:
            put_back(Path(folder) / "before", project)
            at_save = done < options.at_saves
            moment = rng.uniform(0, seconds)
            process = project.start(NEW)
            until = time.monotonic() + moment
            wait_until(lambda until=until: time.monotonic() >= until, process)
            if at_save:
                wait_until(project.is_saving, process)
            if not kill(process):
                continue  # it had ended
            done += 1
            state = project.load_all()
            steady = {name: found for name, found in state.items() if name not in timed}
            old = sum(found == before.get(name) for name, found in steady.items())
            neither = [n for n, found in steady.items() if found not in (before.get(n), after.get(n))]
            project.finish(NEW)
            again = project.load_all()
            unlike = [n for n in after if n not in timed and again.get(n) != after[n]]
            left = project.leftovers()
            bad += bool(neither or unlike or left)
            when = f"{moment:.1f}{' save' if at_save else ''}"
            print(
                f"{done:>4} {when:>8} {len(state):>6} {old:>4} {len(steady) - old - len(neither):>4} "
                f"{len(neither):>7} {len(unlike):>6} {len(left):>4}",
                flush=True,
            )
            for name in [*neither, *unlike, *map(str, left)]:
                print(f"     {name}", flush=True)
        print(f"{options.kills} kills, {bad} of them with an entry that is neither, unlike, or left")
        sys.exit(1 if bad else 0)


def put_back(before: Path, project: Project) -> None:
    shutil.rmtree(project.data)
    shutil.copytree(before, project.data)


if __name__ == "__main__":
    main()
