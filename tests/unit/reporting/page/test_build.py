import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.params.train import LossParams
from xmodal_pipeline.reporting import figure as printing
from xmodal_pipeline.reporting.embeddings import ChosenVariant
from xmodal_pipeline.reporting.page import build
from xmodal_pipeline.reporting.retrieval.gallery import picture_gallery
from xmodal_pipeline.reporting.section import Chapter, Finding, Section, join_sections, table_of
from xmodal_pipeline.reporting.similarity.umap import MappedCaptures


class Page(HTMLParser):
    """What a reader sees, what the page would load, and how its tables and images are built."""

    def __init__(self, text):
        super().__init__()
        self.words, self.loads, self.ids, self.images, self.anchors = [], [], set(), [], []
        self.tags, self.unfolded, self.styled = [], [], {}
        self._hidden, self._folds, self._element = None, [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        self._element = tag
        self._hidden = tag if tag in ("style", "script", "title") else self._hidden
        if tag == "details":
            self._folds.append("open" in given)
        self.loads += [given[key] for key in ("src", "srcset", "data", "poster") if key in given]
        if tag == "link":
            self.loads.append(given["href"])
        if tag == "img":
            self.images.append(given.get("alt", ""))
        if tag == "a":
            self.anchors.append(given["href"])
        self.ids.add(given.get("id"))

    def handle_endtag(self, tag):
        self._element = ""
        if tag == self._hidden:
            self._hidden = None
        if tag == "details":
            self._folds.pop()

    def handle_data(self, data):
        if self._hidden is None and data.strip():
            self.words.append(data.strip())
            self.styled.setdefault(self._element, []).append(data.strip())
            if all(self._folds):
                self.unfolded += data.split()

    @property
    def text(self):
        """As it is read: a mark inside a sentence leaves no blank before what follows it."""
        return re.sub(r" ([.,;:)])", r"\1", " ".join(self.words).replace("\u00a0", " ")).replace("( ", "(")


@pytest.fixture(scope="module")
def given(studies, index, mapped):
    """What the report of a whole study is made from, with its names changed."""
    study = studies.make_study(rgb_name="Dorsal", uv_name="Ventral")
    chosen, parameters = studies.make_chosen(index), Parameters()
    tables = {
        "chosen_variant": chosen,
        "mapped_captures": mapped,
        "prepared": studies.make_prepared(index),
        "quality_report": studies.make_quality(index).replace({"UV1": "b1", "UV2": "b2"}),
    }
    return study, parameters, tables


@pytest.fixture(scope="module")
def drawn(given, studies, index):
    """The whole report, and every text in its figures."""
    study, parameters, tables = given
    texts, write = [], printing.figure_bytes

    def read_and_write(figure, ending):
        texts.extend(text.get_text() for text in figure.findobj(Text))
        # No page shows a PDF, and they take most of the drawing.
        return b"" if ending == "pdf" else write(figure, ending)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "figure_bytes", read_and_write)
        figures = studies.draw_data(study, studies.make_tables(**tables), parameters)
        figures["gallery"] = picture_gallery(
            study, tables["chosen_variant"], tables["prepared"], index, parameters.reporting
        )
        sections = studies.make_sections(study, **tables, **figures)
    pages = studies.make_page(study, sections, **tables), studies.make_appendix(study, sections, **tables)
    return sections, *pages, texts


@pytest.fixture(scope="module")
def full(drawn):
    return drawn[1]


@pytest.fixture(scope="module")
def appendix(drawn):
    return drawn[2]


def plain_maker(studies, make):
    def build_plain(study=None, parameters=None, **changes):
        with pytest.MonkeyPatch.context() as patch:
            # What a page says is looked at here; drawing would take ten times as long.
            patch.setattr(printing, "WIDTHS_MM", {})
            study = study or studies.make_study()
            parameters = Parameters.model_validate(parameters or {})
            sections = studies.make_sections(study, parameters, **changes)
            return make(study, sections, parameters, **changes)

    return build_plain


@pytest.fixture(scope="module")
def plain(studies):
    """Builds the page of a study whose figures are not drawn."""
    return plain_maker(studies, studies.make_page)


@pytest.fixture(scope="module")
def plain_appendix(studies):
    """Builds its appendix."""
    return plain_maker(studies, studies.make_appendix)


