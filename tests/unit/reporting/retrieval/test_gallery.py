import numpy as np
import pytest

from xmodal_pipeline.reporting.embeddings import paired_projections, vectors
from xmodal_pipeline.reporting.retrieval.gallery import draw_gallery
from xmodal_pipeline.reporting.words import ModalityNames, number


@pytest.mark.parametrize("direction", ["rgb_to_uv", "uv_to_rgb"])
def test_gallery_shows_the_match_and_the_true_order(studies, index, direction):
    table = studies.make_embeddings(index, noise=0.9)
    names = ModalityNames("Dorsal", "Ventral")
    figure = draw_gallery(table, studies.make_prepared(index), size=8, names=names)
    rgb, uv = paired_projections(table)
    a, b = (vectors(t) / np.linalg.norm(vectors(t), axis=1, keepdims=True) for t in (rgb, uv))
    is_forward = direction == "rgb_to_uv"
    similarity = a @ b.T if is_forward else b @ a.T
    ranks = (similarity > np.diag(similarity)[:, None]).sum(axis=1) + 1
    ids = {name.replace("_", " "): i for i, name in enumerate(rgb["capture_id"])}
    grid = np.array(figure.axes).reshape(8, 7)[:4] if is_forward else np.array(figure.axes).reshape(8, 7)[4:]
    asked, found = ("Dorsal", "Ventral") if is_forward else ("Ventral", "Dorsal")
    assert [ax.get_title("left") for ax in grid[0][:3]] == [f"{asked} query", f"{found} match", f"{found} 1"]
    shown = [ids[row[0].get_ylabel().replace("\n", " ")] for row in grid]
    assert [ranks[query] > 1 for query in shown] == [False, False, True, True]
    for row, query in zip(grid, shown, strict=True):
        assert row[1].get_xlabel() == f"{number(similarity[query, query])}, rank {ranks[query]}"
        best = np.sort(similarity[query])[::-1][:5]
        assert [ax.get_xlabel() for ax in row[2:]] == [number(value) for value in best]
        framed = [ax.spines["left"].get_visible() for ax in row[2:]]
        assert framed == [rank == ranks[query] for rank in range(1, 6)]
        # A query in grey or in colour: UV is one band, RGB three.
        is_grey = [(np.ptp(ax.images[0].get_array(), axis=2) == 0).all() for ax in row[:2]]
        assert is_grey == ([False, True] if is_forward else [True, False])
    first = f"{asked} → {found}: {(ranks == 1).sum()} of {len(ranks)}"
    assert first in figure.get_suptitle()
    assert "level with" not in figure.get_suptitle()


def test_ties_in_the_gallery_do_not_favour_the_match(studies, index):
    """A collapsed model finds one match of n first by expectation, and no row is a success."""
    columns = [f"x{i + 1}" for i in range(8)]
    table = studies.make_embeddings(index)
    table[columns] = np.ones((len(table), 8), dtype=np.float32)
    rgb, _ = paired_projections(table)
    framed = 0
    for seed in range(8):
        figure = draw_gallery(table, studies.make_prepared(index, 8), size=6, seed=seed)
        grid = np.array(figure.axes).reshape(6, 7)
        expected = f"1.00, rank {(len(rgb) + 1) / 2:g}"
        assert [row[1].get_xlabel() for row in grid] == [expected] * 6
        framed += sum(row[2].spines["left"].get_visible() for row in grid)
    assert f"RGB → UV: 1 of {len(rgb)}, UV → RGB: 1 of {len(rgb)};" in figure.get_suptitle()
    assert f"{2 * len(rgb)} queries have captures level with their match" in figure.get_suptitle()
    # 48 rows, each with its match first once in 20 times.
    assert framed < 10


def test_flagged_captures_carry_an_asterisk(studies, index):
    table, images = studies.make_embeddings(index), studies.make_prepared(index, 8)
    captures = paired_projections(table)[0]["capture_id"]
    for marked in ((), tuple(captures)):
        figure = draw_gallery(table, images, size=2, flagged=frozenset(marked))
        notes = [ax.get_xlabel() for ax in figure.axes]
        assert [("*" in note) for note in notes] == [bool(marked)] * len(notes)
    assert "*: a flagged capture" in figure.get_suptitle().replace("\n", " ")
