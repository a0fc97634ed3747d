"""How modalities, variants and measures are called in front of a reader."""

import re
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

_WHOLE = {"pca_cca": "PCA + CCA"}
_WORDS = {"to": "→", "minus": "−", "knn": "k-NN", "cka": "CKA", "mrr": "MRR"}


def number(value: Any, digits: int = 2) -> str:
    """A number with fixed digits and a true minus sign, 0 without one; a dash where there is none."""
    return "–" if value is None or pd.isna(value) else f"{value:z.{digits}f}".replace("-", "−")


def write_species(name: str) -> str:
    """A binomial for reading: labels are case-folded, and file names join the words by underscores."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def write_class(label: str, value: str) -> str:
    """A class as a reader wants it: species as a binomial, everything else as it is."""
    return write_species(value) if label == "species" and value not in ("unlabelled", "other") else value


def write_test(row: Any) -> str:
    """What a row of `uv_value` tests: the label, and the view where the study has views."""
    view = getattr(row, "view", "")
    return f"{row.label} ({view})" if view else str(row.label)


@dataclass(frozen=True)
class ModalityNames:
    """Display names of the two modalities; a study of dorsal and ventral photographs must not say UV."""

    rgb: str = "RGB"
    uv: str = "UV"

    def label(self, identifier: str) -> str:
        """A column, variant or verdict as words: `rgb_to_uv` becomes `RGB → UV`, `uv_adds` `UV adds`."""
        if identifier in _WHOLE:
            return _WHOLE[identifier]
        words = {"rgb": self.rgb, "uv": self.uv, **_WORDS}
        return " ".join(words.get(word, word) for word in identifier.split("_"))

    def rename(self, text: str) -> str:
        """A sentence written for RGB and UV (a diagnostic, a reason) with the study's own names."""
        words = {"rgb": self.rgb, "uv": self.uv}
        return re.sub(r"\b(RGB|UV|rgb|uv)\b", lambda match: words[match.group().lower()], text)


DEFAULT_NAMES: Final = ModalityNames()
