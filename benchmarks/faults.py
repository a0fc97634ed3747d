"""Saves that fail at every step: is what lies there afterwards always the old result or the new one?

    python benchmarks/faults.py                      # every step, half an hour
    python benchmarks/faults.py --every 20 --only CSV

Each dataset class saves over an earlier result, and where there was none. A step is a line of the project's
own code on the way of a save; at each of them in turn, and at bytes of the largest file,

    exception   a ValueError is raised
    full        the operating system says that the disk is full
    kill        the process gets SIGKILL, or dies in the middle of a write

in a process of its own, with TMPDIR on the disk of the result and on another one. A second process then
looks: `neither` counts results that are not wholly the old or the new one; `left` what is in the folder
besides it once the next run has begun. TMPDIR is looked at, too. Exits with 1 unless all are 0.
"""

import argparse
import errno
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image

import xmodal_pipeline
from xmodal_pipeline.datasets.atomic import (
    AtomicCSVDataset,
    AtomicJSONDataset,
    AtomicParquetDataset,
    AtomicPartitionedDataset,
    AtomicTextDataset,
)
from xmodal_pipeline.datasets.checkpoint import CheckpointDataset
from xmodal_pipeline.datasets.figure import FigureDataset
from xmodal_pipeline.datasets.files import FilesDataset
from xmodal_pipeline.datasets.multispectral_tiff import MultispectralTIFFDataset
from xmodal_pipeline.datasets.picture import PictureDataset
from xmodal_pipeline.datasets.prepared import PreparedDataset
from xmodal_pipeline.datasets.study import StudyDataset
from xmodal_pipeline.datasets.thumbnails import ThumbnailsDataset
from xmodal_pipeline.imaging.study import Study, open_study
from xmodal_pipeline.imaging.tiff import MultispectralImage
from xmodal_pipeline.locks import hold_outputs
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.params.variants import SeparateParams
from xmodal_pipeline.reporting.figure import ReportFigure
from xmodal_pipeline.specimens.prepared import Manifest, PreparedBlock, PreparedBlocks
from xmodal_pipeline.specimens.thumbnails import Thumbnails

if TYPE_CHECKING:
    from xmodal_pipeline.training import Checkpoint

SOURCE = Path(xmodal_pipeline.__file__).parent
TRACED = (str(SOURCE / "saving.py"), str(SOURCE / "datasets"), str(SOURCE / "training"))
FAULTS = ("exception", "full", "kill")
MEMORY = Path("/dev/shm")
"""A disk on which flushing costs nothing."""
BYTES = (0.0, 0.3, 0.6, 0.999)
"""Where in the largest file of a result a write fails."""
ROWS = 400


@dataclass(frozen=True)
class Case:
    """How one dataset class saves the result of a number, and finds out which number lies there."""

    name: str
    save: Callable[[Path, int], None]
    load: Callable[[Path], int]
    """0 where there is none."""
    file: str = "result"


class StateDataset:
    """The state of a training, which no catalog entry saves, with the face of a dataset."""

    def __init__(self, filepath: str) -> None:
        self.path = Path(filepath)

    def save(self, data: dict[str, Any]) -> None:
        """Write a state."""
        from xmodal_pipeline.training.run_state import WholeFiles

        WholeFiles().save_checkpoint(data, self.path)

    def exists(self) -> bool:
        """Whether there is one."""
        return self.path.exists()

    def load(self) -> dict[str, Any]:
        """Read it."""
        from xmodal_pipeline.training.run_state import read_state

        return read_state(self.path)


def state(number: int) -> dict[str, Any]:
    import torch

    return {"a": torch.full((5000,), float(number)), "b": [number]}


def table(number: int) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"capture {row}" for row in range(ROWS)], "x": float(number)})


def number_of_table(found: pd.DataFrame) -> int:
    number = int(found["x"].iloc[0])
    pd.testing.assert_frame_equal(found, table(number))
    return number


