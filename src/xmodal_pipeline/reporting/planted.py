"""What was planted in simulated specimens against what the report found: its table, sentence and place."""

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from xmodal_pipeline.evaluation.schema import COLOUR, UV_CLAIMS
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.reporting.section import PageTable, Section
from xmodal_pipeline.reporting.uv_value.rows import VERDICTS
from xmodal_pipeline.reporting.words import MISSING, ModalityNames, number, write_species
from xmodal_pipeline.simulation.species import Role

_LABEL: Final = "sex"
"""The label whose trait is planted in UV."""
_KINDS: Final = {
    Role.UV_ONLY: "UV: mean colour",
    Role.LEAKING: "UV and in part RGB: mean colour",
    Role.PATTERN: "UV: pattern",
    Role.REDUNDANT: "RGB and UV alike: mean colour",
    Role.RGB_ONLY: "RGB: mean colour",
    Role.PLAIN: "nothing",
}
_LEAST: Final = 0.5
"""δ of what UV adds below which a species counts as one in which it adds nothing."""
_UNTESTED: Final = "too_few"


@dataclass(frozen=True)
class _Outcome:
    """One species: what was planted, and the verdicts by colour and by learnt features; "" is not asked."""

    species: str
    role: Role
    delta: float
    n: str
    by_colour: str
    by_learnt: str

    @property
    def is_planted(self) -> bool:
        return self.role is not Role.PLAIN and self.delta >= _LEAST

    @property
    def is_tested(self) -> bool:
        return bool({self.by_colour, self.by_learnt} - {"", _UNTESTED})

    @property
    def is_claimed(self) -> bool:
        return bool({self.by_colour, self.by_learnt} & set(UV_CLAIMS))

    @property
    def is_by_pattern(self) -> bool:
        return self.by_learnt in UV_CLAIMS and self.by_colour not in ("", *UV_CLAIMS)

    @property
    def judgement(self) -> str:
        if not self.is_tested:
            return "not tested: too few specimens"
        if not self.is_planted:
            return "wrong: nothing is planted" if self.is_claimed else "right: nothing is claimed"
        if not self.is_claimed:
            return "missed"
        if self.role is Role.PATTERN and self.by_colour in UV_CLAIMS:
            return "found, but by mean colour, which does not hold it"
        return "right: found by pattern, not by mean colour" if self.is_by_pattern else "right: found"


def planted_section(
    study: Study, simulated_truth: pd.DataFrame, uv_value: pd.DataFrame, known_uv_value_seeds: pd.DataFrame
) -> Section:
    """Planted against found, per species; for real captures a section without a title, which the page omits.

    Args:
        study: whose captures these are.
        simulated_truth: a row per simulated capture; no rows if the captures are real.
        uv_value: of every set of features.
        known_uv_value_seeds: of the pipeline `ablation`; stands instead of one training's where there is one.
    """
    if simulated_truth.empty:
        return Section("planted")
    names = ModalityNames.of(study)
    primary = uv_value if known_uv_value_seeds.empty else known_uv_value_seeds
    outcomes = _compare(simulated_truth, primary)
    return Section(
        "planted",
        "Planted against found",
        f"These specimens are simulated, and what {names.uv} shows of their {_LABEL} was planted. "
        f"{count_found(outcomes)}",
        tables=(_tabulate(outcomes, simulated_truth, names),),
    )


def count_found(outcomes: list[_Outcome]) -> str:
    """In how many species with the trait it is found, and in how many without it something is claimed."""
    planted = [one for one in outcomes if one.is_planted]
    others = [one for one in outcomes if not one.is_planted]
    tested = [one for one in others if one.is_tested]
    patterns = sum(one.is_by_pattern for one in planted)
    by_pattern = f", {patterns} of them by pattern, not by mean colour" if patterns else ""
    few = len(others) - len(tested)
    untested = f" ({few} more have too few specimens)" if few else ""
    return (
        f"The trait is found in {sum(one.is_claimed for one in planted)} of {len(planted)} species that have "
        f"it{by_pattern}, and claimed in {sum(one.is_claimed for one in tested)} of {len(tested)} tested "
        f"that do not{untested}."
    )


def _compare(truth: pd.DataFrame, uv_value: pd.DataFrame) -> list[_Outcome]:
    """One outcome per simulated species, in the order in which they were made."""
    species = truth.drop_duplicates("species")
    if uv_value.empty:
        return [_outcome(one, uv_value, uv_value) for one in species.itertuples()]
    rows = uv_value[
        (uv_value["family"] == "primary") & (uv_value["scope"] == "species") & (uv_value["label"] == _LABEL)
    ]
    is_colour = rows["features"] == COLOUR
    outcomes = []
    for one in species.itertuples():
        is_own = rows["species"] == str(one.species).casefold()
        outcomes.append(_outcome(one, rows[is_own & is_colour], rows[is_own & ~is_colour]))
    return outcomes


def _outcome(species: Any, by_colour: pd.DataFrame, by_learnt: pd.DataFrame) -> _Outcome:
    role = Role(species.role)
    tested = by_colour if len(by_colour) else by_learnt
    return _Outcome(
        species=str(species.species),
        role=role,
        delta=species.sex_delta_pattern if role is Role.PATTERN else species.sex_uv_adds,
        n=f"{tested['n_1'].iloc[0]:.0f} + {tested['n_2'].iloc[0]:.0f}" if len(tested) else MISSING,
        by_colour=_strongest(by_colour),
        by_learnt=_strongest(by_learnt),
    )


def _strongest(rows: pd.DataFrame) -> str:
    """The strongest verdict over views and patches."""
    return next((verdict for verdict in VERDICTS if len(rows) and (rows["verdict"] == verdict).any()), "")


def _tabulate(outcomes: list[_Outcome], truth: pd.DataFrame, names: ModalityNames) -> PageTable:
    rows: list[tuple[str, ...]] = [
        (
            write_species(one.species),
            names.rename(_KINDS[one.role]),
            number(one.delta, 1),
            one.n,
            names.label(one.by_colour) or MISSING,
            names.label(one.by_learnt) or MISSING,
            one.judgement,
        )
        for one in outcomes
    ]
    return PageTable(
        f"What was planted of {_LABEL}, and what was found",
        ("Species", "Planted", "δ", "n", "By mean colour", "By learnt features", "In words"),
        rows,
        numeric=frozenset({2, 3}),
        note=_explain(truth, names),
        source="uv_value_csv",
    )


def _explain(truth: pd.DataFrame, names: ModalityNames) -> str:
    """What δ is, and how far the bands of pattern species are from telling the sexes apart."""
    text = (
        f"δ: distance of the sexes in SDs of a specimen, as a perfect instrument would measure it: what the "
        f"means of {names.uv} bands add to those of {names.rgb}; of a pattern, how much of the {names.uv} of "
        f"two spots lies forward. Below {_LEAST:g}, {names.uv} counts as adding nothing."
    )
    pattern = truth[truth["role"] == Role.PATTERN]
    if pattern.empty:
        return text
    means, sds, rgb = (pattern[f"sex_{name}"].max() for name in ("delta_uv", "delta_uv_sd", "delta_rgb"))
    return (
        f"{text} The sexes of pattern species have the same band means and SDs: what is left is δ = "
        f"{number(means)} in the means and {number(sds)} in the SDs of {names.uv}, and {number(rgb)} in the "
        f"means of {names.rgb}."
    )
