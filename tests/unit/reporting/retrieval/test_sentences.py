import pandas as pd
import pytest

from xmodal_pipeline.evaluation.schema import OPPOSITE_VIEWS
from xmodal_pipeline.reporting.cells import SeedSpread
from xmodal_pipeline.reporting.embeddings import ChosenVariant
from xmodal_pipeline.reporting.retrieval.sentences import find_retrieval, say_retrieval, tabulate_searches
from xmodal_pipeline.reporting.words import ModalityNames

NAMES = ModalityNames()
ALONE = SeedSpread(pd.DataFrame())
SEPARATE = ChosenVariant("separate")
STRONG = (0.32, 0.1, 0.5, 0.02)
WAYS = ("rgb_to_uv", "uv_to_rgb")


def differences(studies, task="retrieval", **baselines):
    return pd.concat([studies.make_differences(task, label=way, **baselines) for way in WAYS])


def found(studies, table=None, **baselines):
    table = studies.make_comparison() if table is None else table
    first, *_ = find_retrieval(table, differences(studies, **baselines), "separate", NAMES)
    return first


def test_a_gallery_is_judged_against_chance_and_every_baseline(studies):
    above = found(studies, silhouette=STRONG, band_means=(0.5, 0.3, 0.7, 0.001))
    assert above.is_claim
    assert above.text == (
        "As photographed, the model separate finds matches above chance (corrected p = 0.004), above "
        "each of 2 baselines."
    )
    alone = found(studies, silhouette=STRONG)
    assert alone.text.endswith(", above the one baseline.")
    nothing = found(studies)
    assert not nothing.is_claim
    assert nothing.text.endswith("no baseline was measured beside it.")


@pytest.mark.parametrize(
    ("rival", "relation"),
    [
        ((0.1, -0.1, 0.3, 0.4), "not shown to differ from"),
        ((0.1, 0.01, 0.3, 0.2), "not shown to differ from"),
        ((-0.3, -0.5, -0.1, 0.2), "not shown to differ from"),
        ((-0.3, -0.5, -0.1, 0.051), "not shown to differ from"),
        ((-0.3, -0.5, -0.1, 0.05), "below"),
        ((-0.3, -0.5, 0.0, 0.01), "not shown to differ from"),
    ],
)
def test_a_difference_in_either_direction_needs_a_corrected_p(studies, rival, relation):
    beside = found(studies, band_means=STRONG, pixels=rival)
    assert not beside.is_claim
    value, p = f"{0.62 - rival[0]:.2f}", f"{rival[3]:.3f}"
    assert f", {relation} pixels ({value}; corrected p = {p})." in beside.text


def test_the_sentence_names_pca_cca_the_strongest_open_rival_and_known_species(studies):
    beside = found(
        studies,
        pixels=(0.2, -0.1, 0.5, 0.4),
        silhouette=(0.1, -0.1, 0.3, 0.5),
        band_means=STRONG,
        species_only=(-0.3, -0.4, -0.2, 0.01),
        pca_cca=STRONG,
    )
    assert not beside.is_claim
    assert beside.text.endswith(
        "above PCA + CCA (0.30; corrected p = 0.020), not shown to differ from silhouette (0.52; corrected "
        "p = 0.500), below known species (0.92; corrected p = 0.010)."
    )
    without = found(studies, band_means=STRONG, species_only=(0.1, -0.02, 0.3, 0.2))
    assert not without.is_claim
    assert without.text.endswith(", not shown to differ from known species (0.52; corrected p = 0.200).")


def test_directions_that_differ_are_told_apart(studies):
    rows = [
        studies.make_differences(label="rgb_to_uv", pca_cca=(-0.3, -0.5, -0.1, 0.01)),
        studies.make_differences(label="uv_to_rgb", pca_cca=(0.1, -0.1, 0.3, 0.4)),
    ]
    first, _ = find_retrieval(studies.make_comparison(), pd.concat(rows), "separate", NAMES)
    assert first.text.endswith(
        "from RGB below and from UV not shown to differ from PCA + CCA (0.92 and 0.52; corrected "
        "p = 0.010 and p = 0.400)."
    )
    first, _ = find_retrieval(studies.make_comparison(), rows[0], "separate", NAMES)
    assert "from UV not compared with PCA + CCA" in first.text


