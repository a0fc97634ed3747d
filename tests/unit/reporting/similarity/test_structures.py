import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.reporting.cells import SeedSpread
from xmodal_pipeline.reporting.embeddings import paired_projections, vectors
from xmodal_pipeline.reporting.similarity.predictability import (
    explain_predictability,
    tabulate_predictability,
)
from xmodal_pipeline.reporting.similarity.structures import (
    _mark_classes,
    describe_alignment,
    draw_similarity,
    find_alignment,
    list_cautions,
    tabulate_measures,
)
from xmodal_pipeline.reporting.style import NothingToDrawError, make_axes, make_figure
from xmodal_pipeline.reporting.words import ModalityNames, write_species

NAMES = ModalityNames()
ALONE = SeedSpread(pd.DataFrame())
FEW = "too few: no species has 4 specimens"
WHOLE = {"headline": "all", "held_fixed": ""}


@pytest.mark.parametrize(
    ("changes", "claim", "words"),
    [
        (
            {},
            True,
            "RGB and UV order specimens moderately alike by their similarity to one another, within species, "
            "beyond what sex gives (Spearman 0.45, 0.11 by sex alone, permutation p = 0.001, n = 20).",
        ),
        (
            {"spearman_within": (0.45, 0.2, 0.1)},
            False,
            "No common order of specimens in RGB and UV is claimed within species, beyond what sex gives",
        ),
        (
            {"held_fixed": "species"},
            True,
            "another, within species, morph not held fixed (Spearman 0.45, perm",
        ),
        ({"held_fixed": "sex"}, True, "to one another, over all pairs, beyond what sex gives (Spearman 0.45"),
        ({"spearman_within": (-0.4, 0.001, 0.0)}, False, "No common order"),
        # Both know the sex, and nothing else: what permutation within the sexes leaves is the same.
        ({"spearman_within": (0.45, 0.04, 0.46)}, False, "No common order"),
        (
            WHOLE | {"strength": "weak"},
            True,
            "weakly alike by their similarity to one another, over all pairs, no label held fixed (Spearman",
        ),
        (
            # Over all pairs, modalities that merely know the species would always seem alike.
            {"spearman_within": FEW},
            False,
            "within species, beyond what sex gives, was not tested: too few: no species has 4 specimens.",
        ),
        (WHOLE | {"spearman": (0.52, 0.3, 0.0)}, False, "claimed over all pairs"),
    ],
)
def test_alignment_is_claimed_by_the_test_that_species_allow(studies, changes, claim, words):
    other = studies.make_difference("separate", 0.0, -0.1, 0.1)
    rows = [other | {"label": label} for label in ("species", "morph")]
    table = studies.tidy([*studies.make_alignment("separate", **changes), *rows])
    (found,) = find_alignment(table, "separate", NAMES)
    assert found.is_claim is claim
    assert words in found.text


def test_only_the_chosen_variant_speaks(studies):
    table = studies.make_comparison()
    is_own = (table["name"] == "concat") & (table["metric"] == "spearman_within")
    (found,) = find_alignment(table.assign(value=table["value"].mask(is_own, 0.37)), "concat", NAMES)
    assert "Spearman 0.37" in found.text
    assert find_alignment(studies.make_comparison(), "rgb_only", NAMES) == []


def test_measures_stand_with_p_and_null_and_baselines_in_brackets(studies):
    rows = [*studies.make_alignment("separate"), *studies.make_alignment("pca_cca", "baseline", cka=FEW)]
    table = tabulate_measures(studies.tidy(rows), "alignment", NAMES, ALONE)
    assert table.header == ("Measure", "separate", "[PCA + CCA]")
    assert table.rows == [
        ("n", "27", "27"),
        ("n used", "20", "20"),
        ("spearman", "0.520", "0.520"),
        ("spearman p value", "0.001", "0.001"),
        ("spearman within", "0.450", "0.450"),
        ("spearman within p value", "0.001", "0.001"),
        ("spearman within null", "0.110", "0.110"),
        ("spearman among", "0.310", "0.310"),
        ("spearman among p value", "0.210", "0.210"),
        ("CKA", "0.610", "too few"),
        ("CKA p value", "0.004", "–"),
        ("CKA null", "0.500", "–"),
        ("mutual k-NN", "0.330", "0.330"),
        ("mutual k-NN p value", "0.300", "0.300"),
        ("mutual k-NN null", "0.300", "0.300"),
        ("headline", "within", "within"),
        ("held fixed", "species, sex", "species, sex"),
        ("strength", "moderate", "moderate"),
    ]


def test_geometry_has_its_n(studies):
    table = tabulate_measures(
        studies.tidy(studies.make_geometry("separate", spread_uv=0.9756, modality_gap=0.2)),
        "geometry",
        NAMES,
        ALONE,
    )
    assert table.rows == [("n", "20"), ("spread UV", "0.976"), ("modality gap", "0.200")]


def test_cautions_are_said_once_under_the_display_names(studies):
    (caution,) = list_cautions(studies.make_comparison(), ModalityNames("Dorsal", "Ventral"))
    assert caution.endswith("ignores that Ventral may follow the tree")


