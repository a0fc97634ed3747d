"""What UV adds, in tables and sentences, and its place on the page."""

from dataclasses import replace
from typing import Any, Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import COLOUR, UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.verdict import is_found_by_pattern
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.reporting.cells import ONE_SEED
from xmodal_pipeline.reporting.data.colour import calibration_caution, colour_tags
from xmodal_pipeline.reporting.section import Finding, PageTable, Section, table_of
from xmodal_pipeline.reporting.uv_value.figure import picture_uv_value
from xmodal_pipeline.reporting.uv_value.rows import VERDICTS, rank_uv_value, write_error, write_test
from xmodal_pipeline.reporting.words import ModalityNames, interval, number, with_interval, write_species

_SPECIMENS: Final = {"all": "all", "test": "test only"}


def uv_value_section(
    study: Study,
    uv_value: pd.DataFrame,
    known_uv_value_seeds: pd.DataFrame,
    calibration: pd.DataFrame,
    evaluation: EvaluationParams,
) -> Section:
    """The primary rows ranked, those of learnt features as exploratory, and the claims.

    Args:
        study: whose captures these are.
        uv_value: of every set of features.
        known_uv_value_seeds: of the pipeline `ablation`: the primary rows by the median over seeds, which
            then stand instead of one training's.
        calibration: lines of the grey standards, on which claims about colour rest.
        evaluation: the protocol.
    """
    names = ModalityNames.of(study)
    caution = calibration_caution(calibration)
    is_one_seed = known_uv_value_seeds.empty and set(evaluation.uv_value_features) - {COLOUR}
    learnt = (ONE_SEED,) if is_one_seed else ()
    primary = uv_value if known_uv_value_seeds.empty else known_uv_value_seeds
    return Section(
        "uv_value",
        f"What {names.uv} adds",
        f"Per species: is there a class difference in {names.uv} beyond what {names.rgb} predicts? The "
        "amount is a squared standardised difference: 0 when nothing is added, 1 when the classes lie "
        "one standard deviation apart.",
        figures=(picture_uv_value(primary, names),),
        tables=(tabulate_uv_value(primary, names), tabulate_exploratory(uv_value, names)),
        findings={"uv_value": find_uv_value(primary, names, caution=caution)},
        methods={"uv_value": describe_uv_value(study, primary, evaluation)},
        tags=learnt + colour_tags(study, calibration),
        is_evaluated=True,
    )


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
        f"the features {' and '.join(evaluation.uv_value_features)}{within}{seeds}. {names.rgb} is said to "
        f"suffice where the upper 95 % limit of what {names.uv} adds lies below "
        f"{evaluation.uv_value_margin:g} SD."
    )


def tabulate_uv_value(uv_value: pd.DataFrame, names: ModalityNames) -> PageTable:
    """The primary rows of `uv_value`, ranked."""
    rows, ranked = [], rank_uv_value(uv_value)
    for row in ranked.itertuples():
        aucs = (number(row.auc_rgb), number(row.auc_uv), number(row.auc_both))
        amount = with_interval(row.uv_adds, row.low, row.high)
        n = f"{row.n_1:.0f} + {row.n_2:.0f}"
        errors = (number(row.p, 4), number(row.q, 3), _write_tips(row))
        rows.append(
            (
                write_species(str(row.species)),
                write_test(row),
                ", ".join(filter(None, (names.label(str(row.verdict)), _write_seeds(row)))),
                n,
                *aucs,
                amount,
                *errors,
            )
        )
    auc = (f"AUC {names.rgb}", f"AUC {names.uv}", "AUC both")
    header = (
        "Species",
        "Label",
        "Verdict",
        "n",
        *auc,
        f"{names.uv} adds (95 % interval)",
        "p",
        "q",
        "Holds up to noise",
    )
    features = names.rename(" or ".join(ranked["features"].unique()))
    return table_of(
        f"What {names.uv} adds to {names.rgb}, measured by {features}",
        header,
        rows,
        3,
        note=f"Holds up to noise: the SD of a capture's noise in every band of {names.rgb}, and the lowest "
        f"reliability of {names.rgb}, under which the claim stands. Photograph some specimens twice to know "
        "your own noise.",
        last_is_text=True,
    )


