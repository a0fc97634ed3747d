"""What is found to differ between a record and now, and in which words."""

import pytest

from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.provenance.files import CaptureFilesState, digests_of_named_files
from xmodal_pipeline.provenance.record import Record
from xmodal_pipeline.provenance.staleness import Today, differences, find_stale


@pytest.fixture
def captures(tmp_path):
    root = tmp_path / "captures"
    root.mkdir()
    (root / "a.tif").write_bytes(b"a")
    return root


@pytest.fixture
def now(captures, tmp_path):
    """Settings and files of now, the captures' files kept as they are."""

    def look(**groups):
        return Today(Parameters.model_validate(groups), captures, tmp_path / "kept")

    look().captures.to_folder(tmp_path / "kept")
    return look


def record(node="ingest.decide_study", settings=(), files=None, sources=(), **more):
    return Record.of_node(node, dict(settings), files or {}, sources, **more)


def test_what_was_made_with_the_settings_of_now_differs_in_nothing(now):
    made = record(settings={"training.lr": 0.001, "evaluation.ks": [1, 5, 10], "specimens.filter": None})
    assert differences(made, now()) == []


def test_each_setting_is_named_with_its_values_then_and_now(now):
    made = record(settings={"training.lr": 0.001, "specimens.label": "sex", "loss.temperature": 0.1})
    today = now(training={"lr": 0.01}, specimens={"label": "morph"})
    assert differences(made, today) == [
        "specimens.label was sex, is morph",
        "training.lr was 0.001, is 0.01",
    ]


def test_a_setting_that_nothing_reads_now_is_no_difference(now):
    made = record(settings={"simulation.seed": 7, "training.max_epochs": 3})
    assert differences(made, now()) == ["simulation.seed was 7, is 0", "training.max_epochs was 3, is 18"]
    photographed = now(specimens={"root": "wings"}, training={"captures_seen": 100})
    assert differences(made, photographed) == []


def test_what_was_made_from_several_values_is_never_as_now(now):
    mixed = record(settings={"training.lr": 0.001}, sources=[record(settings={"training.lr": 0.1})])
    assert differences(mixed, now()) == ["training.lr was 0.1 and 0.001, is 0.001"]


def test_a_setting_that_is_gone_is_named_but_not_where_another_version_knew_it(now):
    made = record(settings={"training.gone": 1})
    assert differences(made, now()) == ["training.gone was 1, is not set"]
    assert differences(made.model_copy(update={"versions": ("0.0.1",)}), now()) == []


def test_what_was_not_saved_whole_is_never_read(now):
    made = record().model_copy(update={"is_finished": False})
    assert differences(made, now()) == ["its making was interrupted"]


def test_files_that_changed_are_named(now, captures):
    made = record(files={"captures": now().captures.digest})
    assert differences(made, now()) == []
    (captures / "a.tif").write_bytes(b"other")
    (captures / "b.tif").write_bytes(b"b")
    assert differences(made, now()) == [f"2 of the files in {captures} changed: a.tif (changed), b.tif (new)"]
    unheard = record(files={"captures": "0123"})
    assert differences(unheard, now()) == [f"files in {captures} changed"]


def test_where_other_files_are_asked_for_they_are_no_news(now, captures):
    made = record(settings={"specimens.metadata": None}, files={"captures": "0123"})
    (captures / "labels.csv").write_text("filename\n")
    today = now(specimens={"metadata": str(captures / "labels.csv")})
    assert differences(made, today) == [f"specimens.metadata was null, is {captures / 'labels.csv'}"]


def test_the_same_files_at_another_time_are_read_once(now, captures, tmp_path, monkeypatch):
    made = record(files={"captures": now().captures.digest})
    (captures / "a.tif").touch()
    assert differences(made, now()) == []
    kept = CaptureFilesState.from_folder(tmp_path / "kept")
    assert kept.files["a.tif"].mtime_ns == (captures / "a.tif").stat().st_mtime_ns


def test_a_file_that_a_setting_names_is_told_by_its_content(now, tmp_path):
    tree = tmp_path / "birds.nwk"
    tree.write_text("(a,b);")
    today = now(specimens={"tree": str(tree)})
    digest = digests_of_named_files(today.parameters, ["specimens.tree"], None)
    made = record(settings={"specimens.tree": str(tree)}, files=digest)
    assert differences(made, today) == []
    tree.write_text("(a,c);")
    again = now(specimens={"tree": str(tree)})
    assert differences(made, again) == [f"specimens.tree: {tree} has other content"]


def test_where_the_captures_are_away_it_is_said_that_nobody_knows(now, tmp_path):
    today = Today(Parameters(), tmp_path / "away", tmp_path / "kept")
    found = find_stale(["study"], {"study": record(files={"captures": "0123"})}.get, today)
    assert not found.stale
    assert found.describe_unknown(today.root) == [
        f"{tmp_path / 'away'} is not there: whether a capture changed since cannot be told"
    ]


def test_the_pipelines_that_make_it_again_are_those_upstream_that_are_stale_too(now):
    lr = {"training.lr": 0.1}
    records = {
        "study": record(),
        "separate.checkpoint": record("train.separate.train_variant", lr, inputs=("study",)),
        "separate.embeddings": record("embed.separate.x", lr, inputs=("separate.checkpoint", "study")),
        "comparison": record("evaluate.x", lr, inputs=("separate.embeddings",)),
    }
    found = find_stale(["comparison", "study"], records.get, now())
    assert set(found.stale) == {"comparison"}
    assert found.stages == ("train", "embed", "evaluate")
    assert found.describe() == "  comparison: training.lr was 0.1, is 0.001"
    records["separate.checkpoint"] = record("train.separate.train_variant", {"training.lr": 0.001})
    assert find_stale(["comparison"], records.get, now()).stages == ("embed", "evaluate")


def test_entries_that_differ_alike_share_a_line(now):
    records = {name: record(settings={"training.lr": 0.1}) for name in "abcde"}
    found = find_stale("abcde", records.get, now())
    assert found.describe() == "  a, b, c and 2 more: training.lr was 0.1, is 0.001"


def test_entries_without_a_record_and_of_another_version_are_named(now):
    other = record(unknown=("old",)).model_copy(update={"versions": ("0.0.9",)})
    found = find_stale(["study", "prepared"], {"study": other}.get, now())
    assert not found.stale
    first, second = found.describe_unknown(None)
    assert first == "no record says what made old, prepared; unless you know, make them again"
    assert second.startswith("outputs of this study were made by version 0.0.9, this is ")


def test_what_a_study_lacked_and_has_now_is_named_unless_it_is_stale_itself(now):
    report = record("report.write_report", absent=("known_seed_spread",))
    records = {"report": report}
    assert not find_stale(["report"], records.get, now()).stale
    records["known_seed_spread"] = record("ablation.tabulate_cells", {"training.lr": 0.1})
    assert not find_stale(["report"], records.get, now()).stale
    records["known_seed_spread"] = record("ablation.tabulate_cells", {"training.lr": 0.001})
    assert find_stale(["report"], records.get, now()).stale == {
        "report": ["known_seed_spread was made since"]
    }
