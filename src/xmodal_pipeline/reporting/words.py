"""How numbers, modalities, variants, measures and species are written in front of a reader."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from xmodal_pipeline.imaging.study import Study

_WHOLE = {"pca_cca": "PCA + CCA", "species_only": "known species"}
_WORDS = {"to": "→", "minus": "−", "knn": "k-NN", "cka": "CKA", "mrr": "MRR"}
MISSING: Final = "–"
"""What stands where there is no number."""


def number(value: Any, digits: int = 2) -> str:
    """A number with fixed digits and a true minus sign, 0 without one; a dash where there is none."""
    return MISSING if value is None or pd.isna(value) else f"{value:z.{digits}f}".replace("-", "−")


def p_value(value: float, name: str = "p") -> str:
    """`p = 0.012`, `q < 0.001`: never one of zero."""
    return f"{name} < 0.001" if value < 0.001 else f"{name} = {number(value, 3)}"


def signed(value: float) -> str:
    """A difference with its sign, the minus of print; none before what is rounded to 0."""
    text = f"{value:+.2f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def percent(value: float) -> str:
    """A share as whole percent."""
    return f"{100 * value:.0f}\u00a0%"


def interval(low: float, high: float, form: Callable[[float], str]) -> str:
    """` (95 % interval 0.43 to 0.67)` behind a number of a sentence; nothing where a limit is missing."""
    if pd.isna(low) or pd.isna(high):
        return ""
    return f" (95\u00a0% interval {form(low)} to {form(high)})"


def uncorrected(low: float, high: float, form: Callable[[float], str]) -> str:
    """`interval` beside a p-value that is corrected for other tests, as the interval is not."""
    return interval(low, high, form).replace("(95", "(uncorrected 95")


def with_interval(value: Any, low: Any, high: Any) -> str:
    """`0.55 (0.43 to 0.67)` in a table; without limits the value alone."""
    if value is None or pd.isna(value):
        return "too few"
    if low is None or pd.isna(low) or pd.isna(high):
        return number(value)
    return f"{number(value)} ({number(low)} to {number(high)})"


def small(value: Any, digits: int) -> str:
    """A p or q in a table: never one of zeros, `< 0.001` where three digits would say that."""
    if value is None or pd.isna(value) or value >= 0.5 * 10**-digits:
        return number(value, digits)
    return f"< {10**-digits:.{digits}f}"


def list_words(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def begin(text: str) -> str:
    """The sentence with a capital letter, which the name of a modality may lack."""
    return text[:1].upper() + text[1:]


def write_species(name: str) -> str:
    """A binomial for reading: labels are case-folded, and file names join the words by underscores."""
    return begin(name.replace("_", " ").strip())


def write_class(label: str, value: str) -> str:
    """A class as a reader wants it: species as a binomial, everything else as it is."""
    return write_species(value) if label == "species" and value not in ("unlabelled", "other") else value


@dataclass(frozen=True)
class ModalityNames:
    """Display names of the two modalities; a study of dorsal and ventral photographs must not say UV."""

    rgb: str = "RGB"
    uv: str = "UV"

    @classmethod
    def of(cls, study: Study) -> "ModalityNames":
        """As the study calls them."""
        return cls(study.settings.rgb_name, study.settings.uv_name)

    def label(self, identifier: str) -> str:
        """A column, variant or verdict as words: `rgb_to_uv` becomes `RGB → UV`, `uv_adds` `UV adds`."""
        if identifier in _WHOLE:
            return _WHOLE[identifier]
        words = {"rgb": self.rgb, "uv": self.uv, **_WORDS}
        return " ".join(words.get(word, word) for word in identifier.split("_"))

    @property
    def has_uv(self) -> bool:
        """Whether the second modality is called one of ultraviolet."""
        return re.search("uv|ultraviol", self.uv, re.IGNORECASE) is not None

    def band(self, modality: str, band: str) -> str:
        """`RGB G`; the bands UV1, UV2, … of what only stands in for UV are `ventral 1` and so on."""
        own = band if self.has_uv else re.sub(r"^UV(?=\d+$)", "", band)
        return f"{self.label(modality)} {own}"

    def model(self, name: str) -> str:
        """A variant or baseline as words; `UV-only` with a hyphen, as `UV only` is a verdict."""
        return self.label(name).replace(" only", "-only")

    def rename(self, text: str) -> str:
        """A sentence written for RGB and UV (a diagnostic, a reason) with the study's own names."""
        words = {"rgb": self.rgb, "uv": self.uv}
        return re.sub(r"\b(RGB|UV|rgb|uv)\b", lambda match: words[match.group().lower()], text)


DEFAULT_NAMES: Final = ModalityNames()