def test_nothing_is_loaded_from_outside(full, appendix):
    for text in (full, appendix):
        page = Page(text)
        assert page.loads
        assert all(address.startswith("data:") for address in page.loads)
        assert all(re.match(r"#|(report|appendix)\.html(#|$)", address) for address in page.anchors)
        styles = "".join(re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL))
        assert "@import" not in styles
        assert "url(" not in styles
        assert "default-src 'none'" in text


def test_the_report_is_short_unfolded(full):
    """At most 2,500 words; what is folded is not counted."""
    folded = Page("<p>one two</p><details><summary>three</summary>four</details><script>five</script>")
    assert folded.unfolded == ["one", "two"]
    assert 500 < len(Page(full).unfolded) <= 2500


def test_size_stays_below_the_limit(full):
    assert len(full.encode()) < 12 * 1024 * 1024


def test_a_report_above_the_limit_is_refused(plain, monkeypatch):
    monkeypatch.setattr(build, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match=r"report: size must be at most 1000 bytes, got \d+; lower"):
        plain()


def test_every_question_has_its_figures_and_every_link_a_target(full, appendix):
    report, more = Page(full), Page(appendix)
    for anchor in report.anchors:
        file, _, key = anchor.rpartition("#")
        assert anchor == "appendix.html" or key in (more.ids if file else report.ids)
    assert [given["id"] for tag, given in report.tags if tag == "section"] == [
        *("images", "retrieval", "traits", "uv_value", "trust", "explore"),
    ]
    assert [given["id"] for tag, given in more.tags if tag == "section"] == [
        *("registration", "colour", "retrieval", "similarity", "classification", "uv_value"),
        *("training", "labels", "umap", "methods", "settings"),
    ]

    def figures(page):
        return [given["id"].removeprefix("figure-") for tag, given in page.tags if tag == "figure" if given]

    assert figures(report) == [
        *("uv_value", "contact_sheet", "retrieval", "gallery", "classification", "uv_maps"),
    ]
    assert figures(more) == [
        *("registration", "bands", "retrieval_warped", "similarity", "training", "class_balance", "umap"),
    ]
    assert "distances between clusters are not evidence" in report.text
    assert "Contact sheet, page 2 of 3" in report.text


def test_the_first_screen_answers_in_three_sentences(full):
    first = full[: full.index('<section id="images">')]
    headlines = re.search(r'<ul class="headlines">(.*?)</ul>', first, re.DOTALL)[1]
    begun = [re.sub("<[^>]+>", "", one).strip()[:34] for one in headlines.split("</li>")[:-1]]
    assert begun == [
        "Ventral shows more of the sexes th",
        "Sex is easier to read from Ventral",
        "From one photograph of a held-out ",
    ]
    assert "figure-uv_value" in first
    facts = re.findall(r'<a class="tag" href="#trust">(.*?)</a>', first)
    assert facts == ["Photographed specimens", "Colour relative to a standard", "One seed: exploratory"]
    assert first.count("</div>") == first.count("<dd>") > 6


def test_every_table_and_figure_names_its_file(full, appendix):
    for text in (full, appendix):
        assert text.count("data/08_reporting/demo/figures/") == text.count("<figure id=")
    files = Page(full).text + Page(appendix).text
    assert "figures/uv_value_*.pdf from data/07_model_output/demo/uv_value.csv" in files
    assert "data/03_primary/demo/rejected_captures.parquet" in files


def test_no_raw_key_stands_in_a_sentence(full):
    """Files and settings that advice names apart, which have a folder or a group before them."""
    text = re.sub(r"\S*[/.]\S*_\S*", "", Page(full).text)
    assert re.findall(r"\b[a-z]+_\w+", text) == []


def test_terms_are_explained_where_they_are_read_first_and_listed(full):
    page = Page(full)
    explained = [given["aria-describedby"] for tag, given in page.tags if tag == "dfn"]
    assert {"term-held-out", "term-baseline", "term-chance", "term-mean-colour"} <= set(explained)
    assert set(explained) <= page.ids
    for section in re.findall(r"<section.*?</section>", full, re.DOTALL):
        keys = re.findall(r'aria-describedby="(.*?)"', section)
        assert len(keys) == len(set(keys))


def test_species_are_in_italics_and_nothing_else_is(full):
    assert set(Page(full).styled["em"]) == {"Colias croceus", "Gonepteryx rhamni", "Parus major"}


