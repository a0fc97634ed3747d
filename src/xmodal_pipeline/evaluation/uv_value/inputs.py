"""What a caller gives to `uv_value`, checked, averaged over repeated captures, and coded."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from xmodal_pipeline.evaluation.uv_value.analysis import Analysis, find_outliers
from xmodal_pipeline.evaluation.uv_value.layout import Floats, Integers, Layout
from xmodal_pipeline.evaluation.uv_value.noise import Noise, Repeats, measure_repeats
from xmodal_pipeline.evaluation.uv_value.predictors import MOST_CURVED, scale


class FeaturesConstantError(ValueError):
    """Nothing can be tested because a modality does not vary within cells."""


def check_features(values: ArrayLike, name: str) -> Floats:
    """Features as (rows, features) in float64, refused unless finite."""
    features = np.asarray(values, dtype=np.float64)
    if features.ndim != 2:
        raise ValueError(
            f"uv_value: {name} must be (rows, features), got shape {features.shape}; pass a 2-d array"
        )
    if not np.isfinite(features).all():
        rows = np.flatnonzero(~np.isfinite(features).all(axis=1))
        raise ValueError(
            f"uv_value: {name} must be finite, got NaN or infinity in {len(rows)} rows, first {rows[0]}; "
            "leave these specimens out"
        )
    return features


def align_rows(n: int, given: dict[str, ArrayLike | None]) -> pd.DataFrame:
    """What is known of each row, one column per name; a name that is not given is an empty string."""
    columns = {}
    for name, values in given.items():
        column = pd.Series("" if values is None else values, index=range(n) if values is None else None)
        if len(column) != n:
            raise ValueError(
                f"uv_value: {name} must have one entry per row of rgb, got {len(column)} for {n}; "
                "align by row"
            )
        columns[name] = column.astype(object).reset_index(drop=True)
    return pd.DataFrame(columns)


def check_lengths(sides: dict[str, Floats]) -> None:
    """Refuse feature tables of unequal length."""
    n = len(sides["rgb"])
    for name, values in sides.items():
        if len(values) != n:
            raise ValueError(
                f"uv_value: {name} must have one row per row of rgb, got {len(values)} for {n}; align by row"
            )


def average_repeats(
    sides: dict[str, Floats], known: pd.DataFrame, repeats: ArrayLike | None
) -> tuple[dict[str, Floats], pd.DataFrame, Floats, Repeats]:
    """One row per specimen: the mean over its captures, and what is known of it.

    Args:
        sides: `rgb`, `uv` and `covariates`, a row per capture.
        known: of `align_rows`.
        repeats: specimen of each row; rows without one stand for themselves. None: every row is a specimen.

    Returns:
        Features, what is known with a column `name`, captures per specimen, and what the specimens with
        several tell of the noise of RGB.

    Raises:
        ValueError: if the captures of a specimen disagree in species, label or block.
    """
    n = len(known)
    if repeats is None:
        none = measure_repeats(sides["rgb"], np.arange(n))
        return sides, known.assign(name=[str(i) for i in range(n)]), np.ones(n), none
    names = align_rows(n, {"repeats": repeats})["repeats"]
    code = _code_specimens(names)
    first = known.groupby(code).first()
    for column in known:
        clashes = known[column].notna() & (known[column].to_numpy() != first[column].to_numpy()[code])
        if clashes.any():
            at = int(np.flatnonzero(clashes)[0])
            raise ValueError(
                f"uv_value: captures of one specimen must agree in {column}, got {known[column][at]!r} and "
                f"{first[column][code[at]]!r} for {names[at]!r}; check the specimen of each row"
            )
    captures = np.bincount(code).astype(float)
    means = {name: pd.DataFrame(values).groupby(code).mean().to_numpy() for name, values in sides.items()}
    named = first.assign(name=names.groupby(code).first().astype(str))
    return means, named.reset_index(drop=True), captures, measure_repeats(sides["rgb"], code)


def _code_specimens(names: pd.Series) -> Integers:
    """Numbers of the specimens in order of first appearance; each row without a name is one."""
    filled = [("row", i) if pd.isna(name) else ("specimen", name) for i, name in enumerate(names)]
    return np.asarray(pd.factorize(pd.Series(filled, dtype=object))[0], dtype=np.int64)


def build_analysis(
    sides: dict[str, Floats],
    known: pd.DataFrame,
    captures: Floats,
    repeats: Repeats,
    *,
    is_learnt: bool | None,
) -> tuple[Analysis, pd.DataFrame, pd.DataFrame]:
    """The labelled specimens, without outliers of RGB, ready to be compared.

    Args:
        sides: of `average_repeats`.
        known: of the same.
        captures: of the same.
        repeats: of the same; the noise of RGB is corrected for where they are enough.
        is_learnt: whether RGB is an embedding; None: it is if it has more than twelve columns.

    Returns:
        The analysis, what is known of its rows, and of the specimens that were set aside. Both have
        `stratum`, the number of their species.

    Raises:
        ValueError: if the labels are not two classes.
        FeaturesConstantError: if a modality does not vary within cells (a ValueError).
    """
    rgb = sides["rgb"]
    learnt = rgb.shape[1] > MOST_CURVED if is_learnt is None else is_learnt
    is_used = (known["species"].notna() & known["labels"].notna()).to_numpy()
    used = known[is_used]
    second, classes = pd.factorize(used["labels"], sort=True)
    if len(classes) != 2:
        raise ValueError(
            f"uv_value: labels must hold two classes, got {len(classes)}: {list(classes[:5])}; "
            "choose another label"
        )
    stratum = pd.factorize(used["species"], sort=True)[0]
    used = used.assign(stratum=stratum, is_second=second == 1)
    is_outlier = (
        np.zeros(len(used), dtype=bool)
        if learnt
        else find_outliers(rgb[is_used], stratum, used["is_second"].to_numpy())
    )
    kept = np.flatnonzero(is_used)[~is_outlier]
    aside, used = used[is_outlier], used[~is_outlier]
    layout = Layout.build(
        used["stratum"].to_numpy(np.int64),
        pd.factorize(used["blocks"], use_na_sentinel=False)[0].astype(np.int64),
        used["is_second"].to_numpy(bool),
    )
    _check_spread(rgb[kept], sides["uv"][kept], layout)
    noise = Noise(repeats.covariance, captures[kept], repeats.df) if repeats.is_enough else None
    analysis = Analysis(
        rgb[kept],
        sides["uv"][kept],
        sides["covariates"][kept],
        layout,
        learnt,
        captures[kept],
        noise,
    )
    return analysis, used, aside


def _check_spread(rgb: Floats, uv: Floats, layout: Layout) -> None:
    for name, values in (("rgb", rgb), ("uv", uv)):
        if layout.df.sum() < 1 or not (scale(values, layout)[1] > 0).any():
            raise FeaturesConstantError(
                f"uv_value: {name} must vary within species and class, got constant features or no class "
                "with two specimens; check for dead bands"
            )
