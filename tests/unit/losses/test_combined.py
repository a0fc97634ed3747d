"""The combined loss against its formula, put together by hand from the two losses."""

import math
from typing import NamedTuple

import pytest
import torch

from xmodal_pipeline.losses import CombinedLoss, cross_modal_nce, nt_xent
from xmodal_pipeline.losses.curriculum import curriculum_weights
from xmodal_pipeline.losses.terms import TERMS, Term
from xmodal_pipeline.params.train import LossParams

MODALITIES = ("rgb", "uv")


class Output(NamedTuple):
    """Stands for a model's output."""

    projections: dict
    unimodal_joint: dict


def output(seed, rows=6, dim=5, names=("rgb", "uv", "joint")):
    generator = torch.Generator().manual_seed(seed)

    def draw():
        return torch.randn(rows, dim, generator=generator, dtype=torch.float64)

    return Output({name: draw() for name in names}, {name: draw() for name in MODALITIES})


def rows_of(whole, chosen):
    return Output(*({name: x[chosen] for name, x in part.items()} for part in whole))


def test_default_total_is_the_weighted_sum():
    first, second = output(1), output(2)
    a, b = first.projections, second.projections
    result = CombinedLoss(LossParams(), MODALITIES)(first, second, progress=0.3)
    expected = {
        "cross_modal": (cross_modal_nce(a["rgb"], b["uv"], 0.1) + cross_modal_nce(b["rgb"], a["uv"], 0.1))
        / 2,
        "intra_rgb": nt_xent(a["rgb"], b["rgb"], 0.1),
        "intra_uv": nt_xent(a["uv"], b["uv"], 0.1),
        "joint": nt_xent(a["joint"], b["joint"], 0.1),
    }
    assert set(result.terms) == set(expected)
    for term, value in expected.items():
        torch.testing.assert_close(result.terms[term], value, msg=term)
    assert result.weights == {"cross_modal": 1.0, "intra_rgb": 0.25, "intra_uv": 0.25, "joint": 0.5}
    total = (
        expected["cross_modal"]
        + 0.5 * (expected["intra_rgb"] + expected["intra_uv"]) / 2
        + 0.5 * expected["joint"]
    )
    torch.testing.assert_close(result.total, total)


@pytest.mark.parametrize(
    ("views", "pairs"),
    [("opposite", [(0, 1), (1, 0)]), ("same", [(0, 0), (1, 1)]), ("all", [(0, 0), (0, 1), (1, 0), (1, 1)])],
)
def test_cross_views_pair_as_named(views, pairs):
    outputs = output(1), output(2)
    result = CombinedLoss(LossParams(cross_views=views), MODALITIES)(*outputs, progress=0)
    expected = [
        cross_modal_nce(outputs[i].projections["rgb"], outputs[j].projections["uv"], 0.1) for i, j in pairs
    ]
    torch.testing.assert_close(result.terms["cross_modal"], sum(expected) / len(expected))


def test_comm_joint_sets_every_embedding_against_the_other_views_joint():
    first, second = output(1), output(2)
    result = CombinedLoss(LossParams(joint_mode="comm", temperature=0.2), MODALITIES)(
        first, second, progress=0
    )
    joint_1, joint_2 = first.projections["joint"], second.projections["joint"]
    expected = nt_xent(joint_1, joint_2, 0.2)
    for name in MODALITIES:
        expected = (
            expected
            + (
                nt_xent(first.unimodal_joint[name], joint_2, 0.2)
                + nt_xent(second.unimodal_joint[name], joint_1, 0.2)
            )
            / 2
        )
    torch.testing.assert_close(result.terms["joint"], expected / 3)


def test_comm_without_unimodal_projections_says_what_to_build():
    bare = output(1)._replace(unimodal_joint={})
    loss = CombinedLoss(LossParams(joint_mode="comm"), MODALITIES)
    with pytest.raises(ValueError, match="needs a model built with unimodal_joint=True"):
        loss(bare, bare, progress=0)


def test_swapping_the_views_or_the_modalities_changes_nothing_but_names():
    first, second = output(1), output(2)
    loss = CombinedLoss(LossParams(joint_mode="comm"), MODALITIES)
    result = loss(first, second, progress=0)
    torch.testing.assert_close(loss(second, first, progress=0).total, result.total)
    other = {"rgb": "uv", "uv": "rgb", "joint": "joint"}
    swapped = [
        Output(*({other[name]: x for name, x in part.items()} for part in view)) for view in (first, second)
    ]
    of_swapped = loss(*swapped, progress=0)
    torch.testing.assert_close(of_swapped.total, result.total)
    torch.testing.assert_close(of_swapped.terms["intra_rgb"], result.terms["intra_uv"])


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_baseline_has_its_own_term_with_weight_one(modality):
    first, second = output(1, names=(modality,)), output(2, names=(modality,))
    params = LossParams(intra_modal_weight=0.1, joint_mode="comm", curriculum="linear")
    result = CombinedLoss(params, (modality,))(first, second, progress=0.5)
    expected = nt_xent(first.projections[modality], second.projections[modality], 0.1)
    assert result.weights == {f"intra_{modality}": 1.0}
    torch.testing.assert_close(result.total, expected)
    assert list(result.terms) == [f"intra_{modality}"]