def tabulate_exploratory(uv_value: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Verdicts of `uv_value` per set of features other than the primary one, counted over species."""
    rows = uv_value[(uv_value["family"] != "primary") & (uv_value["scope"] == "species")]
    table = []
    for (features, which), part in rows.groupby(["features", "specimens"], sort=False):
        counts = part["verdict"].value_counts().reindex(list(VERDICTS), fill_value=0)
        table.append((names.label(str(features)), _SPECIMENS[str(which)], *map(str, counts)))
    return table_of(
        f"Exploratory: verdicts from learnt features, each set corrected by itself ({ONE_SEED})",
        ("Features", "Specimens", *map(names.label, VERDICTS)),
        table,
        2,
        note="Test only: the same test on the specimens that the encoders never saw, by themselves.",
    )


def find_uv_value(uv_value: pd.DataFrame, names: ModalityNames, *, caution: str = "") -> list[Finding]:
    """Species in which UV adds to RGB, those in which RGB suffices, and how many are open or too few.

    Every claim ends with the caution, if there is one: a clause on what measured colour rests on.
    """
    rows = rank_uv_value(uv_value)
    if rows.empty:
        return []
    findings = [
        _judge_uv_row(row, names)
        for row in rows.assign(is_pattern=is_found_by_pattern(rows)).itertuples()
        if row.verdict in UV_CLAIMS
    ]
    sufficient = rows[rows["verdict"] == "rgb_suffices"]
    if len(sufficient):
        where = ", ".join(
            f"{write_species(str(row.species))} ({write_test(row)})" for row in sufficient.itertuples()
        )
        text = (
            f"{names.rgb} separates the classes, and what {names.uv} adds is shown to lie below the margin, "
            f"in {where}."
        )
        findings.append(Finding(text, is_claim=True))
    if caution:
        findings = [
            replace(one, text=f"{one.text.removesuffix('.')}; {caution}.") if one.is_claim else one
            for one in findings
        ]
    rows = rows[~rows["is_pooled"]]
    open_rows, few = ((rows["verdict"] == verdict).sum() for verdict in ("unresolved", "too_few"))
    if open_rows:
        findings.append(
            Finding(
                f"{open_rows} of {len(rows)} tests of what {names.uv} adds are unresolved.", is_claim=False
            )
        )
    if few:
        findings.append(Finding(f"{few} of {len(rows)} had too few specimens to be tested.", is_claim=False))
    return findings


def _write_seeds(row: Any) -> str:
    """`held in 4 of 5 trainings`; empty for colour, and where one seed was trained."""
    seeds = getattr(row, "n_seeds", float("nan"))
    return "" if pd.isna(seeds) else f"held in {row.n_held:.0f} of {seeds:.0f} trainings"


def _write_tips(row: Any) -> str:
    """`0.6 %, reliability 0.85`; empty where nothing is claimed."""
    noise = "" if pd.isna(row.noise_tip) else f"{100 * row.noise_tip:.2g}\u00a0%"
    reliability = "" if pd.isna(row.tip) else f"reliability {row.tip:.2f}"
    return ", ".join(part for part in (noise, reliability) if part)


def _judge_uv_row(row: Any, names: ModalityNames) -> Finding:
    n = f"n\u00a0=\u00a0{row.n_1:.0f}\u00a0+\u00a0{row.n_2:.0f}"
    numbers = f"({row.uv_adds:.1f}{interval(row.low, row.high, '{:.1f}'.format)}, {write_error(row)}, {n})"
    if row.is_pooled:
        carry = f"{row.n_species:.0f}, of which {row.n_carry:.0f} show it alone"
        where = f"On average over {row.species} ({carry})"
    else:
        where = f"In {write_species(str(row.species))}"
    only = f", and {names.rgb} alone hardly tells the classes apart" if row.verdict == "uv_only" else ""
    pattern = ", by pattern, not by mean colour" if row.is_pattern else ""
    seeds = f", which {_write_seeds(row)}" if _write_seeds(row) else ""
    holds = ""
    if pd.notna(row.noise_tip):
        holds = f"; it holds unless the band noise of a capture exceeds {100 * row.noise_tip:.2g}\u00a0%"
    elif pd.notna(row.tip):
        holds = f"; it holds unless the reliability of {names.rgb} is below {row.tip:.2f}"
    return Finding(
        f"{where}, {names.uv} adds to {names.rgb} about {write_test(row)} {numbers}"
        f"{only}{pattern}{seeds}{holds}.",
        is_claim=True,
    )
