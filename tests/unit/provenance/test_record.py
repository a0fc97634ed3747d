"""What a record holds, and how it is kept."""

import xmodal_pipeline
from xmodal_pipeline.provenance.record import Record, record_path


def made(node="ingest.decide_study", settings=None, **more):
    return Record.of_node(node, settings or {}, more.pop("files", {}), more.pop("sources", ()), **more)


def test_a_record_holds_its_own_settings_and_all_that_made_its_inputs():
    first = made(settings={"specimens.label": "sex", "quality.min_band_snr": 1.5}, files={"captures": "a1"})
    second = made("train.separate.train_variant", {"training.lr": 0.1}, sources=[first], inputs=("study",))
    assert second.settings == {
        "specimens.label": ("sex",),
        "quality.min_band_snr": (1.5,),
        "training.lr": (0.1,),
    }
    assert second.files == {"captures": ("a1",)}
    assert second.inputs == ("study",)
    assert second.stage == "train"
    assert second.versions == (xmodal_pipeline.__version__,)


def test_inputs_that_differ_leave_every_value_each_once():
    before, after = made(settings={"training.lr": 0.1}), made(settings={"training.lr": 0.2})
    both = made("report.write", {"training.lr": 0.2}, sources=[before, after, before])
    assert both.settings == {"training.lr": (0.1, 0.2)}


def test_what_is_unknown_of_an_input_stays_unknown():
    first = made(unknown=("specimen_index",), absent=("known_seed_spread",))
    second = made(sources=[first], unknown=("prepared",))
    assert second.unknown == ("specimen_index", "prepared")
    assert second.absent == ("known_seed_spread",)


def test_a_record_lies_beside_its_entry_and_comes_back_as_it_was(tmp_path):
    path = record_path(tmp_path / "primary" / "study.json")
    assert path == tmp_path / "primary" / ".made_by" / "study.json.json"
    assert Record.from_file(path) is None
    record = made(settings={"specimens.filter": None, "evaluation.ks": [1, 5], "training.lr": 1e-3})
    record.to_file(path)
    assert Record.from_file(path) == record
    assert [one.name for one in path.parent.iterdir()] == ["study.json.json"]


def test_a_record_of_another_form_is_none(tmp_path):
    (tmp_path / "one.json").write_text('{"node": "ingest.x", "made_in": 1999}')
    (tmp_path / "two.json").write_text('{"node": ')
    assert Record.from_file(tmp_path / "one.json") is None
    assert Record.from_file(tmp_path / "two.json") is None
