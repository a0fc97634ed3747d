import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from xmodal_pipeline.reporting.content import ReportTables
from xmodal_pipeline.reporting.explorer import make_explorer
from xmodal_pipeline.reporting.figures import draw_ingest_figures, draw_model_figures
from xmodal_pipeline.reporting.html import ReportContent, build_report
from xmodal_pipeline.reporting.methods import write_methods

from xmodal_pipeline.reporting import html, printing


class Page(HTMLParser):
    """What a reader sees, what the page would load, and how its tables and images are built."""

    def __init__(self, text):
        super().__init__()
        self.words, self.loads, self.ids, self.images, self.anchors = [], [], set(), [], []
        self.tags = []
        self._hidden = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        self._hidden = tag if tag in ("style", "script") else self._hidden
        self.loads += [given[key] for key in ("src", "srcset", "data", "poster") if key in given]
        if tag == "link":
            self.loads.append(given["href"])
        if tag == "img":
            self.images.append(given.get("alt", ""))
        if tag == "a":
            self.anchors.append(given["href"])
        self.ids.add(given.get("id"))

    def handle_endtag(self, tag):
        if tag == self._hidden:
            self._hidden = None

    def handle_data(self, data):
        if self._hidden is None and data.strip():
            self.words.append(data.strip())

    @property
    def text(self):
        return " ".join(self.words).replace("\u00a0", " ")


def build(tables, coordinates=None, **content):
    return Page(build_report(ReportContent(tables, **content)))


@pytest.fixture(scope="module")
def full(studies, index, coordinates):
    tables = studies.make_tables()
    prepared = studies.make_prepared(index)
    figures = [
        *draw_ingest_figures(tables, studies.make_thumbnails(index)),
        *draw_model_figures(tables, coordinates, images=prepared),
    ]
    return build_report(ReportContent(tables, figures, make_explorer(coordinates, index, *prepared)))


def test_nothing_is_loaded_from_outside(full):
    page = Page(full)
    assert page.loads
    assert all(address.startswith("data:") for address in page.loads)
    assert all(address.startswith("#") for address in page.anchors)
    styles = "".join(re.findall(r"<style>(.*?)</style>", full, flags=re.DOTALL))
    assert "@import" not in styles
    assert "url(" not in styles
    assert "default-src 'none'" in full


def test_size_stays_below_the_limit(full):
    assert len(full.encode()) < 12 * 1024 * 1024


def test_a_report_above_the_limit_is_refused(studies, monkeypatch):
    monkeypatch.setattr(html, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match=r"report: size must be at most 1000 bytes, got \d+; lower"):
        build(studies.make_tables())


def test_every_section_has_its_figures_and_a_link(full):
    page = Page(full)
    for anchor in page.anchors:
        assert anchor[1:] in page.ids
    data = ("contact_sheet", "registration", "bands", "class_balance")
    for name in (
        *data,
        "training",
        "retrieval",
        "retrieval_warped",
        "gallery",
        "classification",
        "uv_value",
        "umap",
        "similarity",
    ):
        assert f"figure-{name}" in page.ids
    assert "distances between clusters are not evidence" in page.text
    assert "Contact sheet, page 2 of 3" in page.text
    assert [tag for tag, _ in page.tags].count("figure") > 10


def test_images_have_words_and_tables_have_heads(full):
    page = Page(full)
    assert all(len(alt) > 40 for alt in page.images)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table") == tags.count("thead")
    assert {given.get("scope") for tag, given in page.tags if tag == "th"} == {"col", "row"}
    assert ("html", {"lang": "en"}) in page.tags


def test_tables_hold_the_numbers(full):
    text = Page(full).text
    assert "0.55 (0.43 to 0.67)" in text
    assert "EMPTY_MASK Draw the mask, or choose another specimens.mask. the mask selects no pixel 2" in text
    assert "Colias croceus sex UV only 12 + 12 0.55 0.96 0.97 6.10 (2.40 to 11.00) 0.0002 0.002" in text
    assert "MODALITY_DOMINATES" in text
    assert "60 captures of 60 specimens (5 species, 29 female, 30 male, 1 of unknown sex)" in text