def test_images_have_words_and_tables_have_heads(full):
    page = Page(full)
    assert all(len(alt) > 40 for alt in page.images)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table") == tags.count("thead")
    assert {given.get("scope") for tag, given in page.tags if tag == "th"} == {"col", "row"}
    assert ("html", {"lang": "en"}) in page.tags


def test_tables_hold_the_numbers(plain, plain_appendix):
    text, more = Page(plain()).text, Page(plain_appendix()).text
    assert "0.55 (0.43 to 0.67)" in more
    assert "EMPTY_MASK Draw the mask, or choose another specimens.mask. the mask selects no pixel 2" in text
    row = (
        "Colias croceus sex mean colour UV only 12 + 12 0.55 0.62 0.96 0.97 1.80 6.10 (2.40 to 11.00) 0.0002"
    )
    assert row in more
    assert "MODALITY_DOMINATES" in text
    assert "60 captures of 60 specimens (5 species, 29 female, 30 male, 1 of unknown sex)" in more


def test_the_header_counts_what_went_in_and_the_flags_by_code(plain, index):
    text = Page(plain()).text
    counts = "captures 60 specimens 60 species 5 female 29 male 30 of unknown sex 1 rejected 3"
    assert counts in text
    flags = ["SATURATED;OUT_OF_RANGE"] * 2 + ["SATURATED"] + [""] * 57
    text = Page(plain(specimen_index=index.assign(flags=flags))).text
    assert f"{counts} SATURATED 3 OUT_OF_RANGE 2" in text


def test_display_names_stand_everywhere(drawn):
    _, full, appendix, texts = drawn
    page = Page(full)
    assert "What Ventral shows beyond Dorsal" in page.text
    assert "Dorsal → Ventral, warped" in page.text
    stands_in = "Ventral stands in for UV: unless it is ultraviolet, nothing here concerns ultraviolet light."
    assert page.text.count(stands_in) == 1
    for one in (page, Page(appendix)):
        shown = one.text.replace("specimens.uv_name Ventral", "").replace(stands_in, "")
        assert re.findall(r"\b(?:RGB|UV)\b", shown + " ".join(one.images)) == []
    assert "Ventral 1" in texts
    assert re.findall(r"\b(?:RGB|UV)\d?\b", " ".join(texts)) == []


@pytest.mark.parametrize(
    ("units", "is_marked"), [("uncalibrated", True), ("relative", False), ("reflectance", False)]
)
def test_uncalibrated_studies_say_so_and_never_say_reflectance(
    plain, plain_appendix, studies, units, is_marked
):
    page, appendix = plain(studies.make_study(units)), plain_appendix(studies.make_study(units))
    assert ("Uncalibrated.</strong>" in page) is is_marked
    assert ("reflectance" in page.lower()) is (units == "reflectance")
    assert ("reflectance" in appendix.lower()) is not is_marked
    assert ("Settings that only calibrated captures use are left out." in appendix) is is_marked
    # Images and what UV adds.
    assert page.count('<span class="tag">uncalibrated</span>') == 2 * is_marked


def test_one_seed_is_called_exploratory_where_no_spread_is_known(plain, plain_appendix):
    page = Page(plain())
    assert "One seed: exploratory." in page.text
    assert "concat (one seed: exploratory)" not in Page(plain_appendix()).text
    rows = [("separate", "test", "retrieval", "rgb_to_uv", "recall@1", "", 0.5, 0.031, 5)]
    columns = ["name", "partition", "task", "label", "metric", "stratum", "mean", "sd", "n_seeds"]
    known = {"known_seed_spread": pd.DataFrame(rows, columns=columns)}
    spread = Page(plain(**known)).text
    assert "One seed: exploratory." not in spread
    assert "concat (one seed: exploratory)" in Page(plain_appendix(**known)).text
    assert "standard deviation (SD) between 5 seeds" in spread
    # What UV adds, whose median over seeds is a table of its own, keeps the mark.
    assert (plain().count("exploratory</span>"), plain(**known).count("exploratory</span>")) == (3, 1)


