"""What people call specimens, species, sexes and sessions in their tables, in several languages."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Final

from xmodal_pipeline.params.columns import column_name
from xmodal_pipeline.specimens.columns import Column

_HEADERS: Final = {
    "specimen_id": frozenset(
        {"id", "specimen", "specimenno", "specimennumber", "catalogno", "catalognumber", "code", "voucher"}
        | {"accessionno", "accessionnumber", "inventarnummer", "sammlungsnummer", "katalognummer"}
        | {"numeroinventaire", "numerodinventaire", "registro", "ejemplar", "especime", "exemplar"}
        | {"nrokazu", "numerokazu", "okaz"}
    ),
    "species": frozenset(
        {"taxon", "taxa", "scientificname", "speciesname", "binomial", "sp", "art", "espece", "especie"}
        | {"specie", "soort", "gatunek", "druh", "vrsta", "laji", "faj", "вид"}
    ),
    "sex": frozenset(
        {"gender", "geschlecht", "sexe", "sexo", "sesso", "geslacht", "plec", "pohlavi", "spol", "kon"}
        | {"kjonn", "sukupuoli", "пол"}
    ),
}
_SEXES: Final = {
    "m": frozenset(
        {"m", "male", "males", "♂", "macho", "maschio", "mannchen", "mannlich", "mannetje", "mannelijk"}
        | {"samiec", "samec", "hane", "han", "hann", "самец"}
    ),
    "f": frozenset(
        {"f", "female", "females", "♀", "hembra", "femea", "femelle", "femmina", "weibchen", "weiblich"}
        | {"vrouwtje", "vrouwelijk", "samica", "samice", "hona", "hun", "hunn", "самка"}
    ),
}
_OF_PHOTOGRAPHS: Final = frozenset(
    {"session", "date", "year", "month", "day", "museum", "collection", "institution", "camera", "lens"}
    | {"lamp", "observer", "photographer", "batch", "drawer", "site", "locality", "location", "country"}
    | {"region", "jahr", "datum", "fundort", "ort", "sammlung", "kamera", "fotograf", "annee", "musee"}
    | {"lieu", "localite", "pays", "ano", "fecha", "museo", "localidad", "coleccion", "pais", "localidade"}
    | {
        "local",
        "museu",
        "colecao",
        "sessao",
        "anno",
        "localita",
        "rok",
        "stanowisko",
        "miejsce",
        "muzeum",
        "sesja",
    }
)
"""Headers of what may go together with a label without being about the organism."""
_NO_LETTER: Final = re.compile(r"[\W_]+")
_UNDECOMPOSED: Final = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ß": "ss"})
"""Letters that Unicode does not take apart into a letter and an accent."""
_AUTHOR: Final = re.compile(r"\w+ \w[\w-]+ .*(?:, |\(.*)\d{4}\)?")
"""`colias hyale (linnaeus, 1758)`, `colias hyale linnaeus, 1758`."""


def columns_like(columns: Iterable[Column], name: str) -> list[Column]:
    """Other columns that are what `name` (`specimen_id`, `species`, `sex`) is, by their header or classes.

    Accents, case and what stands between letters make no difference. None where a column is called `name`.
    """
    found = list(columns)
    if any(column_name(one.name) == name for one in found):
        return []
    called = [one for one in found if _reduced(one.name) in _HEADERS[name]]
    return called or [one for one in found if _holds(one.classes, name)]


def sex_of(word: str) -> str | None:
    """`m` or `f` for a word or sign of that sex: `samica`, `Fêmea`, `♀`; else None."""
    return next((sex for sex, words in _SEXES.items() if _plain(word.strip().casefold()) in words), None)


def is_of_photograph(header: str) -> bool:
    """Whether a column says how or where a photograph was taken: `session`, `Localidade`."""
    return _reduced(header) in _OF_PHOTOGRAPHS


def _holds(classes: Collection[str], name: str) -> bool:
    if name == "sex":
        return {sex_of(one) for one in classes} == {"m", "f"}
    if name == "species":
        return 2 * sum(_AUTHOR.fullmatch(one) is not None for one in classes) > len(classes)
    return False


def _reduced(header: str) -> str:
    return _NO_LETTER.sub("", _plain(column_name(header)))


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_UNDECOMPOSED))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
