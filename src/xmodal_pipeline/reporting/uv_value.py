"""What UV adds to RGB, per species and label: table, figure and sentence."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xmodal_pipeline.imaging.patches import WHOLE
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.reporting.cells import ONE_SEED
from xmodal_pipeline.reporting.data.colour import calibration_caution, colour_tags
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.section import Finding, PageTable, Section, table_of
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    GREY,
    MAX_HEIGHT_MM,
    PALETTE,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    fit_text,
    make_axes,
    make_figure,
    name_rows,
    shorten,
    styled,
)
from xmodal_pipeline.reporting.words import (
    DEFAULT_NAMES,
    ModalityNames,
    interval,
    number,
    with_interval,
    write_p,
    write_species,
)

VERDICTS: Final = {
    "uv_only": (PALETTE[0], "o"),
    "uv_adds": (PALETTE[2], "s"),
    "rgb_suffices": (PALETTE[1], "^"),
    "unresolved": (GREY, "D"),
    "too_few": ("#999999", "x"),
}
"""Colour and marker of each verdict of `uv_value`, strongest first."""
_CLAIMS: Final = ("uv_only", "uv_adds")
_COLOUR: Final = "colour"
_SPECIMENS: Final = {"all": "all", "test": "test only"}
_UNITS: Final = {
    "reflectance": "",
    "relative": "Colour is relative to one white, not calibrated reflectance",
    "uncalibrated": "Uncalibrated: colour is in camera units",
}


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
    is_one_seed = known_uv_value_seeds.empty and set(evaluation.uv_value_features) - {_COLOUR}
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


def write_test(row: Any) -> str:
    """What a row of `uv_value` tests: the label, and the view, patch and features where these tell apart."""
    features = "" if row.features == _COLOUR else row.features
    where = ", ".join(str(part) for part in (row.view, row.patch, features) if part and part != WHOLE)
    return f"{row.label} ({where})" if where else str(row.label)


def rank_uv_value(uv_value: pd.DataFrame) -> pd.DataFrame:
    """The primary rows of `uv_value`: by lower limit, highest first, then too few, then pooled rows."""
    rows = uv_value[uv_value["family"] == "primary"]
    ranked = rows.assign(is_pooled=rows["scope"] != "species").sort_values(
        ["is_pooled", "low", "uv_adds"], ascending=[True, False, False], na_position="last", kind="stable"
    )
    return ranked.reset_index(drop=True)


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
        _judge_uv_row(row, names, is_pattern=_is_pattern(row, rows))
        for row in rows.itertuples()
        if row.verdict in _CLAIMS
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


def _is_pattern(row: Any, rows: pd.DataFrame) -> bool:
    """Whether the learnt feature alone finds it: no view or patch of colour does."""
    is_same = (rows["species"] == row.species) & (rows["label"] == row.label)
    by_colour = is_same & (rows["features"] == _COLOUR) & rows["verdict"].isin(_CLAIMS)
    return row.features != _COLOUR and not row.is_pooled and not by_colour.any()


def _write_error(row: Any) -> str:
    """q, or p where there is no q; empty without either."""
    name = "q" if pd.notna(row.q) else "p"
    value = getattr(row, name)
    return "" if pd.isna(value) else write_p(name, value)


def _write_seeds(row: Any) -> str:
    """`held in 4 of 5 trainings`; empty for colour, and where one seed was trained."""
    seeds = getattr(row, "n_seeds", float("nan"))
    return "" if pd.isna(seeds) else f"held in {row.n_held:.0f} of {seeds:.0f} trainings"


def _write_tips(row: Any) -> str:
    """`0.6 %, reliability 0.85`; empty where nothing is claimed."""
    noise = "" if pd.isna(row.noise_tip) else f"{100 * row.noise_tip:.2g}\u00a0%"
    reliability = "" if pd.isna(row.tip) else f"reliability {row.tip:.2f}"
    return ", ".join(part for part in (noise, reliability) if part)


def _judge_uv_row(row: Any, names: ModalityNames, *, is_pattern: bool) -> Finding:
    n = f"n\u00a0=\u00a0{row.n_1:.0f}\u00a0+\u00a0{row.n_2:.0f}"
    numbers = f"({row.uv_adds:.1f}{interval(row.low, row.high, '{:.1f}'.format)}, {_write_error(row)}, {n})"
    if row.is_pooled:
        carry = f"{row.n_species:.0f}, of which {row.n_carry:.0f} show it alone"
        where = f"On average over {row.species} ({carry})"
    else:
        where = f"In {write_species(str(row.species))}"
    only = f", and {names.rgb} alone hardly tells the classes apart" if row.verdict == "uv_only" else ""
    pattern = ", by pattern, not by mean colour" if is_pattern else ""
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


def picture_uv_value(uv_value: pd.DataFrame, names: ModalityNames) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_uv_value`."""
    return print_figure(
        "uv_value",
        f"What {names.uv} adds to {names.rgb}",
        f"Class difference in {names.uv} beyond what {names.rgb} predicts, per species, with 95 % "
        "intervals; 0 means nothing is added. Verdicts are corrected for false discoveries.",
        lambda width_mm: draw_uv_value(uv_value, names=names, width_mm=width_mm),
    )