def test_without_claims_nothing_is_claimed(plain, studies):
    comparison = studies.make_comparison(uv_minus_rgb=(0.01, -0.1, 0.12))
    comparison.loc[comparison["task"] == "retrieval", "low"] = 0.0
    comparison.loc[comparison["task"] == "retrieval_opposite_views", "low"] = 0.0
    comparison.loc[comparison["task"] == "alignment", "p"] = 0.4
    text = Page(plain(comparison=comparison, uv_value=studies.make_uv_value().iloc[[2, 4]])).text
    assert "Nothing is claimed." in text
    assert "How often a sentence is wrong." not in text
    quiet = Page(plain(uv_value=studies.make_uv_value().iloc[[2, 4]])).text
    assert "Nothing is claimed about what UV adds." in quiet
    assert "Nothing is claimed." not in quiet
    loud = Page(plain()).text
    assert "Nothing is claimed" not in loud
    assert "How often a sentence is wrong. Sentences of one kind" in loud
    assert "In Colias croceus, UV adds about sex" in loud


def test_headlines_and_methods_have_an_order_of_their_own_and_claims_come_first(studies, index):
    sections = [
        Section("retrieval", "Q", headline="Third.", methods={"retrieval": "C."}),
        Section("traits", "Q", headline="Second.", findings=(Finding("Not.", False), Finding("Yes.", True))),
        Section("uv_value", "Q", headline="First."),
    ]
    html = studies.make_page(studies.make_study(), sections)
    assert re.findall(r"<li>(\w+\.)</li>", html) == ["First.", "Second.", "Third.", "Yes.", "Not."]
    methods = [Section("a", methods={"uv_value": "B."}), Section("b", methods={"rejects": "A.", "split": ""})]
    assert build.write_methods(methods, index).startswith("A. B. Software: Python 3")


def test_shares_of_a_section_stand_together():
    first = Section("data", "Data", "Lead.", tables=(table_of("One", ["a"], [["1"]], 1),), tags=("x",))
    other = Section(
        "data",
        "Other",
        tables=(table_of("Two", ["a"], [["2"]], 1),),
        tags=("x", "y"),
        chapters=(Chapter("more", "More"),),
    )
    data, umap = join_sections([first, Section("umap", "Maps"), Section("planted"), other])
    assert (data.title, data.lead, data.tags, umap.key) == ("Data", "Lead.", ("x", "y"), "umap")
    assert [table.caption for table in data.tables] == ["One", "Two"]
    assert [chapter.key for chapter in data.chapters] == ["more"]


def test_what_is_missing_leaves_its_reason(plain, plain_appendix, studies):
    """A study without labels or training still has a report."""
    index = studies.make_index().head(8)[["capture_id", "specimen_id", "sha256", "colour_units", "flags"]]
    nothing = {
        "specimen_index": index,
        "histories": studies.make_histories().iloc[:0],
        "comparison": studies.make_comparison().iloc[:0],
        "uv_value": studies.make_uv_value().iloc[:0],
        "uv_maps": studies.make_uv_maps().iloc[:0],
        "diagnostics": pd.DataFrame(columns=["code", "variant", "finding", "advice"]),
        "chosen_variant": ChosenVariant(),
        "mapped_captures": MappedCaptures(reason="8 points are too few for a UMAP (at least 10)"),
    }
    page = Page(plain(**nothing))
    assert "No model was trained." in Page(plain_appendix(**nothing)).text
    for line in (
        "Nothing is claimed.",
        "Explorer: not shown, as 8 points are too few for a UMAP (at least 10).",
        "no diagnostic was raised.",
    ):
        assert line in page.text
    assert page.images == []


def test_a_figure_that_was_not_drawn_says_why_and_an_empty_section_that_it_is(studies):
    missing = printing.ReportFigure("umap", "UMAP", "", reason="too few points")
    sections = [Section("umap", "Maps", "Lead.", figures=(missing,)), Section("empty", "Empty", "Lead.")]
    text = Page(studies.make_page(studies.make_study(), sections)).text
    assert "Maps UMAP: not shown, as too few points." in text
    assert "Empty Nothing to show: this study has no such results." in text
    assert "Lead." not in text


def test_labels_cannot_break_out_of_the_page(studies, index, mapped):
    evil = index.assign(species=index["species"].replace("Parus major", "</script><script>alert(1)</script>"))
    study = studies.make_study()
    section = studies.explorer_section(
        study, evil, mapped, studies.make_prepared(index), studies.make_chosen(index)
    )
    page = studies.make_page(study, [section])
    assert "alert(1)" in page
    assert "<script>alert" not in page


