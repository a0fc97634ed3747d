"""What UV adds, in tables and sentences, and its place on the page."""

import math
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import COLOUR, UV_CLAIMS
from xmodal_pipeline.evaluation.specimen_tables import specimen_labels
from xmodal_pipeline.evaluation.uv_value.noise import FEWEST_REPEATED
from xmodal_pipeline.evaluation.uv_value.verdict import UNINFORMATIVE_AUC
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.reporting.cells import ONE_SEED
from xmodal_pipeline.reporting.data.colour import calibration_caution, colour_tags
from xmodal_pipeline.reporting.section import Chapter, Finding, PageTable, Section, table_of
from xmodal_pipeline.reporting.uv_value.figure import picture_uv_value
from xmodal_pipeline.reporting.uv_value.headline import say_uv_value
from xmodal_pipeline.reporting.uv_value.rows import (
    VERDICTS,
    clear_where,
    rank_uv_value,
    say_class,
    say_features,
    say_where,
)
from xmodal_pipeline.reporting.uv_value.sentences import find_uv_value, write_seeds
from xmodal_pipeline.reporting.uv_value.unflagged import Unflagged
from xmodal_pipeline.reporting.words import (
    ModalityNames,
    interval,
    list_words,
    number,
    small,
    with_interval,
    write_species,
)

_SPECIMENS: Final = {"all": "all", "test": "test only"}
_ONE_SEED: Final = f"learnt features: {ONE_SEED}"
"""Not a word on mean colour, which no training changes."""


def uv_value_section(
    study: Study,
    uv_value: pd.DataFrame,
    known_uv_value_seeds: pd.DataFrame,
    specimen_index: pd.DataFrame,
    calibration: pd.DataFrame,
    evaluation: EvaluationParams,
) -> Section:
    """The figure of the first screen, the claims, and every row in the appendix.

    Args:
        study: whose captures these are.
        uv_value: of every set of features.
        known_uv_value_seeds: of the pipeline `ablation`: the primary rows by the median over seeds, which
            then stand instead of one training's.
        specimen_index: which captures carry flags, and which specimens have several.
        calibration: lines of the grey standards, on which claims about colour rest.
        evaluation: the protocol.
    """
    names = ModalityNames.of(study)
    caution = calibration_caution(calibration)
    is_one_seed = known_uv_value_seeds.empty and set(evaluation.uv_value_features) - {COLOUR}
    learnt = (_ONE_SEED,) if is_one_seed else ()
    primary = uv_value if known_uv_value_seeds.empty else known_uv_value_seeds
    unflagged = Unflagged.of(uv_value, specimen_index)
    has_patches = clear_where(primary)["patch"].ne("").any()
    whole = " Tests are of the whole specimen where no patch is named." if has_patches else ""
    return Section(
        "uv_value",
        f"What does {names.uv} add, and where on the body?",
        f"Per species: do the classes differ in {names.uv} beyond what {names.rgb} predicts? The amount is a "
        f"squared distance in SDs: 0 adds nothing, at 1 the classes lie one SD apart.{whole}",
        headline=say_uv_value(primary, names),
        opening=picture_uv_value(primary, names),
        findings=(
            *find_uv_value(primary, names, unflagged=unflagged, caution=caution),
            *find_reservations(uv_value, names, unflagged.say_others(primary)),
            *find_untested(uv_value, specimen_index, study.confounders),
        ),
        methods={"uv_value": describe_uv_value(study, primary, evaluation)},
        tags=learnt + colour_tags(study, calibration),
        chapters=(
            Chapter(
                "uv_value",
                f"What {names.uv} adds",
                tables=(
                    tabulate_uv_value(primary, names),
                    unflagged.tabulate(primary, names),
                    tabulate_exploratory(uv_value, names),
                ),
                is_evaluated=True,
            ),
        ),
    )


