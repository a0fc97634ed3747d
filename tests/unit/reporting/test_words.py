import pytest

from xmodal_pipeline.reporting.words import (
    ModalityNames,
    begin,
    interval,
    number,
    p_value,
    percent,
    signed,
    small,
    uncorrected,
    with_interval,
    write_class,
    write_species,
)


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


def test_a_sentence_begins_with_a_capital_and_keeps_the_others():
    assert begin("ventral adds to dorsal in Parus major.") == "Ventral adds to dorsal in Parus major."
    assert begin("") == ""


def test_sentences_are_renamed_but_parameters_are_not():
    names = ModalityNames("Dorsal", "Ventral")
    assert names.rename("UV lags RGB: raise training.lr_uv") == "Ventral lags Dorsal: raise training.lr_uv"
    assert names.rename("rgb projections, UV1") == "Dorsal projections, UV1"


def test_species_are_written_as_binomials():
    assert write_species("colias_croceus") == "Colias croceus"
    assert write_species("Parus major") == "Parus major"


def test_numbers_have_a_true_minus_sign_and_no_negative_zero():
    assert (number(-0.256), number(-0.0001, 3), number(None), number(12, 0)) == ("−0.26", "0.000", "–", "12")
    assert (signed(-0.05), signed(0.05)) == ("−0.05", "+0.05")
    assert (signed(-0.004), signed(0.004)) == ("0.00", "0.00")
    assert percent(0.624) == "62\u00a0%"
    assert with_interval(0.5, -0.1, 0.7) == "0.50 (−0.10 to 0.70)"
    assert with_interval(0.5, None, None) == "0.50"
    assert with_interval(float("nan"), 0.1, 0.2) == "too few"
    assert interval(0.1, 0.2, number) == " (95\u00a0% interval 0.10 to 0.20)"
    assert interval(float("nan"), 0.2, number) == ""


def test_only_species_are_written_as_binomials():
    assert write_class("species", "parus_major") == "Parus major"
    assert write_class("species", "unlabelled") == "unlabelled"
    assert write_class("drawer", "d_1") == "d_1"


def test_a_small_p_is_not_said_to_be_zero():
    assert p_value(0.0004, "q") == "q < 0.001"
    assert p_value(0.001) == "p = 0.001"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.0004, 3, "< 0.001"), (0.0005, 3, "0.001"), (0.0, 4, "< 0.0001"), (0.048, 3, "0.048"), (None, 3, "–")],
)
def test_a_p_in_a_table_is_never_zero(value, digits, text):
    assert small(value, digits) == text


def test_a_model_of_one_modality_is_spelt_unlike_a_verdict():
    names = ModalityNames("dorsal", "ventral")
    assert [names.model(one) for one in ("uv_only", "rgb_only", "separate", "pca_cca", "species_only")] == [
        *("ventral-only", "dorsal-only", "separate", "PCA + CCA", "known species")
    ]
    assert names.label("uv_only") == "ventral only"


def test_an_interval_beside_a_corrected_p_says_that_it_is_not_corrected():
    assert uncorrected(0.1, 0.2, signed) == " (uncorrected 95\u00a0% interval +0.10 to +0.20)"
    assert uncorrected(float("nan"), 0.2, signed) == ""


def test_bands_of_what_stands_in_for_uv_are_not_called_uv():
    assert ModalityNames("dorsal", "ventral").band("uv", "UV3") == "ventral 3"
    assert ModalityNames("dorsal", "ventral").band("rgb", "R") == "dorsal R"
    assert ModalityNames("dorsal", "ventral").band("uv", "UVA") == "ventral UVA"
    assert ModalityNames("visible", "uv 365").band("uv", "UV1") == "uv 365 UV1"
    assert ModalityNames().band("uv", "UV1") == "UV UV1"
    called = ("UV", "near-uv", "Ultraviolet", "ultravioleta", "ventral")
    assert [ModalityNames(uv=name).has_uv for name in called] == [True, True, True, True, False]
