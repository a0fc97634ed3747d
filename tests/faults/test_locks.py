"""Two runs at once: one makes an output, the other is told who does."""

import os
import subprocess
import sys

import pytest

from xmodal_pipeline.errors import OutputHeldError
from xmodal_pipeline.locks import hold_outputs

HOLD = """
import sys, time
from pathlib import Path
from xmodal_pipeline.locks import hold_outputs
with hold_outputs([Path(one) for one in sys.argv[1:]]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def hold():
    """Hold outputs in another process."""
    started = []

    def start(*paths):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, *map(str, paths)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_second_run_is_told_who_makes_the_output_and_makes_none(tmp_path, hold):
    process = hold(tmp_path / "b")
    held = rf"output '.*b': .* one run at a time, process {process.pid} on {os.uname().nodename}, since 2"
    with pytest.raises(OutputHeldError, match=held), hold_outputs([tmp_path / "a", tmp_path / "b"]):
        raise AssertionError
    with hold_outputs([tmp_path / "a"]):  # was let go of
        pass


def test_other_outputs_are_free(tmp_path, hold):
    hold(tmp_path / "concat" / "checkpoint")
    with hold_outputs([tmp_path / "separate" / "checkpoint", tmp_path / "checkpoint"]):
        pass


def test_a_killed_run_holds_nothing_and_leaves_nothing(tmp_path, hold):
    process = hold(tmp_path / "a")
    process.kill()
    process.wait()
    with hold_outputs([tmp_path / "a"]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_makes_nothing_leaves_no_folder(tmp_path):
    kept = tmp_path / "kept" / "table.csv"
    with hold_outputs([tmp_path / "new" / "deep" / "table.csv", kept]):
        kept.write_text("made")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert kept.read_text() == "made"
