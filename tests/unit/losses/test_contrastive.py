"""nt_xent and cross_modal_nce against formulas written as loops, closed forms and two libraries."""

import math

import numpy as np
import pytest
import torch
from lightly.loss import NTXentLoss
from open_clip.loss import ClipLoss

from xmodal_pipeline.losses import cross_modal_nce, nt_xent

BOTH = pytest.mark.parametrize("loss", [nt_xent, cross_modal_nce])
SIZES = pytest.mark.parametrize("rows", [2, 3, 64, 1000])
TEMPERATURES = pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0, 10.0])
TOLERANCE = {torch.float32: (1e-5, 1e-6), torch.float64: (1e-12, 1e-12)}


def retrieve(queries, candidates, matches, banned, temperature):
    """Loss and gradients of finding matches[i] for query i, one row at a time, in NumPy.

    Returns (mean loss, d/d queries, d/d candidates, d/d temperature) for rows of length one.
    """
    loss, of_temperature = 0.0, 0.0
    of_queries, of_candidates = np.zeros_like(queries), np.zeros_like(candidates)
    count = len(queries)
    for i, query in enumerate(queries):
        allowed = np.delete(np.arange(len(candidates)), banned[i])
        cosines = candidates[allowed] @ query
        # Distances to the match, so that no cancellation spoils the reference itself.
        relative = (cosines - candidates[matches[i]] @ query) / temperature
        top = relative.max()
        shares = np.exp(relative - top)
        loss += (top + math.log(shares.sum())) / count
        residual = shares / shares.sum() - (allowed == matches[i])
        of_queries[i] += residual @ candidates[allowed] / temperature / count
        of_candidates[allowed] += np.outer(residual, query) / temperature / count
        of_temperature -= residual @ relative / temperature / count
    return loss, of_queries, of_candidates, of_temperature


def through_length(raw, gradient):
    """Gradient of a function of raw / |raw|, by row."""
    length = np.linalg.norm(raw, axis=1, keepdims=True)
    unit = raw / length
    return (gradient - (gradient * unit).sum(1, keepdims=True) * unit) / length


def reference(loss, left, right, temperature):
    """[value, d/d left, d/d right, d/d temperature] in float64."""
    units = [raw / np.linalg.norm(raw, axis=1, keepdims=True) for raw in (left, right)]
    n = len(left)
    if loss is nt_xent:
        views = np.concatenate(units)
        value, as_query, as_candidate, of_t = retrieve(
            views, views, [(i + n) % (2 * n) for i in range(2 * n)], range(2 * n), temperature
        )
        of_left, of_right = np.split(as_query + as_candidate, 2)
    else:
        nobody = [[]] * n
        there = retrieve(units[0], units[1], range(n), nobody, temperature)
        back = retrieve(units[1], units[0], range(n), nobody, temperature)
        value, of_t = (there[0] + back[0]) / 2, (there[3] + back[3]) / 2
        of_left, of_right = (there[1] + back[2]) / 2, (there[2] + back[1]) / 2
    return [np.array(value), through_length(left, of_left), through_length(right, of_right), np.array(of_t)]


def measured(loss, left, right, temperature):
    """The same four from the package."""
    leaves = [x.clone().requires_grad_() for x in (left, right, temperature)]
    value = loss(*leaves)
    value.backward()
    return [value.detach(), *(leaf.grad for leaf in leaves)]


