"""How the models learnt: curves, what looked wrong, and the sentence on training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter

from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.train import COARSE_PX, LossParams, TrainingParams
from xmodal_pipeline.params.variants import STRATEGIES
from xmodal_pipeline.reporting.cells import SeedSpread
from xmodal_pipeline.reporting.figure import ReportFigure, print_figure
from xmodal_pipeline.reporting.section import Chapter, PageTable, Section, table_of
from xmodal_pipeline.reporting.style import (
    DOUBLE_COLUMN_MM,
    GREY,
    SINGLE_COLUMN_MM,
    NothingToDrawError,
    add_legend,
    category_styles,
    fit_text,
    legend_entry,
    make_axes,
    make_figure,
    styled,
)
from xmodal_pipeline.reporting.words import DEFAULT_NAMES, ModalityNames


@dataclass(frozen=True)
class _Panel:
    """Columns of a history that share an axis; each column has its own line style."""

    title: str
    columns: tuple[str, ...]
    """Column names; one that ends in `*` stands for all that begin so and have no panel of their own."""
    is_log: bool = False
    reference: float | None = None
    is_moving: bool = False
    """Drawn only where a column changes."""


_PANELS: Final = (
    _Panel("Loss, all terms (nats)", ("loss",)),
    _Panel("Cross-modal term (nats)", ("loss_cross_modal",)),
    _Panel("Intra-modal terms (nats)", ("loss_intra_rgb", "loss_intra_uv")),
    _Panel("Joint term (nats)", ("loss_joint",)),
    _Panel("Further terms", ("loss_*",)),
    _Panel("Validation recall@1", ("validation_recall_at_1",)),
    _Panel("Validation: match above other", ("validation_match_above_other",), reference=0.5),
    _Panel("Temperature", ("temperature_*",), is_moving=True),
    _Panel("Loss weights", ("weight_*",), is_moving=True),
    _Panel("Encoder gradient norm", ("grad_norm_rgb", "grad_norm_uv"), is_log=True),
    _Panel("Cosine of the two gradients", ("grad_cosine",), reference=0.0),
    _Panel("Spread of projections", ("spread_rgb", "spread_uv")),
    _Panel("Modality gap", ("modality_gap",)),
)
_TICKS_MM: Final = 11.0
"""What tick labels take from the width of a panel."""
_LINES: Final = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1, 1, 1)))


def training_section(
    study: Study,
    histories: pd.DataFrame,
    augmented_views: ReportFigure,
    known_seed_spread: pd.DataFrame,
    training: TrainingParams,
    loss: LossParams,
) -> Section:
    """Curves, augmented views, and how far one training run may be believed."""
    names, spread = ModalityNames.of(study), SeedSpread(known_seed_spread)
    return Section(
        "trust",
        "How much may I trust this?",
        methods={"training": describe_training(study, histories, training, loss)},
        facts=(seed_fact(training.seed, spread.most_seeds),) if len(histories) else (),
        chapters=(
            Chapter(
                "training",
                "Training",
                "How the models learnt, without labels.",
                figures=(picture_training_curves(histories, names), augmented_views),
            ),
        ),
    )


def seed_fact(seed: int, most_seeds: int) -> tuple[str, str]:
    """What learnt numbers rest on: one training run, and the spread between seeds where it is known."""
    one_run = f"Learnt numbers come from one training run (seed {seed})"
    if not most_seeds:
        return (
            "One seed: exploratory",
            f"{one_run}; another may reverse a verdict. Mean colour needs none. The pipeline ablation trains "
            "several.",
        )
    return (
        "One seed shown",
        f"{one_run}; beside them stands their standard deviation (SD) between {most_seeds} seeds, where "
        "those were trained.",
    )


def diagnostics_section(study: Study, diagnostics: pd.DataFrame) -> Section:
    """Coded diagnostics with what to do."""
    if diagnostics.empty:
        return Section("trust", reasons=("Nothing looked wrong in training: no diagnostic was raised.",))
    return Section("trust", tables=(tabulate_diagnostics(diagnostics, ModalityNames.of(study)),))


def tabulate_diagnostics(diagnostics: pd.DataFrame, names: ModalityNames) -> PageTable:
    """Coded diagnostics with what to do; whatever columns the table has, in its order."""
    header = [names.label(str(column)).capitalize() for column in diagnostics.columns]
    rows = [[names.rename(str(value)) for value in row] for row in diagnostics.itertuples(index=False)]
    return table_of(
        "What looked wrong in training, and what to do", header, rows, len(header), source="diagnostics"
    )


def picture_training_curves(histories: pd.DataFrame, names: ModalityNames) -> ReportFigure:
    """The figure as files, or why there is none; see `draw_training_curves`."""
    return print_figure(
        "training",
        "Training curves",
        "One colour per variant. Balance: gradient norms at the two encoders, and the cosine between "
        "the gradients of the modalities (below 0 they pull in opposite directions). A spread near 0 is "
        "a collapse; the gap is the distance between the modalities' mean projections.",
        lambda width_mm: draw_training_curves(histories, names=names, width_mm=width_mm),
    )


@styled
def draw_training_curves(
    histories: pd.DataFrame,
    *,
    names: ModalityNames = DEFAULT_NAMES,
    width_mm: float = DOUBLE_COLUMN_MM,
) -> Figure:
    """Loss terms, validation retrieval, temperature and balance per epoch, a colour per variant.

    A panel appears where at least one variant has a value for it; a term of the loss that has no panel of its
    own shares one with the others.

    Args:
        histories: one row per variant and epoch.
        names: display names of the modalities.
        width_mm: three panels to a row in double-column width, else two.

    Returns:
        A panel per subject.

    Raises:
        NothingToDrawError: if no history has a value.
    """
    panels = [(panel, drawn) for panel in _PANELS if (drawn := _present(panel, histories))]
    if not panels:
        raise NothingToDrawError("no variant was trained")
    columns, row_mm = (3, 44) if width_mm > SINGLE_COLUMN_MM else (2, 40)
    rows = -(-len(panels) // columns)
    figure = make_figure(width_mm, 3 + row_mm * rows)
    axes = make_axes(figure, rows, columns)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    styles = category_styles(histories["variant"].unique().tolist())
    for axis, (panel, drawn) in zip(axes.flat, panels, strict=False):
        for variant, history in histories.groupby("variant", sort=False):
            _draw_lines(axis, history, drawn, styles[str(variant)])
        _finish(axis, panel, drawn, names)
        axis.set_title(fit_text(panel.title, width_mm / columns - _TICKS_MM, is_title=True))
    handles = [
        legend_entry(names.model(variant), colour, marker, "-")
        for variant, (colour, marker) in styles.items()
    ]
    add_legend(figure, handles)
    return figure


def _present(panel: _Panel, histories: pd.DataFrame) -> list[str]:
    """The panel's columns that have a value, in its order."""
    named = {column for one in _PANELS for column in one.columns}
    found = []
    for pattern in panel.columns:
        stem = pattern.removesuffix("*")
        found += [
            column
            for column in map(str, histories.columns)
            if column == pattern or (stem != pattern and column.startswith(stem) and column not in named)
        ]
    least = 1 if panel.is_moving else 0
    return [column for column in found if histories.groupby("variant")[column].nunique().max() > least]


