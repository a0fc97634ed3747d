"""What ultraviolet says about a class that visible light does not, species by species."""

import logging
from collections.abc import Mapping, Sequence

import pandas as pd
from numpy.typing import ArrayLike

from xmodal_pipeline.evaluation.uv_value_estimates import estimate_pools, estimate_strata
from xmodal_pipeline.evaluation.uv_value_inputs import (
    FeaturesConstantError,
    align_specimens,
    build_design,
    check_features,
    list_pools,
    reduce_both,
)
from xmodal_pipeline.evaluation.uv_value_specimens import specimen_rows
from xmodal_pipeline.evaluation.uv_value_verdict import COLUMNS, judge
from xmodal_pipeline.params.evaluate import EvaluationParams

logger = logging.getLogger(__name__)


def uv_value(  # noqa: PLR0913 - one call answers for a whole study; all but the data have defaults
    rgb: ArrayLike,
    uv: ArrayLike,
    labels: ArrayLike,
    species: ArrayLike,
    permutations: int = 9999,
    seed: int = 0,
    *,
    components: int = 5,
    minimum_n: int = 6,
    clade: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    label_name: str = "label",
    view: str = "",
    features_name: str = "colour",
) -> pd.DataFrame:
    """Test, for every species, whether UV separates two classes beyond what RGB already tells.

    `uv_adds` is the squared distance A = a'Σ⁻¹a between the classes in UV given RGB, without bias, in units
    of the residual covariance: 0 when UV says nothing linear beyond RGB, 1 when the classes are one standard
    deviation apart. RGB's prediction of UV has slopes common to all species plus one slope per species along
    its own discriminant score; with common slopes alone, a species whose UV follows RGB more or less steeply
    than the others is claimed falsely. p is Freedman and Lane's permutation within species, q its
    Benjamini-Hochberg correction over the species of this table. Species with fewer than `minimum_n` per
    class are `too_few`, without numbers; with at least two per class they enter the pooled rows (all species,
    and each clade), whose slopes are shrunk towards the common one by an estimated variance ratio.

    Args:
        rgb: (n, d1) features, one row per specimen, finite.
        uv: (n, d2) features of the same specimens.
        labels: (n,) two classes; specimens without one (None, NaN, NA) are left out and counted. Classes are
            sorted; no column depends on which comes first, except n_1, n_2 and `classes`.
        species: (n,) stratum of each specimen; specimens without one are left out.
        permutations: P behind every p-value, which is at least 1 / (P + 1).
        seed: of the permutations.
        components: principal components per modality, lowered until there are 20 degrees of freedom for each
            (but not below one: the permutation is valid at any number).
        minimum_n: specimens per class that a species needs.
        clade: (n,) group of species, for pooled rows of its own; optional.
        blocks: (n,) nuisance groups, such as year or session. Classes are then compared, and residuals
            permuted, within species x block only, and n counts specimens in blocks that hold both classes.
            Without it, a class confounded with year is taken for a class that differs.
        label_name: written into the column `label`.
        view: written into the column `view`.
        features_name: written into the column `features`.

    Returns:
        The columns of `COLUMNS`: one row per species by the lower limit of `uv_adds`, largest first, then
        species with too few specimens, then pooled rows (`scope` clade or all).

    Raises:
        ValueError: if lengths differ, features are not finite, or the labels are not two classes.
        FeaturesConstantError: if a modality does not vary within cells (a ValueError).

    References:
        Rao (1973) Linear Statistical Inference, 8c.4; Freedman & Lane (1983) J. Bus. Econ. Stat. 1:292.
        Differs: a slope per species along its discriminant, and an unbiased A.
    """
    rgb, uv = check_features(rgb, "rgb"), check_features(uv, "uv")
    given = {"labels": labels, "species": species, "clade": clade, "blocks": blocks}
    specimens = align_specimens(len(rgb), len(uv), given)
    is_known = specimens["species"].notna()
    is_used = is_known & specimens["labels"].notna()
    used = specimens[is_used].reset_index(drop=True)
    design, strata, classes = build_design(used)
    reduced = reduce_both(rgb[is_used.to_numpy()], uv[is_used.to_numpy()], design, components=components)
    unlabelled = specimens.loc[is_known & ~is_used, "species"].value_counts()
    rows = estimate_strata(
        *reduced, design, minimum_n=minimum_n, permutations=permutations, seed=seed
    ).assign(
        species=strata, scope="species", n_unlabelled=unlabelled.reindex(strata, fill_value=0).to_numpy()
    )
    pools, groups = list_pools(used, strata, design)
    if len(pools):
        pooled = estimate_pools(*reduced, design, groups, permutations=permutations, seed=seed)
        pooled = pooled.assign(species=pools["species"], scope=pools["scope"], n_unlabelled=0)
        rows = pd.concat([rows, pooled], ignore_index=True)
    shared = {"label": label_name, "view": view, "features": features_name, "family": "primary"}
    return judge(
        rows.assign(
            **shared,
            classes=" | ".join(str(name) for name in classes),
            components=reduced[0].shape[1],
            df=design.df,
            permutations=permutations,
        )
    )