def number_of_list(found: dict[str, Any]) -> int:
    if (found["n"], found["text"]) != ([found["n"][0]] * 10, "x" * 9000):
        raise ValueError("mixed")
    return int(found["n"][0])


def study(number: int) -> Study:
    return open_study(Path(f"/{number}"), SpecimensParams(scale="uint16"), [])


def checkpoint(number: int) -> "Checkpoint":
    import torch

    from xmodal_pipeline.training import BandStatistics, Checkpoint, FitConfig

    config = FitConfig(
        name="separate",
        variant=SeparateParams(),
        training=TrainingParams(),
        loss=LossParams(),
        augmentation=AugmentationParams(),
        photometry="uncalibrated",
        rgb_bands=("red", "green", "blue"),
        uv_bands=("long", "short"),
        image_size=32,
        statistics={
            "rgb": BandStatistics(mean=(0.4,) * 3, sd=(0.2,) * 3),
            "uv": BandStatistics(mean=(0.4,) * 2, sd=(0.2,) * 2),
        },
    )
    return Checkpoint(
        {"a": torch.full((5000,), float(number)), "b": torch.full((50,), float(number))}, config
    )


def one_number(arrays: list[Any]) -> int:
    """The number that fills all of some arrays."""
    (number,) = {float(value) for array in arrays for value in np.unique(np.asarray(array, np.float64))}
    return int(number)


def prepared(number: int) -> PreparedBlocks:
    names = tuple(f"c{row}" for row in range(8))
    manifest = Manifest(
        capture_ids=names,
        specimen_ids=names,
        partitions=(str(number),) * 8,
        statistics={},
        rgb_bands=("R", "G", "B"),
        uv_bands=("UV",),
        is_calibrated=True,
    )
    shapes = {"rgb": (8, 3, 16, 16), "uv": (8, 1, 16, 16), "masks": (8, 2, 16, 16)}

    def make() -> Iterator[PreparedBlock]:
        for last in (False, True):
            rgb, uv = (np.full((4, *shapes[name][1:]), number, np.float16) for name in ("rgb", "uv"))
            masks = np.full((4, *shapes["masks"][1:]), number, np.uint8)
            yield PreparedBlock(rgb, uv, masks, manifest if last else None)

    return PreparedBlocks(shapes, make)


def number_of_files(found: dict[str, bytes]) -> int:
    return one_number([np.frombuffer(content, np.uint8) for content in found.values()])


def figure(number: int) -> ReportFigure:
    page = {ending: bytes([number]) * 3000 for ending in ("png", "pdf")}
    return ReportFigure("sheet", str(number), "words", {"single": (page,), "double": (page,)}, "", False)


def image(number: int) -> MultispectralImage:
    return MultispectralImage(np.full((4, 40, 40), number, np.uint16), ("R", "G", "B", "UV"))


def partitions(path: str, *, overwrite: bool) -> AtomicPartitionedDataset:
    dataset = {"type": MultispectralTIFFDataset, "save_args": {"compression": None}}
    return AtomicPartitionedDataset(path=path, dataset=dataset, filename_suffix=".tif", overwrite=overwrite)


def number_of_partitions(found: dict[str, Callable[[], MultispectralImage]]) -> int:
    if sorted(found) != [f"{name}" for name in "abc"]:
        raise ValueError(f"got {sorted(found)}")
    return one_number([load().bands for load in found.values()])