def pair(rows, dtype=torch.float64, dim=24, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(rows, dim, generator=generator, dtype=torch.float64)
    noise = torch.randn(2, rows, dim, generator=generator, dtype=torch.float64)
    return (3 * (shared + noise[0])).to(dtype), (shared + noise[1]).to(dtype)


@BOTH
@SIZES
@TEMPERATURES
def test_value_and_all_gradients_equal_the_loop(loss, rows, temperature):
    inputs = [*pair(rows, torch.float32), torch.tensor(temperature)]  # exact in both precisions
    left, right, scalar = (x.double().numpy() for x in inputs)
    expected = dict(zip(("value", "left", "right", "T"), reference(loss, left, right, scalar), strict=True))
    for dtype, (relative, absolute) in TOLERANCE.items():
        results = measured(loss, *(x.to(dtype) for x in inputs))
        for (name, want), got in zip(expected.items(), results, strict=True):
            assert got.dtype == dtype
            error = np.linalg.norm(got.double().numpy() - want)
            assert error <= relative * np.linalg.norm(want) + absolute, (dtype, name)


@SIZES
@TEMPERATURES
def test_nt_xent_equals_lightly(rows, temperature):
    left, right = pair(rows)
    expected = NTXentLoss(temperature=temperature)(left, right)
    torch.testing.assert_close(nt_xent(left, right, temperature), expected, rtol=1e-11, atol=1e-12)


@SIZES
@TEMPERATURES
def test_cross_modal_equals_open_clip(rows, temperature):
    left, right = pair(rows)
    units = [torch.nn.functional.normalize(x, dim=1) for x in (left, right)]
    expected = ClipLoss()(*units, logit_scale=1 / temperature)
    torch.testing.assert_close(cross_modal_nce(left, right, temperature), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("rows", [2, 3, 64])
@pytest.mark.parametrize("temperature", [1e-3, 0.1, 1e2])
def test_collapsed_projections_give_the_closed_form(rows, temperature):
    same = torch.ones(rows, 5, dtype=torch.float64)
    scaled = same * torch.arange(1, rows + 1, dtype=torch.float64)[:, None]
    assert nt_xent(same, scaled, temperature).item() == pytest.approx(math.log(2 * rows - 1), abs=1e-9)
    assert cross_modal_nce(same, scaled, temperature).item() == pytest.approx(math.log(rows), abs=1e-9)


def test_orthogonal_rows_give_the_closed_form():
    rows, temperature = 6, 0.5
    basis = torch.eye(rows, dtype=torch.float64)
    gain = math.exp(1 / temperature)
    assert cross_modal_nce(basis, basis, temperature).item() == pytest.approx(math.log(1 + (rows - 1) / gain))
    assert nt_xent(basis, basis, temperature).item() == pytest.approx(math.log(1 + (2 * rows - 2) / gain))


@BOTH
def test_neither_row_order_nor_swapped_sides_matter(loss):
    left, right = pair(17)
    order = torch.randperm(17, generator=torch.Generator().manual_seed(3))
    value = loss(left, right, 0.1)
    torch.testing.assert_close(loss(left[order], right[order], 0.1), value, rtol=1e-13, atol=0)
    torch.testing.assert_close(loss(right, left, 0.1), value, rtol=1e-13, atol=0)
    assert loss(left[order], right, 0.1) > value + 0.5, "shuffled pairs must cost more"


@BOTH
@pytest.mark.parametrize("temperature", [1e-3, 1e2])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_extreme_temperatures_stay_finite(loss, temperature, dtype):
    left, right = pair(64)
    results = measured(loss, left.to(dtype), right.to(dtype), torch.tensor(temperature))
    assert all(torch.isfinite(result).all() for result in results)


@BOTH
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_bf16_autocast_keeps_the_loss(loss, dtype):
    left, right = (x.to(dtype) for x in pair(512))
    exact = loss(left.double(), right.double(), 0.05)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(left, right, 0.05)
    assert value.dtype == torch.float32
    assert abs(value.item() / exact.item() - 1) <= 5e-4


@BOTH
@pytest.mark.parametrize("temperature", [0.0, -0.1, math.nan, math.inf, torch.tensor(-1.0)])
def test_impossible_temperature_is_refused(loss, temperature):
    with pytest.raises(ValueError, match="temperature must be positive and finite, got"):
        loss(*pair(4), temperature)


@BOTH
def test_several_temperatures_are_refused(loss):
    with pytest.raises(ValueError, match="temperature must be one number, got 2 values"):
        loss(*pair(4), torch.tensor([0.1, 0.2]))


@BOTH
def test_one_row_is_refused(loss):
    with pytest.raises(ValueError, match="the batch must have at least two rows, got 1"):
        loss(*pair(1), 0.1)


@BOTH
@pytest.mark.parametrize("shapes", [((4, 3), (5, 3)), ((4, 3), (4, 2)), ((4,), (4,))])
def test_unpaired_shapes_are_refused(loss, shapes):
    with pytest.raises(ValueError, match="both sides must be \\(batch, dim\\) of one shape, got"):
        loss(torch.ones(shapes[0]), torch.ones(shapes[1]), 0.1)