def test_chance_is_tested_over_both_directions_and_galleries(studies):
    table = studies.make_comparison()
    is_first = (table["metric"] == "recall@1") & (table["name"] == "separate")
    table.loc[is_first, "p"] = [0.013, 0.03, 0.011, 0.5]
    plain, warped = find_retrieval(table, differences(studies, band_means=STRONG), "separate", NAMES)
    assert "finds matches above chance from RGB alone (corrected p = 0.044), above the one" in plain.text
    assert plain.is_claim
    assert "Warped, the model separate finds matches above chance from RGB alone" in warped.text
    table.loc[is_first, "p"] = [0.013, 0.011, 0.04, 0.5]
    _, warped = find_retrieval(table, differences(studies, band_means=STRONG), "separate", NAMES)
    assert warped.text == "Warped, the model separate is not shown to find matches above chance (5\u00a0%)."
    assert not warped.is_claim


def test_the_table_sets_pca_cca_and_known_species_beside_every_search(studies):
    spread = SeedSpread(
        pd.DataFrame(
            [("separate", "retrieval", "rgb_to_uv", "recall@1", "", 0.06, 5)],
            columns=["name", "task", "label", "metric", "stratum", "sd", "n_seeds"],
        )
    )
    rows = differences(studies, pca_cca=(0.3, 0.1, 0.5, 0.0004), band_means=STRONG)
    chosen = SEPARATE._replace(linear_share=0.25)
    table = tabulate_searches(studies.make_comparison(), rows, chosen, ModalityNames("D", "V"), spread)
    assert table.caption.replace("\u00a0", " ") == (
        "Share of 20 queries whose match comes first: the model separate, of whose similarity "
        "25 % is PCA + CCA"
    )
    assert table.header[-2:] == ("Model minus PCA + CCA (uncorrected 95 % interval)", "corrected p")
    assert table.rows[0] == (
        *("D → V", "0.55 (0.43 to 0.67), SD 0.06", "0.05", "0.30", "0.25"),
        *("0.30 (0.10 to 0.50)", "< 0.001"),
    )
    assert table.rows[3][0] == "V → D, warped"
    assert table.rows[3][-2:] == ("–", "–")


def headline(studies, table, chosen=SEPARATE, **baselines):
    rows = [differences(studies, task, **baselines) for task in ("retrieval", OPPOSITE_VIEWS)]
    return say_retrieval(table, pd.concat(rows), chosen, NAMES).replace("\u00a0", " ")


def test_the_headline_names_both_galleries_chance_and_baselines(studies):
    table = studies.make_comparison()
    start = "From one photograph of a held-out specimen, the model separate"
    first = "finds the other first in 55 % (from RGB) and 51 % (from UV) of 20 searches"
    assert headline(studies, table, band_means=STRONG, silhouette=STRONG) == (
        f"{start} {first}, above each of 2 baselines; warped, in 28 % and 26 %, above each of 2 baselines. "
        "Chance is 5 %."
    )
    share = SEPARATE._replace(linear_share=0.75)
    assert headline(studies, table, share, pca_cca=(-0.1, -0.3, 0.1, 0.4), band_means=STRONG) == (
        f"{start}, of whose similarity 75 % is PCA + CCA, {first}, not shown to differ from PCA + CCA "
        "(72 %); warped, in 28 % and 26 %, not shown to differ from PCA + CCA (72 %). Chance is 5 %."
    )
    luck = table.assign(p=0.03)
    assert headline(studies, luck, band_means=STRONG) == (
        f"{start} {first}, not shown to be above chance in both directions; warped, in 28 % and 26 %, not "
        "shown to be above chance in both directions. Chance is 5 %."
    )


@pytest.mark.parametrize(("share", "is_said"), [(0.79, False), (0.8, True), (0.95, True)])
def test_nearly_one_specimen_per_species_is_said(studies, share, is_said):
    table = studies.make_comparison()
    table.loc[(table["name"] == "species_only") & (table["k"] == 1), "value"] = share
    species = f"; the 20 specimens are of {20 * share:.0f} species"
    end = f"{species}, so this is little more than recognising the species."
    assert headline(studies, table, band_means=STRONG).endswith(end) is is_said


def test_nothing_measured_is_silent(studies):
    nothing = studies.make_comparison().iloc[:0]
    rows = studies.make_differences()
    assert say_retrieval(nothing, rows, ChosenVariant(), NAMES) == ""
    assert find_retrieval(nothing, rows, "", NAMES) == []
    assert tabulate_searches(nothing, rows, ChosenVariant(), NAMES, ALONE).rows == []