def cases() -> list[Case]:
    """Every dataset class that saves, and the state of a training; those that need torch last."""

    def case(
        name: str, dataset: Callable[..., Any], make: Callable[[int], Any], tell: Callable[[Any], int]
    ) -> Case:
        return Case(
            name,
            lambda path, number: dataset(str(path)).save(make(number)),
            lambda path: tell(dataset(str(path)).load()) if dataset(str(path)).exists() else 0,
        )

    def by_path(dataset: Callable[..., Any], **more: Any) -> Callable[..., Any]:
        return lambda path: dataset(filepath=path, **more)

    def numbers(number: int) -> dict[str, Any]:
        return {"n": [number] * 10, "text": "x" * 9000}

    return [
        case("Parquet", by_path(AtomicParquetDataset), table, number_of_table),
        case("CSV", by_path(AtomicCSVDataset, save_args={"index": False}), table, number_of_table),
        case("JSON", by_path(AtomicJSONDataset), numbers, number_of_list),
        case(
            "Text",
            by_path(AtomicTextDataset),
            lambda number: str(number) * 9000,
            lambda text: one_number([list(text), [9000 * int(text[0]) // len(text)]]),
        ),
        case(
            "Picture",
            by_path(PictureDataset),
            lambda number: Image.fromarray(np.full((40, 40, 3), number, np.uint8)),
            lambda found: one_number([np.asarray(found)]),
        ),
        case("Study", by_path(StudyDataset), study, lambda found: int(found.root.name)),
        case(
            "MultispectralTIFF",
            by_path(MultispectralTIFFDataset, save_args={"compression": None}),
            image,
            lambda found: one_number([found.bands]),
        ),
        case(
            "Thumbnails",
            by_path(ThumbnailsDataset),
            lambda number: Thumbnails(("a",), np.full((1, 3, 30, 30, 3), number, np.uint8)),
            lambda found: one_number([found.pictures]),
        ),
        case(
            "Files",
            by_path(FilesDataset),
            lambda number: {name: bytes([number]) * 3000 for name in "abc"},
            number_of_files,
        ),
        case(
            "Figure",
            by_path(FigureDataset),
            figure,
            lambda found: one_number(
                [[float(found.title)], *(list(data) for data in found.pages[0].values())]
            ),
        ),
        case(
            "Prepared",
            by_path(PreparedDataset),
            prepared,
            lambda found: one_number([found.rgb, found.uv, found.masks, [float(found.partitions[0])]]),
        ),
        case(
            "Partitioned, overwrite",
            partial(partitions, overwrite=True),
            lambda number: {name: image(number) for name in "abc"},
            number_of_partitions,
        ),
        case(
            "Partitioned",
            partial(partitions, overwrite=False),
            lambda number: {"a": image(number)},
            lambda found: one_number([load().bands for load in found.values()]),
        ),
        case(
            "Checkpoint",
            by_path(CheckpointDataset),
            checkpoint,
            lambda found: one_number(list(found.tensors.values())),
        ),
        case(
            "training state",
            StateDataset,
            state,
            lambda found: one_number([found["a"], found["b"]]),
        ),
    ]


class Fault:
    """Fails at one step of the project's code; counts them where the step is none."""

    def __init__(self, kind: str, step: int) -> None:
        self.kind, self.step, self.seen = kind, step, 0

    def trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        """What `sys.settrace` calls."""
        if not frame.f_code.co_filename.startswith(TRACED):
            return None
        if event == "line":
            self.seen += 1
            if self.seen - 1 == self.step:
                self.happen()
        return self.trace

    def happen(self) -> None:
        """Fail."""
        match self.kind:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "full":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            case _:
                raise ValueError("injected")


def in_fork(work: Callable[[], Any]) -> Any:
    """What `work` returns in a process of its own; None if it raised or was killed."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            os.close(reading)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os.write(writing, json.dumps(work()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(process, 0)
    return json.loads(said) if said else None


def save_with_fault(case: Case, path: Path, *, fault: Fault) -> int:
    """Save the new result; how many steps it took."""
    sys.settrace(fault.trace)
    try:
        case.save(path, 2)
    finally:
        sys.settrace(None)
    return fault.seen


def save_with_limit(case: Case, path: Path, *, kind: str, n_bytes: int) -> None:
    """Save the new result where no file may grow beyond some bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kind == "kill" else signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))
    case.save(path, 2)


def look(case: Case, path: Path, before: int) -> dict[str, Any]:
    """Which result lies there, and what is left once the next run has begun."""
    with hold_outputs([path]):
        pass
    try:
        found = case.load(path)
    except Exception as error:  # noqa: BLE001 - whatever it is, the result is not whole
        return {"found": f"neither: {error}", "left": 0}
    left = [name for name in os.listdir(path.parent) if name != path.name]
    inside = [str(one) for one in path.rglob(".*") if one.name != ".manifest"] if path.is_dir() else []
    is_whole = found in (before, 2)
    name = {before: "old", 2: "new"}[found] if is_whole else f"neither: {found}"
    return {"found": name, "left": len(left) + len(inside)}


def trials(case: Case, every: int, scratch: Path) -> Iterator[tuple[str, Callable[[Path], Any]]]:
    """The kind of every fault, and the save that meets it."""
    probe = scratch / "probe" / case.file
    probe.parent.mkdir()
    steps = in_fork(partial(save_with_fault, case, probe, fault=Fault("exception", -1)))
    files = [one for one in (probe, *probe.rglob("*")) if one.is_file()]
    largest = max(one.stat().st_size for one in files)
    shutil.rmtree(probe.parent)
    for kind in FAULTS:
        for step in range(0, steps, every):
            yield kind, partial(save_with_fault, case, fault=Fault(kind, step))
        for share in BYTES if kind != "exception" else ():
            yield kind, partial(save_with_limit, case, kind=kind, n_bytes=int(share * largest))


def attack(case: Case, every: int, scratch: Path) -> Counter[str]:
    """Every fault on one case, over nothing and over an earlier result."""
    counts: Counter[str] = Counter()
    old, folder = scratch / "old", scratch / "trial"
    for before in (0, 1):
        old.mkdir()
        if before:
            in_fork(partial(case.save, old / case.file, before))
        for kind, save in trials(case, every, scratch):
            shutil.copytree(old, folder)
            in_fork(partial(save, folder / case.file))
            said = in_fork(partial(look, case, folder / case.file, before)) or {"found": "neither", "left": 0}
            found = said["found"].split(":")[0]
            if found == "neither":
                print(f"  {case.name}, {kind}: {said['found']}", file=sys.stderr)
            counts.update({kind: 1, "tried": 1, found: 1, "left": said["left"]})
            shutil.rmtree(folder)
        shutil.rmtree(old)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, help="take every n-th step")
    parser.add_argument("--only", help="one case by its name")
    options = parser.parse_args()
    columns = ("tried", *FAULTS, "old", "new", "neither", "left")
    print(f"{'class':<24}{'disk':<10}" + "".join(f"{name:>10}" for name in columns))
    total: Counter[str] = Counter()
    in_tmpdir = 0
    with tempfile.TemporaryDirectory(dir=MEMORY) as same, tempfile.TemporaryDirectory() as another:
        root = Path(same) / "results"
        root.mkdir()
        for disk, temporary in (("same", Path(same) / "tmp"), ("another", Path(another))):
            temporary.mkdir(exist_ok=True)
            os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
            for case in cases():
                if case.name in ("Checkpoint", "training state"):
                    importlib.import_module(
                        "xmodal_pipeline.training"
                    )  # not before: it makes every fork slow
                if options.only in (None, case.name):
                    others = len(os.listdir(temporary))
                    counts = attack(case, options.every, root)
                    in_tmpdir += len(os.listdir(temporary)) - others
                    total += counts
                    cells = "".join(f"{counts[name]:>10}" for name in columns)
                    print(f"{case.name:<24}{disk:<10}{cells}", flush=True)
    print(f"{'all':<34}" + "".join(f"{total[name]:>10}" for name in columns))
    print(f"files left in TMPDIR: {in_tmpdir}")
    sys.exit(0 if total["neither"] == total["left"] == in_tmpdir == 0 else 1)


if __name__ == "__main__":
    main()