def find_untested(
    uv_value: pd.DataFrame, specimen_index: pd.DataFrame, confounders: Sequence[str]
) -> list[Finding]:
    """Labels of two classes that might have been asked about, and were not: one label is tested per study."""
    tested = list_words(list(uv_value["label"].astype(str).unique()))
    labels = specimen_labels(specimen_index)
    others = [
        str(name)
        for name in labels
        if labels[name].nunique() == 2 and name not in {*uv_value["label"], *confounders}
    ]
    if not tested or not others:
        return []
    return [Finding(f"Asked about {tested} only, not about {list_words(others)}.", is_claim=False)]


def find_reservations(uv_value: pd.DataFrame, names: ModalityNames, unflagged: str = "") -> list[Finding]:
    """What every claim rests on: what specimens tell of the noise, and on whom the features were learnt.

    Args:
        uv_value: of every set of features.
        names: of the modalities.
        unflagged: what becomes of claims about species without flags where flagged captures are left out.
    """
    if not uv_value["verdict"].isin(UV_CLAIMS).any():
        return []
    said = [*filter(None, [unflagged]), *_say_noise(uv_value, names)]
    species = uv_value[uv_value["scope"] == "species"]
    learnt = set(species.loc[species["family"] == "primary", "features"]) - {COLOUR}
    if learnt:
        alone = species[(species["specimens"] == "test") & species["features"].isin(learnt)]
        tested = alone[alone["verdict"] != "too_few"]
        held = f"claim {tested['verdict'].isin(UV_CLAIMS).sum()} of {len(tested)} tests (exploratory)"
        said.append(
            "Features were learnt, without labels, on most of these specimens; test specimens alone "
            f"{held if len(tested) else 'are too few'}."
        )
    return [Finding(text, is_claim=False) for text in said]


def _say_noise(uv_value: pd.DataFrame, names: ModalityNames) -> list[str]:
    """The noise of a capture, of the view with the fewest repeats; empty where it is corrected for."""
    rows = uv_value[(uv_value["specimens"] == "all") & (uv_value["scope"] == "species")]
    least: Any = next(rows.sort_values(["n_repeated", "noise_sd"], kind="stable").itertuples())
    if least.n_repeated >= FEWEST_REPEATED:
        return []
    holds = "Claims hold up to the noise beside them;"
    n = f"{least.n_repeated:.0f} specimens photographed several times; {FEWEST_REPEATED} correct for it"
    if pd.isna(least.noise_sd):
        return [f"{holds} compare the SD between photographs of one specimen (here {n})."]
    limits = interval(least.noise_low, least.noise_high, _percent).removeprefix(" (").removesuffix(")")
    return [f"{holds} {names.rgb}'s bands have {_percent(least.noise_sd)} (SD; {limits}; {n})."]


def _percent(share: float) -> str:
    """Of noise, to two digits."""
    return f"{100 * share:.2g}\u00a0%"


def describe_uv_value(study: Study, uv_value: pd.DataFrame, evaluation: EvaluationParams) -> str:
    """How what UV adds was tested."""
    if uv_value.empty:
        return ""
    names = ModalityNames.of(study)
    trained = uv_value["n_seeds"].max() if "n_seeds" in uv_value else float("nan")
    seeds = "" if pd.isna(trained) else f"; of learnt features, the median over {trained:.0f} trainings"
    within = f", classes compared within {', '.join(study.confounders)}" if study.confounders else ""
    return (
        f"What {names.uv} adds to {names.rgb} was tested per species with at least {evaluation.minimum_n} "
        f"specimens per class, as the class difference in {names.uv} given all of {names.rgb}: slopes, "
        "squares and cubes of the other species, and the species' own discriminant score; variances by class "
        "(Bell & McCaffrey 2002) and moderated over species (Smyth 2004), F as reference, with false "
        "discoveries corrected (Benjamini & Hochberg 1995) per label over all species, views, patches and "
        f"the features {' and '.join(evaluation.uv_value_features)}, and over pooled rows by themselves"
        f"{within}{seeds}. {names.rgb} is said to "
        f"suffice where the upper 95 % limit of what {names.uv} adds lies below "
        f"{evaluation.uv_value_margin:g} SD."
    )