def test_display_names_stand_everywhere(studies, index, coordinates, monkeypatch):
    drawn = []
    write = printing.figure_bytes

    def read_and_write(figure, ending):
        drawn.extend(text.get_text() for text in figure.findobj(Text))
        return write(figure, ending)

    monkeypatch.setattr(printing, "figure_bytes", read_and_write)
    parameters = {"specimens": {"rgb_name": "Dorsal", "uv_name": "Ventral"}}
    quality = studies.make_quality(index).replace({"UV1": "b1", "UV2": "b2"})
    histograms = studies.make_histograms().replace({"UV1": "b1", "UV2": "b2"})
    tables = studies.make_tables(parameters, quality_report=quality, band_histograms=histograms)
    figures = [*draw_ingest_figures(tables), *draw_model_figures(tables, coordinates)]
    page = build(tables, figures=figures)
    assert "What Ventral shows that Dorsal does not" in page.text
    assert "From the Dorsal photograph" in page.text
    seen = page.text + " ".join(page.images)
    assert re.findall(r"\b(?:RGB|UV)\b", seen) == []
    assert "Ventral: b1" in drawn
    assert re.findall(r"\b(?:RGB|UV)\b", " ".join(drawn)) == []


@pytest.mark.parametrize(
    ("units", "is_marked"), [("uncalibrated", True), ("relative", False), ("reflectance", False)]
)
def test_uncalibrated_studies_say_so_and_never_say_reflectance(studies, units, is_marked):
    tables = studies.make_tables(specimen_index=studies.make_index(units=units))
    page = build_report(ReportContent(tables, draw_ingest_figures(tables)))
    assert ("Uncalibrated." in page) is is_marked
    assert ("reflectance" in page.lower()) is not is_marked
    if units == "reflectance":
        assert "calibrated to reflectance" in page


def test_one_uncalibrated_capture_makes_the_study_uncalibrated(studies):
    index = studies.make_index(units="reflectance")
    index.loc[5, "colour_units"] = "uncalibrated"
    assert studies.make_tables(specimen_index=index).colour_units == "uncalibrated"


def test_one_seed_is_called_exploratory(studies):
    assert "One seed: exploratory." in build(studies.make_tables()).text
    assert "exploratory" not in build(studies.make_tables(seeds=(0, 1, 2))).text


def test_without_claims_nothing_is_claimed(studies):
    comparison = studies.make_comparison().assign(low=0.0)
    metrics = {"separate": studies.make_metrics(uv_minus_rgb=(0.01, -0.1, 0.12))}
    metrics["separate"]["alignment"]["p_value_within"] = 0.4
    silent = studies.make_tables(
        comparison=comparison, metrics=metrics, uv_value=studies.make_uv_value().iloc[[2, 4]]
    )
    text = build(silent).text
    assert "Nothing is claimed." in text
    assert "What the data show" not in text
    loud = build(studies.make_tables()).text
    assert "Nothing is claimed." not in loud
    assert "In Colias croceus, UV adds to RGB about sex" in loud


def test_a_study_without_labels_or_training_still_has_a_report(studies):
    index = studies.make_index().head(8)[["capture_id", "specimen_id", "sha256", "colour_units", "flags"]]
    tables = ReportTables(studies.make_tables().parameters, index)
    figures = [
        *draw_ingest_figures(tables),
        *draw_model_figures(tables, pd.DataFrame(), reason="8 points are too few for a UMAP (at least 10)"),
    ]
    page = build(tables, figures=figures)
    for line in (
        "Nothing is claimed.",
        "Specimens per class not shown: no capture has the label species.",
        "UMAP not shown: 8 points are too few for a UMAP (at least 10).",
        "Retrieval across the modalities not shown: no retrieval across the modalities was measured.",
        "Registration not shown: registration was off, so no shift was measured.",
        "No model was trained.",
    ):
        assert line in page.text
    assert page.images == []


def test_labels_cannot_break_out_of_the_page(studies, index, coordinates):
    evil = index.assign(species=index["species"].replace("Parus major", "</script><script>alert(1)</script>"))
    explorer = make_explorer(coordinates, evil, studies.make_prepared(index))
    page = build_report(ReportContent(studies.make_tables(specimen_index=evil), (), explorer))
    assert "alert(1)" in page
    assert "<script>alert" not in page


def test_methods_quote_the_parameters_and_the_data(studies):
    parameters = {
        "training": {"backbone": "resnet50", "seed": 4},
        "evaluation": {"minimum_n": 7},
        "split": {"seed": 9},
    }
    text = build(studies.make_tables(parameters, seeds=(4,))).text
    for words in (
        "We analysed 60 captures of 60 specimens",
        "3 further captures were rejected (EMPTY_MASK 2, UNREADABLE 1)",
        "Bands are relative to a standard",
        "19 corrected, 14 ",
        "divided at random within species (seed 9) into",
        "resnet50",
        "seed 4); the last epoch whose validation recall@1 was within one standard error of the best was",
        "at least 7 specimens per class",
        "over all species, labels and views; features: colour, reduced to at most 5 components",
        "data SHA-256",
    ):
        assert words in text
    few = {"separate": studies.make_history().assign(validation_recall_at_1=np.nan)}
    assert "); the last epoch was kept." in build(studies.make_tables(histories=few)).text


