"""How often a model finds the match first, against chance and baselines: a table, and sentences."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import pandas as pd

from xmodal_pipeline.evaluation.corrections import holm
from xmodal_pipeline.evaluation.schema import ALPHA, CHANCE, OPPOSITE_VIEWS, RETRIEVAL, SPECIES_ONLY
from xmodal_pipeline.reporting.cells import SeedSpread, rows_by, write_value
from xmodal_pipeline.reporting.embeddings import ChosenVariant
from xmodal_pipeline.reporting.gains import ABOVE, RELATIONS, UNKNOWN, find_rivals, relate
from xmodal_pipeline.reporting.section import Finding, PageTable, table_of
from xmodal_pipeline.reporting.words import (
    MISSING,
    ModalityNames,
    begin,
    list_words,
    number,
    p_value,
    percent,
    small,
    with_interval,
)

_LINEAR: Final = "pca_cca"
"""The baseline that is also a part of every model of both photographs."""
_GALLERIES: Final = {RETRIEVAL: "as photographed", OPPOSITE_VIEWS: "warped"}
_NEARLY_ONE: Final = 0.8
"""Species per test specimen from which a match is found by recognising the species."""


def recall_rows(comparison: pd.DataFrame, task: str) -> pd.DataFrame:
    """The recall rows of a task; chance is a column of every row, and a line of its own in the figure."""
    is_recall = (comparison["task"] == task) & comparison["k"].notna() & (comparison["name"] != CHANCE)
    return comparison[is_recall].astype({"k": int})


def _first_rows(comparison: pd.DataFrame, name: str) -> pd.DataFrame:
    """Recall@1 of a variant or baseline: a row per gallery and direction."""
    rows = pd.concat([recall_rows(comparison, task) for task in _GALLERIES])
    return rows[(rows["k"] == 1) & rows["value"].notna() & (rows["name"] == name)]


def _tested_rows(comparison: pd.DataFrame, variant: str) -> pd.DataFrame:
    """As `_first_rows`, with `p_adjusted` for all of them (Holm 1979), and `is_above` chance."""
    rows = _first_rows(comparison, variant)
    rows = rows.assign(p_adjusted=holm(rows["p"]))
    return rows.assign(is_above=(rows["p_adjusted"] <= ALPHA) & (rows["value"] > rows["chance"]))


def tabulate_searches(
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    chosen: ChosenVariant,
    names: ModalityNames,
    spread: SeedSpread,
) -> PageTable:
    """A row per direction and gallery: the model, PCA + CCA and their difference, known species, chance."""
    tested = _tested_rows(comparison, chosen.name)
    beside = {
        name: _first_rows(comparison, name).set_index(["task", "direction"])["value"].to_dict()
        for name in (_LINEAR, SPECIES_ONLY)
    }
    rows = []
    row: Any
    for row in tested.itertuples(index=False):
        where = (str(row.task), str(row.direction))
        linear, known = (number(beside[name].get(where)) for name in (_LINEAR, SPECIES_ONLY))
        rival = rows_by(find_rivals(differences, chosen.name, where), "b").get(_LINEAR)
        gain = (MISSING, MISSING)
        if rival is not None:
            gain = (
                with_interval(rival.difference, rival.low, rival.high),
                small(rival.p_adjusted, 3),
            )
        warped = ", warped" if row.task == OPPOSITE_VIEWS else ""
        search = f"{names.label(str(row.direction))}{warped}"
        rows.append((search, write_value(row, spread), number(row.chance), known, linear, *gain))
    header = (
        *("Query → match", "Model (95 % interval)", "Chance", "Known species", names.label(_LINEAR)),
        *(f"Model minus {names.label(_LINEAR)} (uncorrected 95 % interval)", "corrected p"),
    )
    n = "" if tested["n"].isna().all() else f"{tested['n'].max():.0f} "
    return table_of(
        f"Share of {n}queries whose match comes first: the model {names.label(chosen.name)}"
        f"{_say_share(chosen, names)}",
        header,
        rows,
        1,
        source="comparison_csv",
    )


def _say_share(chosen: ChosenVariant, names: ModalityNames) -> str:
    """`, of whose similarity 25 % is PCA + CCA`; empty where nothing is."""
    share = percent(chosen.linear_share)
    return f", of whose similarity {share} is {names.label(_LINEAR)}" if chosen.linear_share else ""


class _Rival(NamedTuple):
    """A baseline in one gallery, over the directions in which the model is above chance."""

    name: str
    relations: tuple[str, ...]
    values: tuple[float, ...]
    p_values: tuple[float, ...]


def _list_rivals(differences: pd.DataFrame, variant: str, rows: pd.DataFrame) -> list[_Rival]:
    """Every baseline beside recalls of one gallery, in the table's order."""
    tables = [
        find_rivals(differences, variant, (str(row.task), str(row.direction))) for row in rows.itertuples()
    ]
    related = [table.assign(relation=relate(table)).set_index("b") for table in tables]
    names = dict.fromkeys(str(name) for table in related for name in table.index)
    columns = ["relation", "value_b", "p_adjusted"]
    rivals = []
    for name in names:
        own = [table.reindex([name])[columns].iloc[0] for table in related]
        relations = tuple(UNKNOWN if pd.isna(one["relation"]) else str(one["relation"]) for one in own)
        numbers = (tuple(float(one[column]) for one in own) for column in columns[1:])
        rivals.append(_Rival(name, relations, *numbers))
    return rivals


