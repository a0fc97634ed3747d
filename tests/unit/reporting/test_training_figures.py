import numpy as np
import pytest

from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.training_figures import draw_training_curves, draw_views


@pytest.fixture
def histories(studies):
    return {"separate": studies.make_history(), "rgb_only": studies.make_history(cross=False, seed=3)}


def panels(figure):
    return {ax.get_title("left"): ax for ax in figure.axes if ax.lines}


def test_curves_are_the_columns_of_the_history(histories):
    drawn = panels(draw_training_curves(histories))
    for title, column in (
        ("Loss, all terms (nats)", "loss"),
        ("Validation recall@1", "validation_recall_at_1"),
    ):
        for line, history in zip(drawn[title].lines, histories.values(), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), history["epoch"])
            np.testing.assert_array_equal(line.get_ydata(), history[column])


def test_a_term_that_a_variant_lacks_is_not_drawn_for_it(histories):
    drawn = panels(draw_training_curves(histories))
    assert len(drawn["Cross-modal term (nats)"].lines) == 1
    assert [line.get_label() for line in drawn["Intra-modal terms (nats)"].lines] == [
        "intra_rgb",
        "intra_uv",
        "intra_rgb",
    ]
    only_rgb = draw_training_curves({"rgb_only": histories["rgb_only"]})
    assert "Cross-modal term (nats)" not in panels(only_rgb)


def test_line_styles_tell_the_modalities_apart_under_their_display_names(histories):
    axes = panels(draw_training_curves(histories, names=ModalityNames("Dorsal", "Ventral")))[
        "Encoder gradient norm"
    ]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["Dorsal", "Ventral"]
    by_label = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(by_label["grad_norm_uv"].get_ydata(), histories["separate"]["grad_norm_uv"])
    assert by_label["grad_norm_rgb"].get_linestyle() != by_label["grad_norm_uv"].get_linestyle()


def test_nothing_trained_says_so():
    with pytest.raises(NothingToDrawError, match="no variant was trained"):
        draw_training_curves({})


def test_views_lie_beside_their_capture():
    rgb = np.zeros((2, 3, 8, 8, 3), np.uint8)
    rgb[:] = np.arange(6).reshape(2, 3, 1, 1, 1)
    figure = draw_views(rgb, rgb + 100, ["a", "b"])
    shown = [int(ax.images[0].get_array()[0, 0, 0]) for ax in figure.axes]
    assert shown == [0, 1, 2, 100, 101, 102, 3, 4, 5, 103, 104, 105]
    assert [ax.get_title() or ax.get_title("left") for ax in figure.axes[:6]] == [
        "RGB", "view 1", "view 2", "UV", "view 1", "view 2",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="rgb and uv must have one shape"):
        draw_views(rgb, rgb[:1], ["a"])
