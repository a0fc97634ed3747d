import numpy as np
import pytest

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.embeddings import (
    ChosenVariant,
    choose_variant,
    one_view,
    paired_projections,
    say_choice,
    subsample,
    unit_vectors,
    vectors,
)
from xmodal_pipeline.reporting.words import ModalityNames

TABLES = {"separate": ("separate's features", "z"), "concat": ("concat's features", "z")}


def chosen(histories, **params):
    return choose_variant(histories, ReportingParams(**params), TABLES)


def test_the_best_on_validation_is_chosen_whatever_test_says(studies):
    best = "the best by recall@1 on validation specimens"
    expected = ChosenVariant("concat", "concat's features", "z", best, 0.25)
    assert chosen(studies.make_histories()) == expected
    swapped = studies.make_histories(separate=studies.make_history(seed=5), concat=studies.make_history())
    assert chosen(swapped).name == "separate"


def test_the_epoch_that_was_kept_counts(studies):
    early = studies.make_history().assign(is_kept=lambda rows: rows["epoch"] == 2)
    late = studies.make_history()
    assert chosen(studies.make_histories(separate=early, concat=late)).name == "concat"
    assert chosen(studies.make_histories(separate=late, concat=early)).name == "separate"


def test_equal_recall_is_decided_by_the_finer_measure(studies):
    coarse = studies.make_history().assign(validation_recall_at_1=0.5)
    finer = coarse.assign(validation_match_above_other=0.95)
    assert chosen(studies.make_histories(separate=finer, concat=coarse)).name == "separate"
    assert chosen(studies.make_histories(separate=coarse, concat=finer)).name == "concat"
    unknown = coarse.assign(validation_recall_at_1=np.nan, validation_match_above_other=np.nan)
    assert chosen(studies.make_histories(separate=unknown, concat=coarse)).name == "concat"


def test_what_chose_a_variant_is_said(studies):
    """Of a validation that was too small to be measured, no number is called the best."""
    coarse = studies.make_history().assign(validation_recall_at_1=np.nan, validation_match_above_other=np.nan)
    first = chosen(studies.make_histories(separate=coarse, concat=coarse.assign(linear_share=0.75)))
    assert first.name == "separate"
    assert first.how == "the first of those trained, as validation specimens were too few to rank them"
    zero = coarse.assign(validation_recall_at_1=0.0)
    assert chosen(studies.make_histories(separate=coarse, concat=zero)).how.startswith("the best")
    names = ModalityNames("dorsal", "ventral")
    assert say_choice(first, ("colour", "separate"), names) == (
        f"Learnt numbers here are those of the variant separate, {first.how}. The appendix has every variant "
        "and baseline."
    )
    other = say_choice(first, ("colour", "concat"), names)
    assert "to rank them; what ventral adds is asked of concat. The appendix" in other
    assert "asked of" not in say_choice(first, ("colour",), names)
    assert say_choice(ChosenVariant(), ("separate",), names) == ""


def test_a_named_variant_stands(studies):
    histories = studies.make_histories()
    named = chosen(histories, variant="separate")
    assert (named.name, named.how) == ("separate", "named beforehand (reporting.variant)")
    with pytest.raises(
        ValueError, match=r"reporting.variant must be one of \['separate', 'concat'\], got 'attention'"
    ):
        chosen(histories, variant="attention")
    assert choose_variant(histories, ReportingParams(), {}).name == ""


def test_vectors_follow_their_numbers(index, studies):
    table = studies.make_embeddings(index)
    wide = table.rename(columns={"x1": "x10"})
    np.testing.assert_array_equal(vectors(wide)[:, -1], table["x1"].to_numpy())
    np.testing.assert_allclose(np.linalg.norm(unit_vectors(table), axis=1), 1, rtol=1e-6)
    zeros = table.assign(**dict.fromkeys([f"x{i + 1}" for i in range(8)], 0.0))
    np.testing.assert_array_equal(unit_vectors(zeros)[0], np.zeros(8))


def test_subsample_keeps_whole_captures_in_order(studies, index):
    table = studies.make_embeddings(index)
    part = subsample(table, 20, seed=1)
    assert part["capture_id"].value_counts().unique().tolist() == [2]
    assert part["capture_id"].nunique() == 20
    assert part.index.is_monotonic_increasing


def test_pairs_are_held_out_captures_in_both_modalities(studies, index):
    table = studies.make_embeddings(index)
    rgb, uv = paired_projections(table.drop(index=table.index[-1]))
    assert set(rgb["partition"]) == {"test"}
    assert (set(rgb["modality"]), set(uv["modality"])) == ({"rgb"}, {"uv"})
    assert rgb["capture_id"].tolist() == uv["capture_id"].tolist()
    everything = paired_projections(table.assign(partition="train"))[0]
    assert len(everything) == 60


def test_one_capture_per_specimen_is_shown_and_named(studies, index):
    views = index.assign(view="dorsal")
    shown, where = one_view(studies.make_chosen(index), views, ModalityNames())
    assert len(shown) == 120
    assert where == "Variant concat. View dorsal. "
    twice = views.assign(specimen_id=views["specimen_id"].iloc[[0, 0, *range(2, 60)]].to_numpy())
    assert len(one_view(studies.make_chosen(index), twice, ModalityNames())[0]) == 118
    assert one_view(studies.make_chosen(index), index, ModalityNames())[1] == "Variant concat. "
    assert one_view(ChosenVariant(), index, ModalityNames())[1] == ""
