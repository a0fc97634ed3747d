"""What ultraviolet says about a class that visible light does not, species by species."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from xmodal_pipeline.evaluation.schema import UV_CLAIMS
from xmodal_pipeline.evaluation.uv_value.analysis import Analysis
from xmodal_pipeline.evaluation.uv_value.inputs import (
    align_rows,
    average_repeats,
    build_analysis,
    check_features,
    check_lengths,
)
from xmodal_pipeline.evaluation.uv_value.pooling import MINIMUM_POOLED, pool_species
from xmodal_pipeline.evaluation.uv_value.tips import Tips
from xmodal_pipeline.evaluation.uv_value.verdict import COLUMNS, PRIMARY, judge


def uv_value(  # noqa: PLR0913 - one call answers for a whole study; all but the data have defaults
    rgb: ArrayLike,
    uv: ArrayLike,
    labels: ArrayLike,
    species: ArrayLike,
    repeats: ArrayLike | None = None,
    seed: int = 0,
    *,
    minimum_n: int = 6,
    margin: float = 1.0,
    clade: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    covariates: ArrayLike | None = None,
    is_learnt: bool | None = None,
    label_name: str = "label",
    view: str = "",
    patch: str = "",
    features_name: str = "colour",
) -> pd.DataFrame:
    """Test, for every species, whether UV separates two classes beyond what RGB already tells.

    UV is predicted from all of RGB by slopes, squares and cubes learnt on the other species; the class from
    the species' own RGB score; and the test asks whether the two residuals go together. `uv_adds` is the
    squared distance between the classes in UV given RGB, in units of UV's residual covariance: 0 when UV says
    nothing beyond RGB, 1 when the classes are one SD apart. Nothing is drawn at random.

    A specimen of which an RGB feature lies beyond five robust SDs of its class is set aside and named.
    Species with fewer than `minimum_n` per class are `too_few`, without numbers; with three per class they
    enter the pooled rows (all species, and each clade).

    Args:
        rgb: (n, d1) features, finite; logarithms of colour, or an embedding (d1 > 12): linear terms only.
        uv: (n, d2) features of the same rows.
        labels: (n,) two classes; specimens without one (None, NaN, NA) are left out and counted. Classes are
            sorted; no column depends on which comes first, except n_1, n_2 and `classes`.
        species: (n,) species of each row; rows without one are left out.
        repeats: (n,) specimen of each row. Rows that share one are averaged, and from 40 specimens with
            several rows the noise of RGB is estimated and corrected for. None: every row is a specimen.
        seed: changes nothing; kept so that all public evaluations are called alike.
        minimum_n: specimens per class that a species needs.
        margin: distance, in SDs of UV given RGB, below which RGB is said to suffice.
        clade: (n,) group of species, for pooled rows of its own; optional.
        blocks: (n,) nuisance groups, such as year or session. Classes are then compared within species x
            block only, and n counts specimens in blocks that hold both classes. Without it, a class
            confounded with year is taken for a class that differs.
        covariates: (n,) or (n, c) nuisance numbers, such as size. They stand beside the columns of RGB, in
            UV's prediction (linearly) and in the score, but not in the AUCs, and count as free of noise.
        is_learnt: linear terms of RGB only and no outliers; None: where rgb has more than twelve columns.
        label_name: written into the column `label`.
        view: written into the column `view`.
        patch: written into the column `patch`.
        features_name: written into the column `features`.

    Returns:
        The columns of `COLUMNS`: one row per species by the lower limit of `uv_adds`, largest first, then
        species with too few specimens, then pooled rows (`scope` clade or all). AUCs are leave-pair-out.
        `uv_adds_unbiased`, with the error `uv_adds_se`, may lie below 0: means over species are taken of it.
        `noise_tip` is the highest noise of a capture of RGB (SD, in units of the features: of logarithms a
        share) and `tip` the lowest reliability of RGB under which a claimed row would still be claimed;
        `noise_sd` is what the captures of `n_repeated` specimens say that noise is. `uv_difference` is how
        far the second class lies above the first in UV, mean over its columns, `p_uv` whether UV by itself
        separates them; these three are empty for embeddings.

    Raises:
        ValueError: if lengths differ, features are not finite, captures of a specimen disagree, or the labels
            are not two classes.
        FeaturesConstantError: if a modality does not vary within cells (a ValueError).

    References:
        Westfall & Yarkoni (2016) PLoS ONE 11:e0152719; Bell & McCaffrey (2002) Surv. Methodol. 28:169;
        Smyth (2004) Stat. Appl. Genet. Mol. Biol. 3:3.
    """
    del seed
    shaped = None if covariates is None else np.asarray(covariates, dtype=float)
    part = prepare_part(
        (rgb, uv, np.empty((len(np.asarray(rgb)), 0)) if shaped is None else _as_columns(shaped)),
        {"labels": labels, "species": species, "clade": clade, "blocks": blocks},
        repeats,
        minimum_n=minimum_n,
        is_learnt=is_learnt,
        names={"label": label_name, "view": view, "patch": patch, "features": features_name},
    )
    return judge_parts([part], margin=margin)


@dataclass(frozen=True)
class Part:
    """One label, view, patch and set of features: its analysis and its rows before correction."""

    analysis: Analysis
    rows: pd.DataFrame


def prepare_part(
    sides: tuple[ArrayLike, ArrayLike, ArrayLike],
    given: dict[str, ArrayLike | None],
    repeats: ArrayLike | None,
    *,
    minimum_n: int,
    is_learnt: bool | None,
    names: dict[str, str],
    family: str = PRIMARY,
) -> Part:
    """Estimates of one table; see `uv_value` for what is given and raised.

    Args:
        sides: rgb, uv and covariates.
        given: labels, species, clade and blocks.
        repeats: specimen of each row.
        minimum_n: specimens per class that a species needs.
        is_learnt: as for `uv_value`.
        names: label, view, patch and features, as written into the rows.
        family: written into the column `family`.
    """
    checked = {
        name: check_features(values, name)
        for name, values in zip(("rgb", "uv", "covariates"), sides, strict=True)
    }
    check_lengths(checked)
    averaged, known, captures, repeated = average_repeats(
        checked, align_rows(len(checked["rgb"]), given), repeats
    )
    analysis, used, aside = build_analysis(averaged, known, captures, repeated, is_learnt=is_learnt)
    estimates = analysis.estimate()
    rows = _species_rows(analysis, used, aside, estimates, minimum_n=minimum_n)
    unlabelled = known.loc[known["labels"].isna(), "species"].value_counts()
    rows["n_unlabelled"] = unlabelled.reindex(rows["species"], fill_value=0).to_numpy()
    pooled = _pooled_rows(analysis, used, estimates)
    stacked = pd.concat([rows, pooled], ignore_index=True) if len(pooled) else rows
    classes = " | ".join(str(name) for name in sorted(used["labels"].unique()))
    told = zip(("noise_sd", "noise_low", "noise_high"), repeated.sd, strict=True)
    stacked = stacked.assign(**names, family=family, classes=classes, n_repeated=repeated.n)
    stacked = stacked.assign(**{name: np.nan if analysis.is_learnt else value for name, value in told})
    return Part(analysis, stacked.reindex(columns=[*COLUMNS, "species_code"]))


def judge_parts(parts: Sequence[Part], *, margin: float) -> pd.DataFrame:
    """Correct the rows of several parts together, and say of each claim how noisy RGB may be.

    Args:
        parts: of `prepare_part`.
        margin: as for `uv_value`.

    Returns:
        The columns of `COLUMNS`.
    """
    stacked = pd.concat([part.rows.assign(part=i) for i, part in enumerate(parts)], ignore_index=True)
    judged = judge(stacked, margin=margin)
    claimed = judged[judged["verdict"].isin(UV_CLAIMS) & (judged["scope"] == "species")]
    for i, rows in claimed.groupby("part"):
        tips = Tips(parts[int(str(i))].analysis)
        for at, code, critical in zip(
            rows.index, rows["species_code"].astype(int).tolist(), rows["critical"].tolist(), strict=True
        ):
            judged.loc[at, "noise_tip"] = tips.noise(code, critical)
            judged.loc[at, "tip"] = tips.reliability(code, critical)
    return judged[list(COLUMNS)]


def _species_rows(
    analysis: Analysis, used: pd.DataFrame, aside: pd.DataFrame, estimates: pd.DataFrame, *, minimum_n: int
) -> pd.DataFrame:
    """One row per species; numbers only where both classes have `minimum_n` specimens."""
    counts = analysis.layout.counts
    rows = pd.DataFrame(
        {
            "species_code": range(len(counts)),
            "species": used.groupby("stratum")["species"].first().to_numpy(),
            "scope": "species",
            "n_1": counts[:, 0],
            "n_2": counts[:, 1],
        }
    )
    set_aside = aside.groupby("stratum")["name"].agg(";".join).reindex(rows["species_code"])
    rows["n_set_aside"] = (
        aside.groupby("stratum").size().reindex(rows["species_code"], fill_value=0).to_numpy()
    )
    rows["set_aside"] = set_aside.fillna("").to_numpy()
    is_eligible = (counts.min(axis=1) >= minimum_n) & rows["species_code"].isin(estimates["species_code"])
    eligible = estimates[estimates["species_code"].isin(rows.loc[is_eligible, "species_code"])]
    return rows.assign(is_eligible=is_eligible).merge(eligible, on="species_code", how="left")


def _pooled_rows(analysis: Analysis, used: pd.DataFrame, estimates: pd.DataFrame) -> pd.DataFrame:
    """All species, and each clade, of at least two species that have enough specimens of either class."""
    clades = used.groupby("stratum")["clade"].first()
    counts = analysis.layout.counts
    estimates = estimates[counts[estimates["species_code"]].min(axis=1) >= MINIMUM_POOLED]
    codes = estimates["species_code"]
    pools = [("all species", "all", np.ones(len(codes), dtype=bool))]
    of_rows = codes.map(clades)
    pools += [
        (f"clade {name}", "clade", (of_rows == name).to_numpy())
        for name in sorted(of_rows.dropna().unique(), key=str)
        if name != ""
    ]
    rows = []
    for name, scope, chosen in pools:
        if chosen.sum() < 2:
            continue
        part = estimates[chosen]
        pool = pool_species(*(part[name].to_numpy() for name in ("p", "uv_adds_unbiased", "df")))
        n_1, n_2 = counts[part["species_code"]].sum(axis=0)
        means = {column: part[column].mean() for column in ("auc_rgb", "auc_uv", "auc_both")}
        rows.append(
            {"species": name, "scope": scope, "n_1": n_1, "n_2": n_2, "is_eligible": True}
            | {"n_unlabelled": 0, "n_set_aside": 0, "set_aside": "", **means}
            | {"p": pool.p, "uv_adds": pool.estimate, "uv_adds_se": pool.error}
            | {"low": pool.low, "high": pool.high}
            | {"n_species": len(part), "n_carry": int((part["low"] > 0).sum())}
        )
    return pd.DataFrame(rows)


def _as_columns(values: np.ndarray) -> np.ndarray:
    return values[:, None] if values.ndim == 1 else values
