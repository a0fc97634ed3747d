"""Tables of the report about the labels and the modalities of a study, before any model."""

import pandas as pd

from xmodal_pipeline.evaluation.specimen_tables import SPECIES
from xmodal_pipeline.reporting.names import ModalityNames, number, write_species
from xmodal_pipeline.reporting.report_tables import PageTable, table_of

_UNLABELLED = "unlabelled"


def tabulate_balance(class_balance: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Per label and class: specimens and captures, and the fewest and most in one species."""
    table = class_balance.rename(columns={"class": "term"}).assign(term=class_balance["class"].fillna(""))
    over_all = table["species"].isna()
    within = table[~over_all].groupby(["label", "term"])["n_specimens"]
    ranges = {key: f"{n.min()} to {n.max()} in {len(n)} species" for key, n in within}
    rows = []
    for row in table[over_all].itertuples():
        title = write_species(str(row.term)) if row.label == SPECIES else str(row.term) or _UNLABELLED
        spread = ranges.get((row.label, row.term), "–")
        rows.append((names.rename(str(row.label)), title, str(row.n_specimens), str(row.n_captures), spread))
    header = ("Label", "Class", "Specimens", "Captures", "Per species that has it")
    return table_of("Specimens per class", header, rows, 2)


def tabulate_confounding(confounding: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Association of labels with confounders, the coded first, with what to do."""
    ordered = confounding.sort_values("code", ascending=False, kind="stable")
    rows = []
    for row in ordered.itertuples():
        advice = names.rename(str(row.advice)) or "–"
        statistic = {"cramers_v": "Cramér's V", "eta_squared": "η²"}[str(row.statistic)]
        overall = f"{number(row.value)} ({number(row.p, 3)})"
        within = f"{number(row.value_within_species)} ({number(row.p_within_species, 3)})"
        code = str(row.code) or "–"
        rows.append(
            (str(row.confounder), str(row.label), code, advice, statistic, overall, within, str(row.n))
        )
    header = (
        "Confounder",
        "Label",
        "Code",
        "What to do",
        "Measure",
        "Overall (p)",
        "Within species (p)",
        "n",
    )
    return table_of("Do labels go together with confounders? 0 not at all, 1 entirely", header, rows, 5)


def tabulate_information(modality_information: pd.DataFrame, names: ModalityNames) -> PageTable:
    """What the band means of each modality can say at all, and how much of it the other knows."""
    rows = [
        (
            names.label(str(row.modality)),
            str(row.n_bands),
            str(row.n_specimens),
            number(row.sd, 3),
            number(row.effective_dimensions),
            number(row.first_dimension_share),
            number(row.among_species_share),
            number(row.r2_given_other_within),
            number(row.r2_given_other_between),
        )
        for row in modality_information.itertuples()
    ]
    header = (
        "Modality",
        "Bands",
        "Specimens",
        "SD",
        "Effective dimensions",
        "Share of the first",
        "Share among species",
        "R² from the other, within species",
        "R² from the other, new species",
    )
    return table_of("Information in mean colour", header, rows, 1)


def tabulate_tips(species_tips: pd.DataFrame) -> PageTable:
    """How many species are tips of the tree, and which are not, with the tip that is spelt most like each."""
    by_status = {status: part for status, part in species_tips.groupby("status")}
    lacking = by_status.get("not_in_tree", species_tips.iloc[:0])
    named = [
        write_species(species) + (f" (tip {nearest}?)" if nearest else "")
        for species, nearest in zip(lacking["species"], lacking["nearest"].fillna(""), strict=True)
    ]
    rows = [
        ("Species that are tips", str(len(by_status.get("matched", ()))), "–"),
        ("Species that the tree lacks", str(len(lacking)), ", ".join(named) or "–"),
        ("Tips that the study lacks", str(len(by_status.get("not_in_study", ()))), "–"),
    ]
    return table_of("Species in the tree", ("What", "Number", "Which"), rows, 1, last_is_text=True)