def test_methods_quote_the_parameters_and_the_data(plain_appendix):
    parameters = {
        "training": {"backbone": "resnet50", "seed": 4},
        "evaluation": {"minimum_n": 7, "permutations": 499},
        "split": {"seed": 9},
    }
    text = Page(plain_appendix(parameters=parameters)).text
    for words in (
        "We analysed 60 captures of 60 specimens",
        "3 further captures were rejected (EMPTY_MASK 2, UNREADABLE 1). Bands are relative to a standard",
        "in each photograph and not absolute. The shift of UV against RGB was",
        "19 corrected, 14 ",
        "). Specimens were divided at random within species (seed 9) into",
        "test. Contrastive models (separate, concat, RGB-only; resnet50",
        "was kept. Of the similarity of two projections, a share (25% in separate, 25% in concat) is the",
        "of 16 × 16 pixels, fitted on training and validation captures. The report speaks of",
        "training saw no labels. Retrieval was measured on held-out specimens",
        "Mantel tests (Mantel 1967; 499 permutations) within species and among species means. What UV adds",
        "at least 7 specimens per class",
        "data SHA-256",
        "References: Loshchilov & Hutter 2019, arXiv:1711.05101; Radford et al. 2021",
    ):
        assert words in text
    paragraph = text[text.index("We analysed") : text.index("Parameters and versions Versions")]
    assert paragraph.strip().endswith("Westfall & Young 1993, Resampling-Based Multiple Testing (Wiley).")
    assert "Dufumier" not in paragraph


def test_settings_are_those_of_the_study_and_of_the_run(plain_appendix, studies):
    text = Page(plain_appendix(studies.make_study(uv_name="Ventral"), {"loss": {"temperature": 0.07}})).text
    assert "specimens.uv_name Ventral" in text
    assert "loss.temperature 0.07" in text
    assert f"loss.joint_weight {LossParams().joint_weight}" in text
    assert "seeds of training 0 seed of the split 0 seed of the evaluation 0" in text


def test_numbers_stand_under_their_protocol(plain, plain_appendix):
    parameters = {"evaluation": {"protocol": "quick", "folds": 4, "bootstraps": 50, "inner_folds": 2}}
    line = (
        "Protocol quick: 4 folds, C (inverse strength of regularisation) from 3 values in 2 inner folds, 50 "
        "bootstraps, 999 permutations, 20 for references and controls."
    )
    assert Page(plain(parameters=parameters)).text.count(line) == 1
    appendix = Page(plain_appendix(parameters=parameters)).text
    assert appendix.count(line) == 1
    # Above the first chapter of numbers that depend on it.
    assert appendix.index("Retrieval " + line) < appendix.index("Similarity and alignment Do the")


def test_long_tables_are_folded_and_notes_shown(studies):
    rows = [["a", "1"]]
    folded = table_of("Long", ["x", "y"], rows, 1, note="How to read it.", is_folded=True)
    shown = table_of("Short", ["x", "y"], rows, 1)
    page = studies.make_page(studies.make_study(), [Section("data", "Data", tables=(folded, shown))])
    assert '<details class="table"><summary>Long' in page
    assert '<caption><span class="title">Long</span><span class="note">How to read it.</span>' in page
    assert '<caption><span class="title">Short</span></caption>' in page
    assert re.search(r'<th scope="row">a</th>\s*<td class="number">1</td>', page)


def test_flagged_lines_stand_among_the_facts_and_in_the_claims(plain, studies):
    lines = pd.DataFrame(
        {"group": ["a", "b"], "modality": "rgb", "band": "R", "r2": [0.99, 0.9], "flagged": [False, True]}
    ).assign(n_used=4, n_saturated=0, residual_sd=0.01, max_residual=np.nan)
    study = studies.make_study("reflectance", root="x", grey_standards="s.csv", encoding="srgb")
    page = plain(study, calibration=lines)
    assert "Calibration in doubt. 1 of 2 calibration lines are flagged" in Page(page).text
    claims = re.search(r'<section id="uv_value">.*?<ul class="findings">(.*?)</ul>', page, re.DOTALL)[1]
    assert claims.count("<li>") == claims.count("1 of 2 calibration lines are ") == 3
    assert page.count("calibration in doubt</span>") == 2