def _choose_rivals(rivals: Sequence[_Rival]) -> list[_Rival]:
    """Those that a sentence names: PCA + CCA, the strongest other that is not exceeded, known species."""
    by_name = {rival.name: rival for rival in rivals}
    others = [one for one in rivals if one.name not in (_LINEAR, SPECIES_ONLY) and _is_open(one)]
    strongest = sorted(others, key=lambda one: max(one.values), reverse=True)[:1]
    named = [by_name.get(_LINEAR), *strongest, by_name.get(SPECIES_ONLY)]
    return [one for one in named if one is not None]


def _is_open(rival: _Rival) -> bool:
    return any(relation != ABOVE for relation in rival.relations)


def _say_rivals(
    rivals: Sequence[_Rival],
    given: Sequence[str],
    write: Callable[[_Rival], str],
    names: ModalityNames,
) -> str:
    """`below PCA + CCA (97 %), above known species (23 %)`."""
    if not rivals:
        return "no baseline was measured beside it"
    if not any(map(_is_open, rivals)):
        return f"above each of {len(rivals)} baselines" if len(rivals) > 1 else "above the one baseline"
    alike: dict[str, list[str]] = {}
    mixed = []
    for rival in _choose_rivals(rivals):
        name = f"{names.label(rival.name)}{write(rival)}"
        if len(set(rival.relations)) == 1:
            alike.setdefault(rival.relations[0], []).append(name)
        else:
            pairs = zip(rival.relations, given, strict=True)
            mixed.append(f"{list_words([f'from {way} {RELATIONS[one]}' for one, way in pairs])} {name}")
    return ", ".join([*(f"{RELATIONS[one]} {list_words(same)}" for one, same in alike.items()), *mixed])


def find_retrieval(
    comparison: pd.DataFrame, differences: pd.DataFrame, variant: str, names: ModalityNames
) -> list[Finding]:
    """Recall@1 of a variant in both galleries, against chance and baselines.

    Above chance means by the p-value, corrected for all directions and galleries (Holm 1979). A difference
    to a baseline is shown by its interval and its corrected p-value. What does not exceed every baseline,
    known species included, from any photograph is no claim of learning.
    """
    rows = _tested_rows(comparison, variant)
    return [
        _judge_gallery(str(task), part, differences, variant, names)
        for task, part in rows.groupby("task", sort=False)
    ]


