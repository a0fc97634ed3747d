"""How columns of a user's tables are called here, however their headers are written."""

import re
import unicodedata

_KNOWN = {
    name.replace("_", ""): name for name in ("filename", "specimen_id", "species", "sex", "view", "clade")
}
_SEPARATORS = re.compile(r"[\s_]+")


def column_name(header: str) -> str:
    """`Specimen ID` → `specimen_id`, `FileName` → `filename`, `Wing length` → `wing_length`.

    Args:
        header: of a column, or what a parameter calls it.
    """
    words = _SEPARATORS.sub(" ", unicodedata.normalize("NFC", header)).strip().casefold()
    return _KNOWN.get(words.replace(" ", ""), words.replace(" ", "_"))