def picture_uv_value_of_colour(study: Study, uv_value_colour: pd.DataFrame) -> ReportFigure:
    """The figure of a study that trained nothing, under the units that colour was measured in."""
    names = ModalityNames.of(study)
    # Alone, the set is what is looked at, whatever the study's primary set is.
    alone = uv_value_colour.assign(family="primary")
    return print_figure(
        "uv_value_colour",
        f"What {names.uv} adds to {names.rgb}, by mean colour",
        f"Class difference in the mean of {names.uv} bands beyond what {names.rgb} bands predict, per "
        "species, with 95 % intervals; 0 means nothing is added. Nothing was trained.",
        lambda width_mm: draw_uv_value(
            alone, names=names, width_mm=width_mm, heading=_UNITS[study.colour_units]
        ),
    )


@styled
def draw_uv_value(
    uv_value: pd.DataFrame,
    *,
    most: int = 36,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
    heading: str = "",
) -> Figure:
    """What UV adds to RGB per species and label, ranked by the lower limit, with interval, n, q and verdict.

    Args:
        uv_value: the table `uv_value`, with its primary set of features.
        most: rows drawn, those with the highest lower limit, as far as the page holds them; the title says
            how many there are.
        names: display names of the modalities.
        width_mm: numbers stand at the right of a row in double-column width, else below its name; colour,
            shape and legend alone then tell the verdict.
        heading: above the figure.

    Returns:
        A row per species and label that has numbers, the strongest at the top.

    Raises:
        NothingToDrawError: if no row has a number.
    """
    ranked = rank_uv_value(uv_value)
    few = ranked["uv_adds"].isna().sum()
    ranked = ranked.dropna(subset="uv_adds").reset_index(drop=True)
    if ranked.empty:
        raise NothingToDrawError(
            "no label with two classes had enough specimens of either class in any species"
        )
    is_wide = width_mm > SINGLE_COLUMN_MM
    height_mm, legend_mm = (5.2, 12) if is_wide else (7.2, 20)
    shown = ranked.head(min(most, int((MAX_HEIGHT_MM - 20 - legend_mm) / height_mm)))
    # Title, axis and legend leave no room to fewer rows.
    figure = make_figure(width_mm, 20 + height_mm * max(len(shown), 4))
    axes = make_axes(figure)[0, 0]
    for verdict, style in VERDICTS.items():
        rows = shown[shown["verdict"] == verdict]
        if len(rows):
            _draw_ranked(
                axes, rows, style, f"{names.label(verdict)} ({(ranked['verdict'] == verdict).sum()})"
            )
    drawn: list[Any] = list(shown.itertuples())
    texts = [f"{write_species(str(row.species))}, {write_test(row)}" for row in drawn]
    notes = [_note(row, names, with_verdict=is_wide) for row in drawn]
    if is_wide:
        name_rows(axes, texts, notes)
    else:
        name_rows(axes, [f"{shorten(text, 38)}\n{note}" for text, note in zip(texts, notes, strict=True)])
    axes.axvline(0, color="black", linewidth=0.8)
    about = f"what {names.uv} adds given {names.rgb} (squared standardised difference, 95 % interval)"
    left_out = [
        f"{len(shown)} of {len(ranked)} rows" if len(ranked) > len(shown) else "",
        f"too few specimens in {few} more" if few else "",
    ]
    more = "; ".join(filter(None, left_out))
    title = f"Ranked by lower limit ({more})" if more else "Ranked by lower limit"
    axes.set(
        xlabel=fit_text(about, (0.57 if is_wide else 0.38) * width_mm),
        title=fit_text(title, 0.5 * width_mm, is_title=True),
    )
    add_legend(figure, axes.get_legend_handles_labels()[0])
    if heading:
        figure.suptitle(heading, fontsize=7)
    return figure


def _draw_ranked(axes: Axes, rows: pd.DataFrame, style: tuple[str, str], label: str) -> None:
    colour, marker = style
    value, low, high = (rows[column].to_numpy(dtype=float) for column in ("uv_adds", "low", "high"))
    errors = np.stack([value - low, high - value])
    axes.errorbar(
        value,
        rows.index.to_numpy(),
        xerr=errors,
        color=colour,
        marker=marker,
        linestyle="",
        elinewidth=1,
        label=label,
    )


def _note(row: Any, names: ModalityNames, *, with_verdict: bool) -> str:
    """The numbers of a row: n per class, q (p where there is no q), verdict."""
    n = f"n = {row.n_1:.0f} + {row.n_2:.0f}"
    error = _write_error(row)
    verdict = names.label(str(row.verdict)) if with_verdict else ""
    noise = f"noise ≤ {100 * row.noise_tip:.2g} %" if pd.notna(row.noise_tip) else ""
    return ", ".join(part for part in (n, error, noise, verdict) if part)