def test_methods_follow_settings_that_are_not_the_default(studies):
    parameters = {
        "split": {"held_out": "species", "seed": 3},
        "specimens": {"confounders": ["session", "year"]},
        "registration": {"rig": "camera"},
    }
    tables = studies.make_tables(parameters)
    qa = tables.registration_qa.assign(rotation_deg=0.0, scale=1.0)
    qa.loc[qa.index[:2], ["rotation_deg", "scale"]] = [[0.7, 1.0], [0.0, 1.02]]
    text = build(studies.make_tables(parameters, registration_qa=qa)).text
    assert "divided at random, each species in one part, (seed 3) into" in text
    assert "classes compared within session, year" in text
    assert "a rotation or another scale was found in 2 of them; captures of one camera shared" in text


def test_methods_name_what_training_used_and_nothing_else(studies):
    loss = {
        "adaptive_temperature": True,
        "curriculum": "cosine",
        "curriculum_end": {"cross_modal": 0.9, "intra_modal": 0.1},
        "joint_mode": "comm",
    }
    special = studies.make_tables({"training": {"lr_uv": 3e-4, "lr_rgb": 2e-3}, "loss": loss})
    text, usual = write_methods(special), write_methods(studies.make_tables())
    for words in (
        "learning rate 0.001, 0.002 in the RGB encoder, 0.0003 in the UV encoder, batch 32",
        "temperatures learnt from 0.1 on, one per term",
        "weights from 0.2 to 0.9 cross-modal (InfoNCE, Radford et al. 2021), from 0.8 to 0.1 intra-modal "
        "(NT-Xent, Chen et al. 2020) along half a cosine over the training, "
        "0.5 joint (CoMM, Dufumier et al. 2025)",
        "Dufumier et al. 2025, arXiv:2409.07402",
    ):
        assert words in text
    assert (
        "learning rate 0.001, batch 32, temperature 0.1, "
        "weights 1 cross-modal (InfoNCE, Radford et al. 2021), "
        "0.5 intra-modal (NT-Xent, Chen et al. 2020), 0.5 joint; seed" in usual
    )
    assert "Dufumier" not in usual
    baseline = write_methods(
        studies.make_tables({"loss": loss}, histories={"rgb_only": studies.make_history()})
    )
    assert "batch 32, NT-Xent, Chen et al. 2020, temperatures learnt" in baseline
    assert "Radford" not in baseline


def test_methods_state_the_mantel_tests_that_were_made(studies):
    text = write_methods(studies.make_tables({"evaluation": {"permutations": 499}}))
    assert "Mantel tests (Mantel 1967; 499 permutations) within species and among species means." in text
    assert text.endswith("J. R. Stat. Soc. B 57:289.")
    unlabelled = {"separate": {"alignment": {"p_value": 0.01, "p_value_within": {"not_applicable": "none"}}}}
    assert "permutations) over all specimens." in write_methods(studies.make_tables(metrics=unlabelled))
    none = write_methods(studies.make_tables(metrics={"separate": {"alignment": {"not_applicable": "few"}}}))
    assert "Mantel" not in none


def test_numbers_stand_under_their_protocol(studies):
    page = build(studies.make_tables({"evaluation": {"protocol": "quick", "folds": 4, "bootstraps": 50}}))
    line = "Protocol quick: 4 folds, C from 3 values in 3 inner folds, 50 bootstraps"
    assert page.text.count(line) >= 2


def test_views_of_a_test_of_uv_are_told_apart(studies):
    table = studies.make_uv_value()
    two = pd.concat([table.assign(view="dorsal"), table.assign(view="ventral")], ignore_index=True)
    text = build(studies.make_tables(uv_value=two)).text
    label = table["label"].iloc[0]
    for view in ("dorsal", "ventral"):
        assert f"about {label} ({view}) (" in text
    assert "measured by colour" in text


def test_data_hash_ignores_order_and_follows_content(studies):
    index = studies.make_index()
    same = html.hash_captures(index.sample(frac=1, random_state=np.random.RandomState(0)))
    assert same == html.hash_captures(index)
    index.loc[0, "sha256"] = "f" * 64
    assert same != html.hash_captures(index)
