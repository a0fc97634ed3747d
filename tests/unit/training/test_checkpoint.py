"""A checkpoint is one file that gives back the same model."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.imaging.recipe import Recipe
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ingest import LimitParams, SpecimensParams
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.params.variants import SeparateParams
from xmodal_pipeline.training import Checkpoint, FitConfig
from xmodal_pipeline.training.config import differing_keys, in_epochs


def test_weights_and_configuration_return_from_the_file(make_config, tmp_path):
    config = make_config(lr=0.1 + 0.2, loss=LossParams(temperature=1 / 3))
    model = config.initial_model().to(memory_format=torch.channels_last).eval()
    Checkpoint.of_weights(model.state_dict(), config).to_file(tmp_path / "separate.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["separate.safetensors"]
    read = Checkpoint.from_file(tmp_path / "separate.safetensors")
    assert read.config == config
    rgb, uv = torch.randn(3, 3, 32, 32), torch.randn(3, 2, 32, 32)
    expected, found = model(rgb, uv), read.model()(rgb, uv)
    for name in ("rgb", "uv", "joint"):
        torch.testing.assert_close(found.projections[name], expected.projections[name], atol=1e-5, rtol=1e-5)


def test_copies_do_not_follow_later_training(make_config):
    weights = {"a": torch.zeros(2)}
    kept = Checkpoint.of_weights(weights, make_config())
    weights["a"] += 1
    assert kept.tensors["a"].tolist() == [0, 0]


def test_a_checkpoint_prints_its_configuration_and_no_weights(make_config):
    config = make_config()
    assert repr(Checkpoint.of_weights({"a": torch.zeros(2)}, config)) == f"Checkpoint(config={config!r})"


def test_damaged_and_foreign_files_are_refused(make_config, tmp_path):
    path = tmp_path / "separate.safetensors"
    Checkpoint.of_weights({"a": torch.zeros(100)}, make_config()).to_file(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(
        ValueError, match=r"checkpoint '.*': file must be a whole safetensors file .*; train again"
    ):
        Checkpoint.from_file(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"metadata must hold 'fit_config', got \[\]"):
        Checkpoint.from_file(path)


def test_a_configuration_survives_json_exactly(make_config):
    config = make_config(lr=0.1 + 0.2)
    assert FitConfig.model_validate_json(config.model_dump_json()) == config


def test_differences_are_named_by_their_path():
    before = {"a": {"b": 1, "c": [1, 2]}, "d": 0}
    now = {"a": {"b": 2, "c": [1, 2]}, "e": None}
    assert differing_keys(before, now) == ["a.b (1 before, 2 now)", "d (0 before, None now)"]


def test_unlearnt_is_the_model_that_training_started_from(make_config):
    config = make_config(seed=5)
    torch.manual_seed(5)
    start = config.initial_model().state_dict()
    trained = Checkpoint.of_weights({name: tensor + 1 for name, tensor in start.items()}, config)
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    unlearnt = trained.unlearnt()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert unlearnt.config == config
    assert all(torch.equal(unlearnt.tensors[name], tensor) for name, tensor in start.items())


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("secret_place") / "mine.pth"
    torch.save(timm.create_model("test_resnet").state_dict(), path)
    return path


def test_limits_of_files_make_no_other_training(make_config):
    def identity(**settings):
        recipe = Recipe.of_study(
            Study(
                root=Path(),
                is_simulated=False,
                settings=SpecimensParams(layout="rgb_uv", **settings),
                scale="unit",
                colour_units="relative",
                rgb_bands=("R", "G", "B"),
                uv_bands=("U",),
            ),
            "specimen",
        )
        limited = recipe.settings.model_copy(update={"limits": LimitParams(max_bands=9)})
        recipe = recipe.model_copy(update={"settings": limited})
        return make_config().model_copy(update={"recipe": recipe}).identity()

    none = identity(mask="none")
    assert "limits" not in none["recipe"]["settings"]
    regions = identity(mask="patches", patches="roi")
    assert regions["recipe"]["settings"]["patches"] == "roi"
    assert identity(mask="none", patches="roi") == none  # measured, and no model sees them


def test_a_checkpoint_knows_its_weights_by_content_and_loads_without_them(make_prepared, weights, tmp_path):
    def config(path):
        training = TrainingParams(backbone="test_resnet", weights=path)
        variant = SeparateParams().model_dump()
        return FitConfig.for_prepared(make_prepared(), training, LossParams(), AugmentationParams(), variant)

    moved = tmp_path / "elsewhere.pth"
    moved.write_bytes(weights.read_bytes())
    assert config(moved).identity() == config(weights).identity()
    other = tmp_path / "mine.pth"
    torch.save({**torch.load(weights, weights_only=True), "conv1.0.weight": torch.zeros(1)}, other)
    assert config(other).identity() != config(weights).identity()

    saved = Checkpoint.of_weights(config(moved).initial_model().state_dict(), config(moved))
    moved.unlink()
    saved.to_file(tmp_path / "c.safetensors")
    assert str(tmp_path).encode() not in (tmp_path / "c.safetensors").read_bytes()
    read = Checkpoint.from_file(tmp_path / "c.safetensors")
    assert read.config.training.weights == Path("elsewhere.pth")
    for name, tensor in read.model().state_dict().items():
        torch.testing.assert_close(tensor, saved.tensors[name])

    stem = "fusion.pair.encoder.rgb.backbone.conv1.0.weight"
    expected = torch.load(weights, weights_only=True)["conv1.0.weight"]
    torch.testing.assert_close(read.unlearnt(weights=weights).tensors[stem], expected)
    assert (read.unlearnt().tensors[stem] - expected).abs().max() > 1e-3
    with pytest.raises(RunStoppedError, match=r"must be the file that 'separate' started from.*mine\.pth"):
        read.unlearnt(weights=other)


def test_a_budget_of_captures_becomes_the_epochs_that_see_them():
    budget = TrainingParams(captures_seen=40_000)
    assert in_epochs(budget, 240) == TrainingParams(max_epochs=167)  # 166 would see 39,840
    assert in_epochs(budget, 20_000) == TrainingParams(max_epochs=20)
    given = TrainingParams(max_epochs=3)
    assert in_epochs(given, 240) is given


def test_a_run_trains_for_the_budget_of_its_training_captures(make_prepared):
    training, variant = TrainingParams(captures_seen=480), SeparateParams().model_dump()
    prepared = make_prepared(train=12, validation=4)
    config = FitConfig.for_prepared(prepared, training, LossParams(), AugmentationParams(), variant)
    assert (config.training.max_epochs, config.training.captures_seen) == (40, None)
