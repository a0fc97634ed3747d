"""Saves that fail leave the old result or the new one and nothing else; long form: benchmarks/faults.py."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pandas as pd
import pytest
import yaml
from kedro.io import DatasetError

from xmodal_pipeline import saving
from xmodal_pipeline.datasets.atomic import AtomicCSVDataset, AtomicJSONDataset, AtomicParquetDataset
from xmodal_pipeline.datasets.files import FilesDataset
from xmodal_pipeline.errors import SaveError

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal, sys
from pathlib import Path
from xmodal_pipeline import saving
call, at = sys.argv[2], int(sys.argv[3])
real, seen = getattr(os, call), []
def die(*arguments, **named):
    seen.append(1)
    if len(seen) == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)
setattr(os, call, die)
with saving.replace_folder(Path(sys.argv[1])) as partial:
    (partial / "a").write_text("new")
"""


@pytest.mark.slow
def test_whatever_fails_the_result_is_the_old_or_the_new_one():
    command = [sys.executable, ROOT / "benchmarks" / "faults.py", "--every", "110", "--only", "Files"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "files left in TMPDIR: 0" in run.stdout


def save_and_be_killed(path, call, at):
    command = [sys.executable, "-c", KILLED, str(path), call, str(at)]
    assert subprocess.run(command, check=False).returncode == -9


@pytest.mark.parametrize(
    ("call", "at", "left"),
    [("fsync", 1, "old"), ("rename", 1, "old"), ("rename", 2, "old"), ("fsync", 4, "new")],
)
def test_a_folder_is_whole_after_a_kill_before_between_and_after_its_renames(tmp_path, call, at, left):
    path = tmp_path / "folder"
    FilesDataset(filepath=str(path)).save({"a": b"old"})
    save_and_be_killed(path, call, at)
    assert len(list(tmp_path.iterdir())) > 1  # the kill did leave something
    dataset = FilesDataset(filepath=str(path))
    assert dataset.exists()
    assert dataset.load() == {"a": left.encode()}
    saving.sweep(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


def test_what_a_living_process_writes_is_not_swept(tmp_path):
    path = tmp_path / "table.csv"
    with saving.replace_file(path) as partial:
        partial.write_text("half")
        sweeper = threading.Thread(target=saving.sweep, args=(tmp_path,))
        sweeper.start()
        sweeper.join()
        assert partial.read_text() == "half"
    assert path.read_text() == "half"


@pytest.mark.parametrize("change", ["remove", "shorten"])
def test_a_folder_that_lost_something_is_no_result(tmp_path, change):
    dataset = FilesDataset(filepath=str(tmp_path / "folder"))
    dataset.save({"a": b"one", "b": b"two"})
    file = tmp_path / "folder" / "b"
    file.unlink() if change == "remove" else file.write_bytes(b"tw")
    assert not dataset.exists()
    with pytest.raises(
        DatasetError, match=r"must hold the files that were saved together, got missing or .*: b;"
    ):
        dataset.load()


def test_280_saves_from_seven_threads_are_all_right(tmp_path):
    def work(thread):
        for at in range(20):
            table = pd.DataFrame({"x": [thread, at]})
            AtomicParquetDataset(filepath=str(tmp_path / f"{thread}_{at}.parquet")).save(table)
            AtomicJSONDataset(filepath=str(tmp_path / "shared.json")).save({"x": [thread] * 1000})

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for thread in range(7):
        for at in range(20):
            assert pd.read_parquet(tmp_path / f"{thread}_{at}.parquet")["x"].tolist() == [thread, at]
    shared = AtomicJSONDataset(filepath=str(tmp_path / "shared.json")).load()["x"]
    assert len(shared) == 1000
    assert len(set(shared)) == 1
    assert len(list(tmp_path.iterdir())) == 7 * 20 + 1


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (
            errno.ENOSPC,
            r"save '.*table.csv': disk must have room for it, got 'No space left on device' after [\d,]+",
        ),
        (errno.EROFS, r"save '.*table.csv': folder must allow writing, got 'Read-only file system'"),
        (
            errno.EIO,
            r"save '.*table.csv': disk must stay there while it is written to, got 'Input/output error'",
        ),
    ],
)
def test_a_disk_that_fails_is_named_with_the_path_and_the_bytes(tmp_path, monkeypatch, number, message):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DatasetError, match=message) as caught:
        AtomicCSVDataset(filepath=str(tmp_path / "table.csv")).save(pd.DataFrame({"x": [1]}))
    assert isinstance(caught.value.__cause__, SaveError)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_read_and_gone_is_not_taken_for_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError), saving.replace_file(tmp_path / "out" / "a"):
        (tmp_path / "captures" / "gone.tif").read_bytes()


def test_temporary_names_are_short_enough_for_long_results(tmp_path):
    path = tmp_path / ("é" * 120 + ".json")
    AtomicJSONDataset(filepath=str(path)).save({"x": 1})
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    AtomicCSVDataset(filepath=str(tmp_path / "table.csv")).save(pd.DataFrame({"x": [1]}))
    shutil.rmtree(tmp_path / "tmp")
    AtomicCSVDataset(filepath=str(tmp_path / "table.csv")).save(pd.DataFrame({"x": [2]}))
    assert (tmp_path / "table.csv").read_text() == "x\n2\n"


def test_no_catalog_entry_saves_in_another_way():
    types = set()
    for file in (ROOT / "conf" / "base").glob("catalog_*.yml"):
        for entry in yaml.safe_load(file.read_text()).values():
            types |= {entry["type"], entry.get("dataset", entry)["type"]}
    assert {name for name in types if not name.startswith("xmodal_pipeline.")} == {"MemoryDataset"}
