"""What was planted in simulated specimens against what the report found: its table, sentence and place."""

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import scipy  # not its submodule stats, which takes half a second and loads by itself on first use

from xmodal_pipeline.evaluation.schema import COLOUR, UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.verdict import is_found_by_pattern
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.reporting.section import PageTable, Section
from xmodal_pipeline.reporting.uv_value.rows import VERDICTS
from xmodal_pipeline.reporting.words import MISSING, ModalityNames, interval, number, percent, write_species
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
"""δ below which a species counts as one without the trait; no test knows of it."""
_UNTESTED: Final = "too_few"


@dataclass(frozen=True)
class _Result:
    """What one set of features finds in a species: the row of the strongest verdict; "" is not asked."""

    verdict: str = ""
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")

    @property
    def is_tested(self) -> bool:
        return self.verdict not in ("", _UNTESTED)

    @property
    def is_claimed(self) -> bool:
        return self.verdict in UV_CLAIMS

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class _Outcome:
    """One species: what was planted, and what colour and learnt features find.

    Attributes:
        species: its name.
        role: what was planted.
        delta: of what the means of UV bands add to those of RGB.
        delta_pattern: of the pattern, on a scale of its own.
        n: specimens of either sex.
        by_colour: by mean colour.
        by_learnt: by learnt features.
        is_by_pattern: learnt features find it, and mean colour can be said not to.
    """

    species: str
    role: Role
    delta: float
    delta_pattern: float
    n: str
    by_colour: _Result
    by_learnt: _Result
    is_by_pattern: bool

    @property
    def is_planted(self) -> bool:
        delta = self.delta_pattern if self.role is Role.PATTERN else self.delta
        return self.role is not Role.PLAIN and delta >= _LEAST

    @property
    def is_empty(self) -> bool:
        """Nothing at all is planted."""
        return self.role is Role.PLAIN

    @property
    def is_tested(self) -> bool:
        return self.by_colour.is_tested or self.by_learnt.is_tested

    @property
    def is_claimed(self) -> bool:
        return self.by_colour.is_claimed or self.by_learnt.is_claimed

    @property
    def digits(self) -> int:
        """Of δ² and colour's interval: two where a limit would read like δ², on whichever side it lies."""
        if not self.is_planted or self.role is Role.PATTERN:
            return 1
        value, limits = self.delta**2, (self.by_colour.low, self.by_colour.high)
        return 2 if any(limit != value and number(limit, 1) == number(value, 1) for limit in limits) else 1

    def describe(self, least: float | None) -> str:
        """What was found beside what was planted.

        Args:
            least: the smallest distance² planted in the mean colour of other species; None without any.
        """
        if not self.is_tested:
            return "not tested: too few specimens"
        if not self.is_planted:
            return self._describe_nothing(least)
        if self.role is Role.PATTERN:
            return self._describe_pattern()
        found = "found" if self.is_claimed else "missed"
        if not self.by_colour.is_tested:
            return found
        holds = "holds" if self.by_colour.holds(self.delta**2) else "does not hold"
        return f"{found}; colour's interval {holds} δ²"

    def _describe_nothing(self, least: float | None) -> str:
        if self.is_claimed:
            return f"claimed, though {'nothing' if self.is_empty else 'hardly anything'} is planted"
        if least is None or not self.by_colour.is_tested:
            return "not claimed"
        excluded = "not excluded" if self.by_colour.high >= least else "excluded"
        return f"not claimed; an effect as planted {excluded}"

    def _describe_pattern(self) -> str:
        if self.by_colour.is_claimed:
            return "found, but by mean colour, which does not hold it"
        if not self.by_learnt.is_claimed:
            return "missed"
        return f"found by {'pattern, not by mean colour' if self.is_by_pattern else 'learnt features'}"


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
        f"{count_found(outcomes)} {_say_untried(outcomes, names)}".strip(),
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
    untested = f"; {few} more have too few specimens" if few else ""
    empty = sum(one.is_empty for one in tested)
    without = f"tested in which less than δ = {_LEAST:g} was planted, nothing in {empty}"
    found = _count([one.is_claimed for one in planted], "species that have it")
    claimed = _count([one.is_claimed for one in tested], without)
    return f"The trait is found in {found}{by_pattern}, and claimed in {claimed}{untested}."


def _count(is_claimed: list[bool], of: str) -> str:
    """`5 of 5 species that have it (exact 95 % interval 48 % to 100 %)`, by Clopper & Pearson (1934)."""
    found, total = sum(is_claimed), len(is_claimed)
    if not total:
        return f"0 of 0 {of}"
    share = scipy.stats.binomtest(found, total).proportion_ci()
    return f"{found} of {total} {of} (exact {interval(share.low, share.high, percent).removeprefix(' (')}"


