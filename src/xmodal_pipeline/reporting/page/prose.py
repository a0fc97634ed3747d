"""Finished HTML made readable: species in italics, and terms with their meaning where they are read first."""

import re
from collections.abc import Iterable
from typing import Final

from markupsafe import Markup, escape

from xmodal_pipeline.reporting.glossary import TERMS
from xmodal_pipeline.reporting.words import ModalityNames

_TAG: Final = re.compile(r"(<[^>]+>)")
_WITHOUT_TERMS: Final = frozenset({"a", "h1", "h2", "summary", "option"})
"""Elements whose terms stay as they are: inside a link, or a title, they are not read first."""


class Prose:
    """Marks the text of HTML for one study."""

    def __init__(self, species: Iterable[str], names: ModalityNames) -> None:
        """Take the species as they are written, and the names of the modalities.

        Args:
            species: `Colias croceus`, not `colias croceus`.
            names: in which terms are spelt.
        """
        self._meanings = {names.rename(term): names.rename(one.meaning) for term, one in TERMS.items()}
        spellings = {
            names.rename(also): names.rename(term) for term, one in TERMS.items() for also in one.also
        }
        self._terms = {term.casefold(): term for term in self._meanings}
        self._terms |= {also.casefold(): term for also, term in spellings.items()}
        self._species = {str(escape(name)) for name in species if name}
        known = sorted(self._species, key=len, reverse=True)
        self._species_pattern = _words(known) if known else None
        self._term_pattern = re.compile(
            _words(sorted(map(str, map(escape, self._terms)), key=len, reverse=True)).pattern, re.IGNORECASE
        )

    def mark(self, html: str) -> Markup:
        """The HTML with species in `<em>`, and with the first mention of every term in `<dfn>`."""
        seen: set[str] = set()
        plain, marked = 0, []
        for part in _TAG.split(html):
            if part.startswith("<"):
                name = re.match(r"</?\s*(\w+)", part)
                if name and name[1] in _WITHOUT_TERMS:
                    plain += -1 if part.startswith("</") else 1
                marked.append(part)
            else:
                marked.append(self._mark_text(part, seen, with_terms=not plain))
        return Markup("".join(marked))

    def list_terms(self, html: str) -> list[tuple[str, str, str]]:
        """Key, term and meaning of every term that marked HTML explains, in alphabetical order."""
        keys = set(re.findall(r'aria-describedby="term-([^"]+)"', html))
        return [(_key(term), term, meaning) for term, meaning in self._meanings.items() if _key(term) in keys]

    def _mark_text(self, text: str, seen: set[str], *, with_terms: bool) -> str:
        if not text.strip():
            return text
        if self._species_pattern is None:
            return self._explain(text, seen) if with_terms else text
        parts = self._species_pattern.split(text)
        return "".join(
            f"<em>{part}</em>" if part in self._species else self._explain(part, seen) if with_terms else part
            for part in parts
        )

    def _explain(self, text: str, seen: set[str]) -> str:
        def explain(match: re.Match[str]) -> str:
            term = self._terms[match[0].replace("\u00a0", " ").casefold()]
            if term in seen:
                return match[0]
            seen.add(term)
            return (
                f'<dfn tabindex="0" aria-describedby="term-{_key(term)}" '
                f'data-meaning="{escape(self._meanings[term])}">{match[0]}</dfn>'
            )

        return self._term_pattern.sub(explain, text)


def _words(known: Iterable[str]) -> re.Pattern[str]:
    """Any of these as whole words, in a group; a blank also stands for one that does not break."""
    any_of = "|".join(re.escape(word).replace(r"\ ", "[ \u00a0]") for word in known)
    return re.compile(rf"(?<![\w@-])({any_of})(?![\w@-])")


def _key(term: str) -> str:
    return re.sub(r"\W+", "-", term).strip("-").casefold()