def _judge_gallery(
    task: str, rows: pd.DataFrame, differences: pd.DataFrame, variant: str, names: ModalityNames
) -> Finding:
    above = rows[rows["is_above"]]
    subject = f"{begin(_GALLERIES[task])}, the model {names.label(variant)}"
    if above.empty:
        chance = percent(rows["chance"].mean())
        return Finding(f"{subject} is not shown to find matches above chance ({chance}).", is_claim=False)
    given = _list_given(above, names)
    only = "" if len(above) == len(rows) else f" from {list_words(given)} alone"
    rivals = _list_rivals(differences, variant, above)
    said = _say_rivals(rivals, given, _write_tested, names)
    ps = _join_values([p_value(p) for p in above["p_adjusted"]])
    exceeded = [all(rival.relations[i] == ABOVE for rival in rivals) for i in range(len(above))]
    return Finding(
        f"{subject} finds matches above chance{only} (corrected {ps}), {said}.",
        is_claim=bool(rivals) and any(exceeded),
    )


def _list_given(rows: pd.DataFrame, names: ModalityNames) -> list[str]:
    """The modalities of the queries."""
    return [names.label(str(direction).split("_to_")[0]) for direction in rows["direction"]]


def _join_values(written: Sequence[str]) -> str:
    """Each different value once, in order."""
    return list_words(list(dict.fromkeys(written)))


def _write_tested(rival: _Rival) -> str:
    if UNKNOWN in rival.relations:
        return ""
    values = _join_values([number(value) for value in rival.values])
    return f" ({values}; corrected {_join_values([p_value(p) for p in rival.p_values])})"


def _write_shares(rival: _Rival) -> str:
    return "" if UNKNOWN in rival.relations else f" ({_join_values([percent(one) for one in rival.values])})"


def say_retrieval(
    comparison: pd.DataFrame, differences: pd.DataFrame, chosen: ChosenVariant, names: ModalityNames
) -> str:
    """The headline: recall@1 of a variant in both directions and galleries, against chance and baselines."""
    rows = _tested_rows(comparison, chosen.name)
    plain, warped = (rows[rows["task"] == task] for task in (RETRIEVAL, OPPOSITE_VIEWS))
    if plain.empty:
        return ""
    n = "" if rows["n"].isna().any() else f" {rows['n'].max():.0f}"
    text = (
        f"From one photograph of a held-out specimen, the model {names.label(chosen.name)}"
        f"{_say_share(chosen, names)}, finds the other first in"
    )
    text = text if chosen.linear_share else text.replace(", finds", " finds")
    given = _list_given(plain, names)
    numbers = [f"{percent(one)} (from {way})" for one, way in zip(plain["value"], given, strict=True)]
    said = [
        f"{text} {list_words(numbers)} of{n} searches{_say_beside(plain, differences, chosen.name, names)}"
    ]
    if len(warped):
        beside = _say_beside(warped, differences, chosen.name, names)
        said.append(f"warped, in {list_words([percent(one) for one in warped['value']])}{beside}")
    chance = percent(rows["chance"].mean())
    return f"{'; '.join(said)}. Chance is {chance}{_say_few_per_species(comparison)}."


def _say_beside(rows: pd.DataFrame, differences: pd.DataFrame, variant: str, names: ModalityNames) -> str:
    if not rows["is_above"].all():
        return ", not shown to be above chance in both directions"
    rivals = _list_rivals(differences, variant, rows)
    return f", {_say_rivals(rivals, _list_given(rows, names), _write_shares, names)}" if rivals else ""


def _say_few_per_species(comparison: pd.DataFrame) -> str:
    """That a match is found by recognising the species, where test specimens are nearly one per species.

    Who knows the species draws among its specimens: the recall is the number of species per specimen.
    """
    known = _first_rows(comparison, SPECIES_ONLY)
    n, share = known["n"].max(), known["value"].mean()
    if known.empty or pd.isna(n) or share < _NEARLY_ONE:
        return ""
    return (
        f"; the {n:.0f} specimens are of {share * n:.0f} species, so this is little more than recognising "
        "the species"
    )