def uv_value_table(
    features: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    index: pd.DataFrame,
    params: EvaluationParams,
    label: str | Sequence[str] | None = None,
    *,
    blocks: Sequence[str] = (),
) -> pd.DataFrame:
    """Run `uv_value` for each feature set x view x two-class label of a study.

    The unit is the specimen: features are averaged over its captures of one view. Benjamini and Hochberg's
    correction runs over strata x labels x views of `params.uv_value_features`, the primary family; every
    other feature set is exploratory and corrected by itself.

    Args:
        features: per set its RGB and its UV table; see `specimen_rows`.
        index: `specimen_index`: capture_id, specimen_id, species, labels; view and clade where there are any.
        params: permutations, components, minimum_n, seed, uv_value_features.
        label: column or columns of the index with two classes; default sex where the index has it. A label
            without two classes in a view is not tested there, which the log says.
        blocks: nuisance columns of the index (year, session) within which classes are compared.

    Returns:
        Columns as `uv_value`; no rows when there is nothing to test. The same seed gives the same table.

    Raises:
        ValueError: if a label or block is not a column of the index.
    """
    labels = _label_names(label, index)
    for name in (*labels, *blocks):
        if name not in index.columns:
            raise ValueError(
                f"uv_value_table: label or block must be a column of specimen_index, got '{name}'; "
                f"known: {', '.join(index.columns)}"
            )
    tables = []
    for features_name, (rgb, uv) in features.items():
        if "species" not in index.columns:
            logger.warning("uv_value: not tested, specimen_index has no species and so no strata")
            break
        rows = specimen_rows(rgb, uv, index, [*labels, *blocks])
        for view, here in rows.groupby(level="view", sort=True):
            for label_name in labels:
                table = _test_label(here, params, (label_name, str(view), features_name), blocks)
                if table is not None:
                    tables.append(table)
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    stacked = pd.concat(tables, ignore_index=True)
    is_primary = stacked["features"] == params.uv_value_features
    return judge(stacked.assign(family=is_primary.map({True: "primary", False: "exploratory"})))


def _test_label(
    rows: pd.DataFrame, params: EvaluationParams, names: tuple[str, str, str], blocks: Sequence[str]
) -> pd.DataFrame | None:
    """The table of one label, view and feature set; None, and a line in the log, if it cannot be tested."""
    label_name, view, features_name = names
    meta = rows["meta"].astype(object).where(rows["meta"].notna(), None)
    for block in blocks:  # an unknown session is no session of its own: nobody knows who was in it
        meta[label_name] = meta[label_name].where(meta[block].notna(), None)
    classes = meta.loc[meta["species"].notna(), label_name].nunique()
    if classes != 2:
        logger.warning("uv_value: %s not tested, label must hold two classes, got %d", names, classes)
        return None
    try:
        return uv_value(
            rows["rgb"].to_numpy(dtype=float),
            rows["uv"].to_numpy(dtype=float),
            meta[label_name].to_numpy(),
            meta["species"].to_numpy(),
            params.permutations,
            params.seed,
            components=params.components,
            minimum_n=params.minimum_n,
            clade=meta["clade"].to_numpy() if "clade" in meta else None,
            blocks=pd.Series(list(zip(*(meta[name] for name in blocks), strict=True))) if blocks else None,
            label_name=label_name,
            view=view,
            features_name=features_name,
        )
    except FeaturesConstantError as error:
        logger.warning("uv_value: %s not tested, %s", names, error)
        return None


def _label_names(label: str | Sequence[str] | None, index: pd.DataFrame) -> list[str]:
    if label is None:
        return ["sex"] if "sex" in index.columns else []
    return [label] if isinstance(label, str) else list(label)
