"""One step and one validation pass, put together by hand: what is compared with what, and when."""

from types import SimpleNamespace

import pytest
import torch

from xmodal_pipeline.augmentation import Batch
from xmodal_pipeline.losses.terms import TERMS, Term
from xmodal_pipeline.models import ModelOutput
from xmodal_pipeline.params.train import LossParams
from xmodal_pipeline.training.module import ContrastiveTraining, halves
from xmodal_pipeline.training.validation import retrieval_score

MOVING = LossParams(curriculum="linear")


def views(seed=0, rows=4, side=32):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(2, rows, 5, side, side, generator=generator)
    masks = torch.ones(rows, 2, side, side)
    return tuple(Batch(one[:, :3], one[:, 3:], masks, torch.arange(rows)) for one in images)


def module_at(config, step, batches_per_epoch=5):
    module = ContrastiveTraining(config, batches_per_epoch=batches_per_epoch)
    module.trainer = SimpleNamespace(global_step=step, precision_plugin=None)
    return module


@pytest.mark.parametrize(("step", "progress"), [(0, 0.0), (1, 1 / 6), (3, 0.5), (6, 1.0), (7, 1.0)])
def test_the_curriculum_moves_with_the_steps(make_config, step, progress):
    """Five batches, two to an optimiser step, over two epochs: six steps."""
    module = module_at(make_config(loss=MOVING, max_epochs=2, accumulation=2), step)
    total = module.training_step(views(), 0)
    first, second = halves(module.encode_views(views()))
    torch.testing.assert_close(total, module.loss(first, second, progress=progress).total)


def test_what_the_history_takes_of_a_step(make_config, monkeypatch):
    """A further term of the loss is logged as the others are, and without a temperature where it has none."""
    further = Term(lambda sides, *_: sides.views[0]["uv"].sum(), lambda *_: 2.0, has_temperature=False)
    monkeypatch.setitem(TERMS, "further", further)
    module = module_at(make_config(loss=LossParams(temperature=0.2)), 0)
    with torch.no_grad():
        total = module.training_step(views(), 0)
        first, second = halves(module.encode_views(views()))
        expected = module.loss(first, second, progress=0)
    taken = module.take_epoch()
    assert taken["loss"] == pytest.approx(float(total))
    assert {"cross_modal", "intra_rgb", "intra_uv", "joint", "further"} == set(expected.terms)
    for name, value in expected.terms.items():
        assert taken[f"loss_{name}"] == pytest.approx(float(value))
        assert taken[f"weight_{name}"] == expected.weights[name]
    learnt = {name: value for name, value in taken.items() if name.startswith("temperature_")}
    assert learnt == pytest.approx({f"temperature_{name}": 0.2 for name in TERMS if name != "further"})
    assert taken["loss_further"] == pytest.approx(float(first.projections["uv"].sum()))


def test_spread_and_gap_of_hand_made_projections(make_config, monkeypatch):
    """RGB lies on both ends of one axis, in any length; UV has collapsed onto another."""
    module = module_at(make_config(), 0)
    rgb = torch.tensor([[1.0, 0], [-3.0, 0], [2.0, 0], [-1.0, 0]])
    uv = torch.tensor([[0.0, 5.0]]).repeat(4, 1)
    made = {"rgb": rgb, "uv": uv, "joint": rgb}
    output = ModelOutput({}, {name: torch.cat([z, z.flip(0)]) for name, z in made.items()})
    monkeypatch.setattr(module, "encode_views", lambda _: output)
    module.training_step(views(), 0)
    taken = module.take_epoch()
    assert taken["spread_rgb"] == pytest.approx(1.0)
    assert taken["spread_uv"] == pytest.approx(0.0, abs=1e-6)
    assert taken["modality_gap"] == pytest.approx(1.0)


def test_validation_sets_rgb_of_one_view_against_uv_of_the_other(make_config):
    module = module_at(make_config(), 0).eval()
    module.trainer = SimpleNamespace(strategy=SimpleNamespace(broadcast=lambda score: score))
    first, second = views(rows=6)
    module.validation_step((first, second), 0)
    module.on_validation_epoch_end()
    with torch.no_grad():
        rgb = module.model(first.rgb, first.uv).projections["rgb"]
        uv = module.model(second.rgb, second.uv).projections["uv"]
    assert module.validation_score == retrieval_score(rgb, uv)


@pytest.mark.parametrize("name", ["rgb_only", "uv_only"])
def test_a_baseline_is_validated_by_its_two_views(make_config, name):
    module = module_at(make_config(name), 0).eval()
    module.trainer = SimpleNamespace(strategy=SimpleNamespace(broadcast=lambda score: score))
    first, second = views(rows=6)
    module.validation_step((first, second), 0)
    module.on_validation_epoch_end()
    own = name.removesuffix("_only")
    with torch.no_grad():
        sides = [module.model(view.rgb, view.uv).projections[own] for view in (first, second)]
    assert module.validation_score == retrieval_score(*sides)


def test_halves_part_the_views_of_every_output():
    rows = torch.arange(6.0)[:, None]
    parts = halves(ModelOutput({"rgb": rows}, {"uv": rows + 10}, {"rgb": rows + 20}))
    for part, start in zip(parts, (0, 3), strict=True):
        expected = torch.arange(start, start + 3.0)[:, None]
        assert torch.equal(part.features["rgb"], expected)
        assert torch.equal(part.projections["uv"], expected + 10)
        assert torch.equal(part.unimodal_joint["rgb"], expected + 20)


def test_the_rate_warms_up_over_optimiser_steps(make_config):
    """Three steps an epoch: six of warm-up, then half a cosine over the other six."""
    module = module_at(make_config(max_epochs=4, accumulation=2, warmup_epochs=2), 0)
    factor = module.schedule()
    assert [factor(step) for step in (0, 5, 6, 9, 12)] == pytest.approx([1 / 7, 6 / 7, 1.0, 0.5, 0.0])


def test_training_and_validation_take_their_own_views(make_config):
    module = module_at(make_config(seed=4), 0)
    batch = views()[0]
    module.trainer = SimpleNamespace(training=True, current_epoch=3)
    trained = module.on_after_batch_transfer(batch, 0)
    module.trainer = SimpleNamespace(training=False, current_epoch=3)
    validated = module.on_after_batch_transfer(batch, 0)
    for found, expected in (
        (trained, module.views.training_views(batch, seed=4, epoch=3)),
        (validated, (module.views.warped_view(batch, 1), module.views.warped_view(batch, 2))),
    ):
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one.rgb, other.rgb)
            assert torch.equal(one.uv, other.uv)
        assert not torch.equal(found[0].rgb, found[1].rgb)