def _say_untried(outcomes: list[_Outcome], names: ModalityNames) -> str:
    """The false claim that these species could not bring out; empty where they could."""
    if any(one.role is Role.REDUNDANT and one.is_tested for one in outcomes):
        return ""
    return (
        f"No tested species has a {names.uv} trait that {names.rgb} predicts: whether one is falsely claimed "
        "was not tried."
    )


def _compare(truth: pd.DataFrame, uv_value: pd.DataFrame) -> list[_Outcome]:
    """One outcome per simulated species, in the order in which they were made."""
    species = truth.drop_duplicates("species")
    rows = uv_value[
        (uv_value["family"] == "primary") & (uv_value["scope"] == "species") & (uv_value["label"] == _LABEL)
    ]
    rows = rows.assign(is_pattern=is_found_by_pattern(rows))
    return [
        _outcome(one, rows[rows["species"] == str(one.species).casefold()]) for one in species.itertuples()
    ]


def _outcome(species: Any, rows: pd.DataFrame) -> _Outcome:
    is_colour = rows["features"] == COLOUR
    by_colour, by_learnt = rows[is_colour], rows[~is_colour]
    tested = by_colour if len(by_colour) else by_learnt
    return _Outcome(
        species=str(species.species),
        role=Role(species.role),
        delta=species.sex_uv_adds,
        delta_pattern=species.sex_delta_pattern,
        n=f"{tested['n_1'].iloc[0]:.0f}+{tested['n_2'].iloc[0]:.0f}" if len(tested) else MISSING,
        by_colour=_strongest(by_colour),
        by_learnt=_strongest(by_learnt),
        is_by_pattern=bool(rows["is_pattern"].any()),
    )


def _strongest(rows: pd.DataFrame) -> _Result:
    """The first row of the strongest verdict over views and patches."""
    for verdict in VERDICTS:
        own = rows[rows["verdict"] == verdict]
        if len(own):
            return _Result(verdict, *(float(own[name].iloc[0]) for name in ("uv_adds", "low", "high")))
    return _Result()


def _tabulate(outcomes: list[_Outcome], truth: pd.DataFrame, names: ModalityNames) -> PageTable:
    of_colour = [one.delta**2 for one in outcomes if one.is_planted and one.role is not Role.PATTERN]
    least = min(of_colour, default=None)
    rows: list[tuple[str, ...]] = [
        (
            write_species(one.species),
            _name_planted(one, names),
            number(one.delta, 1),
            number(one.delta**2, one.digits),
            one.n,
            _write_result(one.by_colour, names, one.digits),
            _write_result(one.by_learnt, names),
            one.describe(least),
        )
        for one in outcomes
    ]
    return PageTable(
        f"What was planted of {_LABEL}, and what was found",
        ("Species", "Planted", "δ", "δ²", "n", "By mean colour", "By learnt features", "In words"),
        rows,
        numeric=frozenset({2, 3, 4}),
        note=_explain(truth, names),
        source="uv_value_csv",
    )


def _name_planted(outcome: _Outcome, names: ModalityNames) -> str:
    kind = names.rename(_KINDS[outcome.role])
    is_pattern = outcome.role is Role.PATTERN
    return f"{kind}, {number(outcome.delta_pattern, 1)} SD apart" if is_pattern else kind


def _write_result(result: _Result, names: ModalityNames, digits: int = 1) -> str:
    """`UV adds 22.2 (11.3–40.4)`, the interval with so many digits."""
    if not result.is_tested:
        return names.label(result.verdict) or MISSING
    limits = f"{number(result.low, digits)}–{number(result.high, digits)}"
    return f"{names.label(result.verdict)} {number(result.value, 1)} ({limits})"


def _explain(truth: pd.DataFrame, names: ModalityNames) -> str:
    """What δ is, and how far the bands of pattern species are from telling the sexes apart."""
    text = (
        f"δ: SDs between the sexes in the means of {names.uv} bands beyond those of {names.rgb}, for a "
        "perfect instrument; δ² is on the scale of the results by mean colour (95 % intervals)."
    )
    pattern = truth[truth["role"] == Role.PATTERN]
    if pattern.empty:
        return text
    means, sds, rgb = (
        float(pattern[f"sex_{name}"].max()) for name in ("delta_uv", "delta_uv_sd", "delta_rgb")
    )
    return (
        f"{text} Pattern: the sexes wear the same {names.uv} in another of two spots, so many SDs of its "
        f"place apart; band means show at most δ = {number(max(means, rgb))} of it, {names.uv}'s spread over "
        f"the body {number(sds)}."
    )
