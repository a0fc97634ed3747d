import numpy as np
import pandas as pd
import pytest
from pydantic import Field

from xmodal_pipeline.params.train import LossParams, TrainingParams
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.training.curves import (
    describe_training,
    diagnostics_section,
    draw_training_curves,
    seed_fact,
)
from xmodal_pipeline.reporting.training.views import draw_views
from xmodal_pipeline.reporting.words import ModalityNames


@pytest.fixture
def histories(studies):
    return studies.make_histories(
        separate=studies.make_history(), rgb_only=studies.make_history(cross=False, seed=3)
    )


def panels(figure):
    return {ax.get_title("left"): ax for ax in figure.axes if ax.lines}


def test_curves_are_the_columns_of_the_history(histories):
    drawn = panels(draw_training_curves(histories))
    for title, column in (
        ("Loss, all terms (nats)", "loss"),
        ("Validation recall@1", "validation_recall_at_1"),
    ):
        own = [history for _, history in histories.groupby("variant", sort=False)]
        for line, history in zip(drawn[title].lines, own, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), history["epoch"])
            np.testing.assert_array_equal(line.get_ydata(), history[column])


def test_a_term_that_a_variant_lacks_is_not_drawn_for_it(histories):
    drawn = panels(draw_training_curves(histories))
    assert len(drawn["Cross-modal term (nats)"].lines) == 1
    assert [line.get_label() for line in drawn["Intra-modal terms (nats)"].lines] == [
        "loss_intra_rgb",
        "loss_intra_uv",
        "loss_intra_rgb",
    ]
    only_rgb = draw_training_curves(histories[histories["variant"] == "rgb_only"])
    assert "Cross-modal term (nats)" not in panels(only_rgb)


def test_a_term_that_is_new_has_a_panel_by_itself(histories):
    assert "Further terms" not in panels(draw_training_curves(histories))
    drawn = panels(draw_training_curves(histories.assign(loss_colour=2.5)))["Further terms"]
    assert [line.get_label() for line in drawn.lines] == ["loss_colour"] * 2
    assert set(drawn.lines[0].get_ydata()) == {2.5}


def test_every_column_lies_in_one_panel_or_in_none(studies):
    """Names before and after a panel's own in the alphabet, and such as begin like it, are not its own."""
    extra = {"aaa": 1.0, "zzz": 1.0, "loss_more": 1.0, "temperature_joint": 0.1, "temperatures": 1.0}
    history = studies.make_history().assign(**extra)
    still = panels(draw_training_curves(studies.make_histories(separate=history)))
    assert "Temperature" not in still
    moving = {f"temperature_{term}": 0.1 + history["epoch"] / 100 for term in ("cross_modal", "joint")}
    found = panels(draw_training_curves(studies.make_histories(separate=history.assign(**moving))))
    assert {
        title: [line.get_label() for line in ax.lines if line.get_label()[0] != "_"]
        for title, ax in found.items()
    } == {
        "Loss, all terms (nats)": ["loss"],
        "Cross-modal term (nats)": ["loss_cross_modal"],
        "Intra-modal terms (nats)": ["loss_intra_rgb", "loss_intra_uv"],
        "Joint term (nats)": ["loss_joint"],
        "Further terms": ["loss_more"],
        "Validation recall@1": ["validation_recall_at_1"],
        "Validation: match above other": ["validation_match_above_other"],
        "Temperature": ["temperature_cross_modal", "temperature_joint"],
        "Encoder gradient norm": ["grad_norm_rgb", "grad_norm_uv"],
        "Cosine of the two gradients": ["grad_cosine"],
        "Spread of projections": ["spread_rgb", "spread_uv"],
    }


def test_weights_are_drawn_where_a_curriculum_moves_them(histories):
    still = histories.assign(weight_cross_modal=1.0, weight_joint=0.5)
    assert "Loss weights" not in panels(draw_training_curves(still))
    moving = still.assign(weight_cross_modal=still["epoch"] / 20)
    axes = panels(draw_training_curves(moving))["Loss weights"]
    assert [line.get_label() for line in axes.lines] == ["weight_cross_modal"] * 2
    np.testing.assert_allclose(axes.lines[0].get_ydata(), np.arange(20) / 20)


def test_line_styles_tell_the_modalities_apart_under_their_display_names(histories):
    axes = panels(draw_training_curves(histories, names=ModalityNames("Dorsal", "Ventral")))[
        "Encoder gradient norm"
    ]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["Dorsal", "Ventral"]
    by_label = {line.get_label(): line for line in axes.lines}
    own = histories[histories["variant"] == "separate"]
    np.testing.assert_array_equal(by_label["grad_norm_uv"].get_ydata(), own["grad_norm_uv"])
    assert by_label["grad_norm_rgb"].get_linestyle() != by_label["grad_norm_uv"].get_linestyle()