def _draw_lines(axes: Axes, history: pd.DataFrame, columns: list[str], style: tuple[str, str]) -> None:
    colour, marker = style
    for line, column in enumerate(columns):
        known = history[history[column].notna()]
        if known.empty:
            continue
        axes.plot(
            known["epoch"],
            known[column],
            color=colour,
            marker=marker,
            markevery=max(len(known) // 6, 1),
            markersize=2.8,
            linestyle=_LINES[line % len(_LINES)],
            label=column,
        )


def _finish(axes: Axes, panel: _Panel, columns: list[str], names: ModalityNames) -> None:
    axes.set(xlabel="epoch", yscale="log" if panel.is_log else "linear")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if panel.is_log:
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(y=0.12)
    if panel.reference is not None:
        axes.axhline(panel.reference, color=GREY, linewidth=0.6, zorder=0)
    if len(columns) > 1:
        stem = _common_prefix(columns)
        handles = [
            legend_entry(names.label(column.removeprefix(stem)), GREY, line=_LINES[i % len(_LINES)])
            for i, column in enumerate(columns)
        ]
        _raise_limit(axes, 0.16 * len(handles))
        axes.legend(handles=handles, loc="upper right", handlelength=2.4, borderaxespad=0)
    if panel.is_log:
        # Round numbers at equal distances: those of the usual locators crowd at the top or are missing.
        ticks = {float(f"{value:.1g}") for value in np.geomspace(*axes.get_ylim(), 5)}
        axes.yaxis.set_major_locator(FixedLocator(sorted(ticks)))


def _raise_limit(axes: Axes, share: float) -> None:
    """Keep this share of the panel free of lines, at the top."""
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(axes.get_ylim())
    axes.set_ylim(top=float(scale.inverted().transform(low + (high - low) / (1 - share))))


def _common_prefix(columns: list[str]) -> str:
    """What all columns begin with, up to an underscore: `grad_norm_` of both gradient norms."""
    words = [column.split("_") for column in columns]
    shared = 0
    while all(len(w) > shared + 1 for w in words) and len({w[shared] for w in words}) == 1:
        shared += 1
    return "".join(f"{word}_" for word in words[0][:shared])


def _start(training: TrainingParams) -> str:
    """What the encoders were before, and how much of them learnt."""
    if not training.is_pretrained:
        return "randomly initialised"
    learnt = {"full": "", "frozen": ", frozen", "lora": ", low-rank adapters, Hu et al. 2022"}[training.trunk]
    file = "" if training.weights is None else f" ({training.weights.name})"
    return f"pretrained{file}{learnt}"


def _rates(training: TrainingParams, names: ModalityNames) -> str:
    own = {names.rgb: training.lr_rgb, names.uv: training.lr_uv}
    special = [f", {rate:g} in the {name} encoder" for name, rate in own.items() if rate is not None]
    return f"learning rate {training.lr:g}{''.join(special)}"


def describe_training(
    study: Study, histories: pd.DataFrame, training: TrainingParams, loss: LossParams
) -> str:
    """Which variants were trained how, and which epoch was kept."""
    if histories.empty:
        return "No model was trained."
    names, trained = ModalityNames.of(study), histories["variant"].unique().tolist()
    variants = ", ".join(names.model(variant) for variant in trained)
    has_choice = histories["validation_recall_at_1"].notna().any()
    kept = " whose validation recall@1 was within one standard error of the best" if has_choice else ""
    return (
        f"Contrastive models ({variants}; {training.backbone}, {_start(training)}) were trained without "
        f"labels for up to {histories['variant'].value_counts().max()} epochs "
        f"(AdamW, Loshchilov & Hutter 2019, "
        f"{_rates(training, names)}, batch {training.batch_size}, {_loss(trained, loss)}; "
        f"seed {training.seed}); the last epoch{kept} was kept.{_linear(histories, names)}"
    )


def _linear(histories: pd.DataFrame, names: ModalityNames) -> str:
    """What stands beside the learnt projections, and how much of it."""
    shares = histories.groupby("variant", sort=False)["linear_share"].last()
    said = [f"{share:.0%} in {names.label(str(name))}" for name, share in shares[shares > 0].items()]
    if not said:
        return ""
    side = f"{COARSE_PX} × {COARSE_PX}"
    return (
        f" Of the similarity of two projections, a share ({', '.join(said)}) is the cosine under PCA and "
        f"canonical correlation (Vinod 1976) of {side} pixels, fitted on training and validation captures."
    )


def _loss(trained: Sequence[str], loss: LossParams) -> str:
    """Temperature and weights; of variants that see one modality there is one term."""
    learnt = f"temperatures learnt from {loss.temperature:g} on, one per term"
    temperature = learnt if loss.adaptive_temperature else f"temperature {loss.temperature:g}"
    if not set(trained) & set(STRATEGIES):
        return f"{temperature}, {_term('intra_modal', loss)} alone"
    return f"{temperature}, weights {', '.join(_weights(loss))}"


def _weights(loss: LossParams) -> list[str]:
    """Weight and name of every term; first those that a curriculum moves, and the path that it takes."""
    start, end = loss.curriculum_start.model_dump(), loss.curriculum_end.model_dump()
    path = {"linear": "along a line", "cosine": "along half a cosine"}.get(loss.curriculum)
    moving = [term for term in loss.weights if path and term in start]
    moved = [f"from {start[term]:g} to {end[term]:g} {_term(term, loss)}" for term in moving]
    if moved:
        moved[-1] += f" {path} over the training"
    kept = [term for term in loss.weights if term not in moving]
    return moved + [f"{loss.weights[term]:g} {_term(term, loss)}" for term in kept]


def _term(term: str, loss: LossParams) -> str:
    is_comm = term == "joint" and loss.joint_mode == "comm" and loss.joint_weight > 0
    source = " (CoMM, Dufumier et al. 2025)" if is_comm else ""
    return f"{type(loss).model_fields[f'{term}_weight'].title}{source}"