@pytest.mark.parametrize("modalities", [("uv", "rgb"), (), ("joint",)])
def test_unknown_modalities_are_refused(modalities):
    with pytest.raises(ValueError, match="modalities must be rgb and uv or one of them"):
        CombinedLoss(LossParams(), modalities)


@pytest.mark.parametrize("joint_mode", ["simclr", "comm"])
def test_gathered_rows_give_the_whole_batch(joint_mode):
    whole = output(1), output(2)
    tensors = [x for view in whole for part in view for x in part.values()]
    by_first_row = {x[0].sum().item(): x for x in tensors}
    params = LossParams(joint_mode=joint_mode)
    halves = [rows_of(view, slice(0, 3)) for view in whole]

    def gather(local):
        return by_first_row[local[0].sum().item()]

    gathered = CombinedLoss(params, MODALITIES, gather=gather)(*halves, progress=0)
    alone = CombinedLoss(params, MODALITIES)(*whole, progress=0)
    torch.testing.assert_close(gathered.total, alone.total, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("curriculum", "progress", "expected"),
    [
        ("none", 0.0, (1.0, 0.5)),
        ("none", 1.0, (1.0, 0.5)),
        ("linear", 0.0, (0.2, 0.8)),
        ("linear", 0.25, (0.35, 0.65)),
        ("linear", 1.0, (0.8, 0.2)),
        ("cosine", 0.0, (0.2, 0.8)),
        ("cosine", 0.25, (0.2 + 0.6 * (1 - math.sqrt(0.5)) / 2, 0.8 - 0.6 * (1 - math.sqrt(0.5)) / 2)),
        ("cosine", 0.5, (0.5, 0.5)),
        ("cosine", 1.0, (0.8, 0.2)),
    ],
)
def test_curriculum_table(curriculum, progress, expected):
    assert curriculum_weights(LossParams(curriculum=curriculum), progress) == pytest.approx(expected)


def test_curriculum_moves_the_total_and_leaves_the_joint_weight():
    params = LossParams(curriculum="linear", joint_weight=0.7)
    loss = CombinedLoss(params, MODALITIES)
    result = loss(output(1), output(2), progress=0.5)
    assert result.weights == pytest.approx(
        {"cross_modal": 0.5, "intra_rgb": 0.25, "intra_uv": 0.25, "joint": 0.7}
    )
    torch.testing.assert_close(result.total, sum(result.weights[t] * result.terms[t] for t in result.terms))


@pytest.mark.parametrize("progress", [-0.01, 1.01, math.nan])
def test_progress_outside_training_is_refused(progress):
    with pytest.raises(ValueError, match="progress must be within 0 and 1, got"):
        CombinedLoss(LossParams(), MODALITIES)(output(1), output(2), progress=progress)


def test_a_weight_of_zero_gives_a_gradient_of_exactly_zero():
    first, second = output(1), output(2)
    for view in (first, second):
        for x in view.projections.values():
            x.requires_grad_()
    params = LossParams(cross_modal_weight=0, intra_modal_weight=0, adaptive_temperature=True)
    loss = CombinedLoss(params, MODALITIES)
    loss(first, second, progress=0).total.backward()
    assert (first.projections["rgb"].grad == 0).all()
    assert (second.projections["uv"].grad == 0).all()
    assert first.projections["joint"].grad.norm() > 0.01
    assert loss.learnt.log_temperatures["cross_modal"].grad == 0


def test_one_row_is_refused():
    with pytest.raises(ValueError, match="at least two rows, got 1"):
        CombinedLoss(LossParams(), MODALITIES)(output(1, rows=1), output(2, rows=1), progress=0)


def test_a_term_is_added_in_one_place(monkeypatch):
    """What `TERMS` holds is weighted, moved by the curriculum, summed, and given a temperature."""
    apart = Term(
        lambda sides, params, temperature: (
            (sides.views[0]["rgb"] - sides.views[0]["uv"]).norm() / temperature
        ),
        lambda params, progress: 3.0 * progress,
    )
    first, second = output(1), output(2)
    without = CombinedLoss(LossParams(), MODALITIES)(first, second, progress=0.5)
    monkeypatch.setitem(TERMS, "apart", apart)
    loss = CombinedLoss(LossParams(), MODALITIES)
    result = loss(first, second, progress=0.5)
    expected = (first.projections["rgb"] - first.projections["uv"]).norm() / 0.1
    torch.testing.assert_close(result.terms["apart"], expected)
    torch.testing.assert_close(result.total, without.total + 1.5 * expected)
    assert result.weights["apart"] == 1.5
    assert set(loss.temperatures()) == {*without.terms, "apart"}


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_term_without_a_temperature_learns_none(monkeypatch, adaptive):
    monkeypatch.setitem(
        TERMS, "apart", Term(lambda *_: torch.ones(()), lambda *_: 1.0, has_temperature=False)
    )
    loss = CombinedLoss(LossParams(adaptive_temperature=adaptive), MODALITIES)
    assert loss(output(1), output(2), progress=0.5).terms["apart"] == 1
    assert set(loss.temperatures()) == set(TERMS) - {"apart"}
    assert "apart" not in loss.learnt.log_temperatures
