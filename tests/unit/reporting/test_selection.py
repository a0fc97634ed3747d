import pytest

from xmodal_pipeline.errors import ADVICE, CaptureCode, advise
from xmodal_pipeline.reporting.names import ModalityNames, write_species
from xmodal_pipeline.reporting.selection import choose_variant


def test_the_best_on_validation_is_chosen_whatever_test_says(studies):
    assert choose_variant(studies.make_tables()) == "concat"
    swapped = {"separate": studies.make_history(seed=5), "concat": studies.make_history()}
    assert choose_variant(studies.make_tables(histories=swapped)) == "separate"


def test_a_named_variant_stands(studies):
    assert choose_variant(studies.make_tables({"reporting": {"variant": "separate"}})) == "separate"
    with pytest.raises(
        ValueError, match=r"reporting.variant must be one of \['separate', 'concat'\], got 'attention'"
    ):
        choose_variant(studies.make_tables({"reporting": {"variant": "attention"}}))


def test_a_baseline_is_never_chosen(studies, index):
    tables = studies.make_tables(projections={"rgb_only": studies.make_embeddings(index, ("rgb",))})
    assert choose_variant(tables) is None


def test_every_code_has_its_advice():
    assert all(advise(code) for code in CaptureCode)
    assert set(ADVICE) == set(CaptureCode)


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("rgb_to_uv", "Dorsal → Ventral"),
        ("uv_minus_rgb", "Ventral − Dorsal"),
        ("rgb_only", "Dorsal only"),
        ("rgb_suffices", "Dorsal suffices"),
        ("pca_cca", "PCA + CCA"),
        ("separate", "separate"),
    ],
)
def test_identifiers_become_words(identifier, words):
    assert ModalityNames("Dorsal", "Ventral").label(identifier) == words


def test_sentences_are_renamed_but_parameters_are_not():
    names = ModalityNames("Dorsal", "Ventral")
    assert names.rename("UV lags RGB: raise training.lr_uv") == "Ventral lags Dorsal: raise training.lr_uv"
    assert names.rename("rgb projections, UV1") == "Dorsal projections, UV1"


def test_equal_recall_is_decided_by_the_finer_measure(studies):
    coarse = studies.make_history().assign(validation_recall_at_1=0.5)
    finer = coarse.assign(validation_match_above_other=0.95)
    assert choose_variant(studies.make_tables(histories={"separate": finer, "concat": coarse})) == "separate"
    assert choose_variant(studies.make_tables(histories={"separate": coarse, "concat": finer})) == "concat"
    assert choose_variant(studies.make_tables(histories={})) == "separate"


def test_species_are_written_as_binomials():
    assert write_species("colias_croceus") == "Colias croceus"
    assert write_species("Parus major") == "Parus major"
