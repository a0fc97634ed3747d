"""What is left null takes the preset's value; what is given stays."""

import pytest

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.params.ablation import list_cells
from xmodal_pipeline.params.presets import PRESETS, describe_preset
from xmodal_pipeline.params.root import Parameters, validate_parameters

FOLDER = {"root": "captures"}
PAIRS = {"root": "captures", "rgb_suffix": "D", "uv_suffix": "V", "mask": "none"}


def test_simulated_specimens_take_the_demo_and_folders_the_photographs():
    demo = validate_parameters({})
    assert (demo.training, demo.loss, demo.augmentation) == (
        Parameters().training,
        Parameters().loss,
        Parameters().augmentation,
    )
    mine = validate_parameters({"specimens": FOLDER})
    assert (mine.training.batch_size, mine.training.captures_seen) == (64, 40_000)
    assert (mine.loss.temperature, mine.augmentation.geometry.crop_scale) == (0.07, (0.7, 1.0))
    assert mine.augmentation.photometry == "reflectance"
    assert mine.evaluation.protocol == "photographs"
    assert mine.evaluation.reference_permutations == 99


def test_a_named_preset_needs_no_folder_and_auto_is_not_museum():
    museum = validate_parameters({"training": {"preset": "museum"}})
    assert museum.training.backbone == "vit_base_patch16_224"
    assert (museum.training.max_epochs, museum.training.captures_seen) == (200, None)
    assert (
        validate_parameters({"specimens": FOLDER, "training": {"preset": "demo"}}).training.batch_size == 32
    )


def test_what_is_given_stays_and_null_is_not_given():
    given = {
        "specimens": FOLDER,
        "training": {"batch_size": 8, "lr": None},
        "augmentation": {"geometry": {"crop_scale": [0.5, 1.0], "rotation_deg": None}},
    }
    mine = validate_parameters(given)
    assert (mine.training.batch_size, mine.training.lr) == (8, 1e-3)
    assert mine.augmentation.geometry.crop_scale == (0.5, 1.0)
    assert mine.augmentation.geometry.rotation_deg == 10.0


def test_epochs_that_are_given_replace_the_budget_and_both_are_refused():
    mine = validate_parameters({"specimens": FOLDER, "training": {"max_epochs": 3}})
    assert (mine.training.max_epochs, mine.training.captures_seen) == (3, None)
    with pytest.raises(ParametersError, match="must not be given both, got 3 and 9"):
        validate_parameters({"training": {"max_epochs": 3, "captures_seen": 9}})


def test_modalities_on_one_grid_keep_the_opposite_views():
    loose = validate_parameters({"specimens": PAIRS | {"registration": "off"}})
    assert not loose.specimens.shares_grid
    assert loose.loss.cross_views == "all"
    assert validate_parameters({"specimens": FOLDER}).loss.cross_views == "opposite"


def test_what_is_given_must_go_with_what_the_preset_fills():
    with pytest.raises(ParametersError, match="batch_size must be a multiple"):
        validate_parameters({"specimens": FOLDER, "training": {"devices": 3}})


def test_every_key_of_a_preset_may_be_left_null():
    def leaves(values, group):
        for key, value in values.items():
            if isinstance(value, dict):
                yield from leaves(value, getattr(group, key))
            else:
                yield key, group.of_preset

    for preset in PRESETS.values():
        for name, values in preset.items():
            assert all(key in of_preset for key, of_preset in leaves(values, getattr(Parameters(), name)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "preset demo, for simulated specimens; test_resnet, 18 epochs"),
        (
            {"specimens": FOLDER},
            "preset photographs, for specimens of your own; test_resnet, 40,000 captures seen",
        ),
        (
            {"specimens": FOLDER, "training": {"preset": "demo", "max_epochs": 4}},
            "preset demo, as training.preset says; test_resnet, 4 epochs",
        ),
    ],
)
def test_a_run_says_which_preset_and_why(given, said):
    assert describe_preset(validate_parameters(given)) == f"training: {said}"


def test_epochs_in_a_grid_replace_the_budget_of_the_preset():
    mine = validate_parameters({"specimens": FOLDER})
    (few, usual) = list_cells({"training.max_epochs": (5,)}, mine) + list_cells({"training.seed": (1,)}, mine)
    assert (few.params.training.max_epochs, few.params.training.captures_seen) == (5, None)
    assert usual.params.training.captures_seen == 40_000