def test_nothing_trained_says_so(studies, histories):
    with pytest.raises(NothingToDrawError, match="no variant was trained"):
        draw_training_curves(histories.iloc[:0])
    told = describe_training(studies.make_study(), histories.iloc[:0], TrainingParams(), LossParams())
    assert told == "No model was trained."


def test_the_fact_says_how_many_seeds_there_are():
    title, text = seed_fact(4, 0)
    assert title == "One seed: exploratory"
    assert text.startswith(
        "Learnt numbers come from one training run (seed 4); another may reverse a verdict."
    )
    title, text = seed_fact(4, 5)
    assert title == "One seed shown"
    assert "(seed 4); beside them stands their standard deviation (SD) between 5 seeds" in text


def test_diagnostics_are_shown_under_the_display_names(studies):
    columns = ["code", "variant", "finding", "advice"]
    found = ("MODALITY_DOMINATES", "separate", "the gradient at UV is small", "raise training.lr_uv")
    table = pd.DataFrame([found], columns=columns)
    section = diagnostics_section(studies.make_study(uv_name="Ventral"), table)
    assert section.tables[0].rows == [
        ("MODALITY_DOMINATES", "separate", "the gradient at Ventral is small", "raise training.lr_uv")
    ]
    assert diagnostics_section(studies.make_study(), table.iloc[:0]).reasons == (
        "Nothing looked wrong in training: no diagnostic was raised.",
    )


def test_methods_name_what_training_used_and_nothing_else(studies):
    histories, study = studies.make_histories(), studies.make_study()
    loss = LossParams.model_validate(
        {
            "adaptive_temperature": True,
            "curriculum": "cosine",
            "curriculum_end": {"cross_modal": 0.9, "intra_modal": 0.1},
            "joint_mode": "comm",
        }
    )
    training = TrainingParams(backbone="resnet50", seed=4, lr=1e-3, batch_size=32, lr_uv=3e-4, lr_rgb=2e-3)
    text = describe_training(study, histories, training, loss)
    for words in (
        "Contrastive models (separate, concat, RGB-only; resnet50, randomly initialised) were trained",
        "for up to 20 epochs",
        "learning rate 0.001, 0.002 in the RGB encoder, 0.0003 in the UV encoder, batch 32",
        "temperatures learnt from 0.1 on, one per term",
        "weights from 0.2 to 0.9 cross-modal (InfoNCE, Radford et al. 2021), from 0.8 to 0.1 intra-modal "
        "(NT-Xent, Chen et al. 2020) along half a cosine over the training, "
        "0.5 joint (CoMM, Dufumier et al. 2025)",
        "seed 4); the last epoch whose validation recall@1 was within one standard error of the best was",
    ):
        assert words in text
    plain = TrainingParams(lr=1e-3, batch_size=32)
    usual = describe_training(study, histories, plain, LossParams())
    assert (
        "learning rate 0.001, batch 32, temperature 0.1, "
        "weights 1 cross-modal (InfoNCE, Radford et al. 2021), "
        "0.5 intra-modal (NT-Xent, Chen et al. 2020), 0.5 joint; seed" in usual
    )
    assert "Dufumier" not in usual
    alone = describe_training(study, studies.make_histories(rgb_only=studies.make_history()), plain, loss)
    assert "one per term, intra-modal (NT-Xent, Chen et al. 2020) alone; seed" in alone
    assert "Radford" not in alone
    unchosen = histories.assign(validation_recall_at_1=np.nan)
    assert "); the last epoch was kept." in describe_training(study, unchosen, plain, LossParams())


class LossOfFour(LossParams):
    """What a further term adds to the parameters."""

    spread_weight: float = Field(0.3, ge=0, title="spread (VICReg, Bardes et al. 2022)")


@pytest.mark.parametrize("curriculum", ["none", "linear"])
def test_a_further_term_stands_in_methods_with_its_weight(studies, curriculum):
    told = describe_training(
        studies.make_study(), studies.make_histories(), TrainingParams(), LossOfFour(curriculum=curriculum)
    )
    assert ", 0.5 joint, 0.3 spread (VICReg, Bardes et al. 2022); seed" in told


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


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"pretrained": True}, "; resnet50, pretrained) were"),
        ({"weights": "elsewhere/lite0.pth"}, "; resnet50, pretrained (lite0.pth)) were"),
        ({"weights": "lite0.pth", "trunk": "frozen"}, "; resnet50, pretrained (lite0.pth), frozen) were"),
        (
            {"pretrained": True, "trunk": "lora"},
            "; resnet50, pretrained, low-rank adapters, Hu et al. 2022) were",
        ),
    ],
)
def test_methods_say_what_encoders_started_from_and_how_much_of_them_learnt(studies, training, words):
    params = TrainingParams(backbone="resnet50", **training)
    assert words in describe_training(studies.make_study(), studies.make_histories(), params, LossParams())
