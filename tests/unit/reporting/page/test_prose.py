import re

import pytest

from xmodal_pipeline.reporting.glossary import TERMS
from xmodal_pipeline.reporting.page.prose import Prose
from xmodal_pipeline.reporting.words import ModalityNames

SPECIES = ["Parus major", "Parus"]


@pytest.fixture
def prose():
    return Prose(SPECIES, ModalityNames())


def explained(html):
    return re.findall(r'<dfn [^>]*aria-describedby="term-([^"]+)"[^>]*>([^<]+)</dfn>', html)


def test_a_term_is_explained_where_it_is_read_first_and_keeps_its_spelling(prose):
    html = prose.mark("<p>Held-out queries, by chance.</p><p>Chance; held out; recall@5 &lt; recall@1</p>")
    assert explained(html) == [("held-out", "Held-out"), ("chance", "chance"), ("recall-k", "recall@5")]
    assert (
        re.sub("<[^>]+>", "", html) == "Held-out queries, by chance.Chance; held out; recall@5 &lt; recall@1"
    )
    assert f'data-meaning="{TERMS["chance"].meaning}"' in html


def test_the_longest_term_is_meant_and_no_part_of_a_word(prose):
    assert explained(prose.mark("<p>band means and bands, a band</p>")) == [
        ("band-means", "band means"),
        ("band", "band"),
    ]
    assert explained(prose.mark("<p>RGB separates; bystander; queue; q-value</p>")) == []


def test_links_titles_and_attributes_keep_their_words(prose):
    html = '<h2>Chance</h2><a href="#chance">chance</a><img alt="chance of Parus major"><p>chance</p>'
    marked = prose.mark(html)
    assert marked.startswith(html.removesuffix("<p>chance</p>"))
    assert explained(marked) == [("chance", "chance")]


def test_a_blank_that_does_not_break_is_a_blank(prose):
    assert explained(prose.mark("<p>95\u00a0% interval</p>")) == [("95-interval", "95\u00a0% interval")]


def test_species_are_in_italics_whole_and_everywhere(prose):
    html = prose.mark("<h2>Parus major</h2><td>Parus major, Parus, Parusmajor</td>")
    assert html == "<h2><em>Parus major</em></h2><td><em>Parus major</em>, <em>Parus</em>, Parusmajor</td>"
    assert Prose([], ModalityNames()).mark("<p>Parus major</p>") == "<p>Parus major</p>"


def test_terms_speak_of_the_modalities_by_the_names_of_the_study():
    prose = Prose([], ModalityNames("dorsal", "ventral"))
    html = prose.mark("<p>ventral adds, dorsal suffices, UV adds</p>")
    assert explained(html) == [("ventral-adds", "ventral adds"), ("dorsal-suffices", "dorsal suffices")]
    assert [term for _, term, _ in prose.list_terms(html)] == ["dorsal suffices", "ventral adds"]
    assert "UV" not in " ".join(meaning for *_, meaning in prose.list_terms(html))


def test_terms_stand_in_alphabetical_order_and_mean_something():
    assert list(TERMS) == sorted(TERMS, key=str.casefold)
    spellings = [one.casefold() for term, entry in TERMS.items() for one in (term, *entry.also)]
    assert len(spellings) == len(set(spellings))
    assert all(entry.meaning.endswith(".") for entry in TERMS.values())
