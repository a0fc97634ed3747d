"""Which settings a node's outputs follow from."""

from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.provenance.influence import (
    NOT_IN_PREPARED,
    WITHOUT_INFLUENCE,
    flatten,
    keys_taken,
    settings_reaching,
)


def test_settings_are_named_by_dotted_keys_and_lists_are_one():
    flat = flatten(Parameters())
    assert flat["training.lr"] == 0.001
    assert flat["loss.curriculum_end.cross_modal"] == 0.8
    assert flat["variants.concat.modality_dropout"] == 0.2
    assert flat["evaluation.ks"] == [1, 5, 10]
    assert flat["specimens.vocabulary"]["sex"]["male"] == "m"
    assert flat["specimens.root"] is None


def test_a_folder_that_exists_is_the_same_however_it_is_spelt(tmp_path, monkeypatch):
    (tmp_path / "wings").mkdir()
    monkeypatch.chdir(tmp_path)
    spelt = [{"root": "wings"}, {"root": "./wings/../wings"}, {"root": str(tmp_path / "wings")}]
    found = {flatten(Parameters.model_validate({"specimens": one}))["specimens.root"] for one in spelt}
    assert found == {str(tmp_path / "wings")}


def test_a_node_takes_the_groups_among_its_inputs_whole_but_for_what_reaches_no_output():
    known = Parameters()
    taken = keys_taken(known, ["study", "params:quality", "params:variants.concat"])
    assert set(taken) == {
        *("quality.max_saturated_share", "quality.min_band_snr"),
        *("quality.max_focus_ratio", "quality.max_out_of_range_share"),
        *(f"variants.concat.{key}" for key in ("fusion_type", "modality_dropout", "use_modality_specific")),
    }
    assert "quality.n_jobs" in WITHOUT_INFLUENCE
    assert set(keys_taken(known, ["parameters"])) == set(flatten(known)) - set(WITHOUT_INFLUENCE)


def test_a_study_of_photographs_takes_no_setting_of_the_simulation():
    photographed = Parameters.model_validate({"specimens": {"root": "wings"}})
    inputs = ["params:simulation", "params:quality"]
    simulated = keys_taken(Parameters(), inputs)
    assert "simulation.n_effect_species" in simulated
    assert set(keys_taken(photographed, inputs)) == {key for key in simulated if key.startswith("quality.")}


def test_epochs_are_read_where_no_number_of_captures_stands_for_them():
    assert "training.max_epochs" in keys_taken(Parameters(), ["params:training"])
    counted = Parameters.model_validate({"training": {"captures_seen": 40_000}})
    assert "training.max_epochs" not in keys_taken(counted, ["params:training"])
    assert "training.captures_seen" in keys_taken(counted, ["params:training"])


def test_every_exception_is_a_setting_that_exists_and_has_its_reason():
    flat = flatten(Parameters())
    assert (WITHOUT_INFLUENCE | NOT_IN_PREPARED).keys() <= flat.keys()
    assert all((WITHOUT_INFLUENCE | NOT_IN_PREPARED).values())
    assert not WITHOUT_INFLUENCE.keys() & NOT_IN_PREPARED.keys()


def test_another_question_reaches_the_index_but_not_the_prepared_captures():
    settings = {"specimens.label": ("sex",), "specimens.mask": ("band",)}
    assert settings_reaching("specimen_index", settings) == settings
    assert settings_reaching("prepared", settings) == {"specimens.mask": ("band",)}
    assert settings_reaching("partitions", settings) == {"specimens.mask": ("band",)}