def test_methods_state_the_mantel_tests_that_were_made(studies):
    protocol = EvaluationParams(permutations=499)
    told = describe_alignment(studies.make_comparison(), protocol)
    assert told.endswith(
        "Mantel tests (Mantel 1967; 499 permutations) within species and among species means."
    )
    free = studies.make_alignment("separate", spearman_within="no species", spearman_among="no species")
    assert describe_alignment(studies.tidy(free), protocol).endswith("permutations) over all specimens.")
    few = {"name": "separate", "kind": "variant", "task": "alignment", "reason": "few"}
    assert describe_alignment(studies.tidy([few]), protocol) == ""


def test_predictability_names_target_and_predictor(studies):
    measured = studies.tidy(studies.make_predictability("separate"))
    is_uv = measured["label"] == "r2_uv_given_rgb"
    measured.loc[is_uv & (measured["metric"] == "within"), "value"] = 0.25
    spread = pd.DataFrame(
        [("separate", "predictability", "r2_uv_given_rgb", "within", "", 0.02, 3)],
        columns=["name", "task", "label", "metric", "stratum", "sd", "n_seeds"],
    )
    table = tabulate_predictability(measured, NAMES, SeedSpread(spread))
    assert table.header[2:6] == (
        *("Within species", "Repeatability"),
        *("Within ÷ repeatability", "New species"),
    )
    assert table.rows == [
        ("separate", "UV from RGB", "0.25, SD 0.02", "0.90", "0.34", "too few", "40", "3"),
        ("separate", "RGB from UV", "0.31", "0.90", "0.34", "too few", "40", "3"),
    ]
    assert "Share of the variance of one modality" in table.note
    assert explain_predictability(measured, NAMES) == []


def test_predictability_without_a_number_leaves_its_reason(studies):
    few = "too few: 5 specimens, at least 20 needed"
    nothing = {"within": few, "repeatability": few, "within_corrected": "no repeatability"}
    rows = [row for name in ("separate", "concat") for row in studies.make_predictability(name, **nothing)]
    rows.append(
        {"name": "rgb_only", "kind": "variant", "task": "predictability", "reason": "one modality: rgb"}
    )
    measured = studies.tidy(rows)
    assert tabulate_predictability(measured, NAMES, ALONE).rows == []
    assert explain_predictability(measured, NAMES) == [
        "Predictability of separate, concat: too few: 5 specimens, at least 20 needed; too few: 3 species, "
        "at least 8 needed."
    ]


def test_similarity_is_cosine_of_held_out_captures_ordered_by_species(studies, index):
    table = studies.make_embeddings(index)
    rgb, uv = paired_projections(table)
    assert set(rgb["partition"]) == {"test"}
    figure = draw_similarity(table, index.iloc[::-1])
    order = rgb.assign(species=rgb["capture_id"].map(index.set_index("capture_id")["species"]))
    order = order.sort_values("species", kind="stable").index
    unit = [
        vectors(t.loc[order]) / np.linalg.norm(vectors(t.loc[order]), axis=1, keepdims=True)
        for t in (rgb, uv)
    ]
    for axes, (a, b) in zip(figure.axes, ((0, 0), (1, 1), (0, 1)), strict=False):
        np.testing.assert_allclose(axes.images[0].get_array(), unit[a] @ unit[b].T, atol=1e-5)
        assert axes.images[0].get_clim() == (-1, 1)
    names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert names == sorted(write_species(species) for species in set(index["species"]))


def test_similarity_needs_both_modalities(studies, index):
    with pytest.raises(NothingToDrawError, match="0 held-out captures in both modalities"):
        draw_similarity(studies.make_embeddings(index, ("rgb",)), index)


@pytest.mark.parametrize(
    ("values", "lines", "names"),
    [
        (["a b"] * 6 + ["a c"] * 6, 1, ["a b", "a c"]),
        ([f"a s{i}" for i in range(6)] + [f"c s{i}" for i in range(6)], 1, ["a", "c"]),
        ([f"g{i} s" for i in range(12)], 0, []),
    ],
)
def test_small_classes_stand_together_by_genus_or_unparted(values, lines, names):
    (axes,) = make_axes(make_figure(80, 80))[0]
    _mark_classes(axes, values, with_names=True)
    assert len(axes.get_lines()) == 2 * lines
    assert [t.get_text() for t in axes.get_yticklabels()] == names


def test_the_sentence_names_what_needs_no_training(studies):
    rivals = [
        *studies.make_alignment("untrained_encoder", "baseline", spearman_within=(0.67, 0.001, 0.0)),
        *studies.make_alignment("pca_cca", "baseline", spearman_within=(0.74, 0.001, 0.0)),
        *studies.make_alignment("band_means", "baseline"),
    ]
    table = studies.tidy([*studies.make_alignment("separate"), *rivals])
    (found,) = find_alignment(table, "separate", NAMES)
    assert found.text.endswith("n = 20; untrained encoder 0.67, PCA + CCA 0.74).")