def tabulate_uv_value(uv_value: pd.DataFrame, names: ModalityNames) -> PageTable:
    """The primary rows of `uv_value`, ranked."""
    rows, ranked = [], rank_uv_value(uv_value)
    row: Any
    for row in ranked.assign(where=say_where(ranked)).itertuples():
        aucs = (*map(number, (row.auc_rgb, row.auc_rgb_upper, row.auc_uv, row.auc_both)),)
        amount = with_interval(row.uv_adds, row.low, row.high)
        brighter = number(math.exp(row.uv_difference))
        n = f"{row.n_1:.0f} + {row.n_2:.0f}"
        errors = (small(row.p, 4), small(row.q, 3), _write_tips(row))
        rows.append(
            (
                write_species(str(row.species)),
                row.where,
                say_features(str(row.features)),
                ", ".join(filter(None, (names.label(str(row.verdict)), write_seeds(row)))),
                n,
                *aucs,
                brighter,
                amount,
                *errors,
            )
        )
    auc = (f"AUC {names.rgb}", "at most", f"AUC {names.uv}", "AUC both")
    header = (
        "Species",
        "Label",
        "By",
        "Verdict",
        "n",
        *auc,
        f"{names.uv} ratio",
        f"{names.uv} adds (95 % interval)",
        "p",
        "q",
        "Holds up to noise",
    )
    learnt = [names.label(str(one)) for one in ranked["features"].unique() if one != COLOUR]
    of_learnt = f" and learnt features ({', '.join(learnt)})" if learnt else ""
    return table_of(
        f"What {names.uv} adds to {names.rgb}, by mean colour{of_learnt}",
        header,
        rows,
        4,
        note=f"{names.uv} adds: q is at most 0.05 and the interval lies above 0. {names.uv} only: besides, "
        f"the AUC of {names.rgb} is below {UNINFORMATIVE_AUC:g} at its upper 95 % limit (at most); the "
        f"photographs of {names.rgb} were used in both. An AUC far below 0.5 is no separation upside "
        "down: with few specimens, leaving a pair out tips the rest against it. In a row over species, q "
        "asks whether any species differs; the interval is of the mean over species. "
        f"{names.uv} ratio: mean {names.uv} of {_write_ratio(ranked)}, whatever {names.rgb} shows. Holds up "
        f"to noise: the SD of a capture's noise in every band of {names.rgb}, and the lowest reliability of "
        f"{names.rgb} (down to 0.70 is tried), under which the claim stands.",
        last_is_text=True,
        source="uv_value_csv",
    )


def tabulate_exploratory(uv_value: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Verdicts of `uv_value` per set of features other than the primary one, counted over species."""
    is_other = (uv_value["family"] != "primary") & uv_value["specimens"].isin(_SPECIMENS)
    rows = uv_value[is_other & (uv_value["scope"] == "species")]
    table = []
    for (features, which), part in rows.groupby(["features", "specimens"], sort=False):
        counts = part["verdict"].value_counts().reindex(list(VERDICTS), fill_value=0)
        table.append((names.label(str(features)), _SPECIMENS[str(which)], *map(str, counts)))
    return table_of(
        "Exploratory: verdicts from learnt features of one training, each set corrected by itself",
        ("Features", "Specimens", *map(names.label, VERDICTS)),
        table,
        2,
        note="Test only: the same test on the specimens that the encoders never saw, by themselves.",
        source="uv_value_csv",
    )


def _write_ratio(rows: pd.DataFrame) -> str:
    """`males over females`, where all rows compare the same classes."""
    classes = rows["classes"].dropna().unique()
    if len(classes) != 1:
        return "the second class over the first"
    first, second = map(say_class, str(classes[0]).split(" | "))
    return f"{second} over {first}"


def _write_tips(row: Any) -> str:
    """`0.6 %, reliability 0.85`; empty where nothing is claimed."""
    noise = "" if pd.isna(row.noise_tip) else _percent(row.noise_tip)
    reliability = "" if pd.isna(row.tip) else f"reliability {row.tip:.2f}"
    return ", ".join(part for part in (noise, reliability) if part)
