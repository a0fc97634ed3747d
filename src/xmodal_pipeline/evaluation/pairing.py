"""Models compared specimen by specimen, from what each specimen contributes to their numbers."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.evaluation.measurement import all_specimens
from xmodal_pipeline.evaluation.paired import Measure, compare_models
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.params.variants import BASELINES as ONE_MODALITY

_NUMBER = ["task", "label", "metric"]


def compare_contributions(
    models: Mapping[str, Sequence[pd.DataFrame]],
    baselines: pd.DataFrame,
    index: pd.DataFrame,
    params: EvaluationParams,
) -> pd.DataFrame:
    """Paired differences between models, and between each model and each baseline.

    Args:
        models: per name the contributions of each of its seeds; models of both modalities are put before
            those of one.
        baselines: the contributions of all baselines, by the column `name`.
        index: `specimen_index`.
        params: the protocol.

    Returns:
        `DIFFERENCE_COLUMNS`, a row per pair of models and number that both have.

    Raises:
        ParametersError: if a model has the name of a baseline.
    """
    known = {str(name): [rows] for name, rows in baselines.groupby("name", observed=True, sort=False)}
    for name in set(models) & set(known):
        raise ParametersError(
            f"compare.runs.{name}: name must not be that of a baseline ({', '.join(known)}), got "
            f"'{name}'; call the run something else"
        )
    order = [name for name in models if name not in ONE_MODALITY]
    order += [name for name in reversed(ONE_MODALITY) if name in models]
    measures = pair_contributions({name: models[name] for name in order} | known, all_specimens(index))
    rows = compare_models(
        list(measures),
        bootstraps=params.bootstraps,
        permutations=params.permutations,
        seed=params.seed,
        baselines=known,
    )
    return rows.assign(protocol=params.protocol)


def pair_contributions(
    models: Mapping[str, Sequence[pd.DataFrame]], specimens: NDArray[np.object_]
) -> Iterator[Measure]:
    """Every number that two models or more have, with what each specimen contributes to it.

    Args:
        models: per name the contributions of each of its seeds; cross-modal ones first.
        specimens: ids of all specimens, sorted.
    """
    parts = {name: [_split(seed, specimens) for seed in seeds] for name, seeds in models.items()}
    numbers = dict.fromkeys(number for seeds in parts.values() for one in seeds for number in one)
    for number in numbers:
        having = {
            name: [one[number] for one in seeds]
            for name, seeds in parts.items()
            if all(number in one for one in seeds)
        }
        if len(having) < 2:
            continue
        first = next(iter(having.values()))[0]
        strata = np.full(len(specimens), -1)
        strata[first["place"]] = first["stratum"]
        folds = int(first["folds"].iloc[0])
        yield Measure(
            *number,
            {
                name: np.stack([_spread(one, len(specimens)) for one in seeds])
                for name, seeds in having.items()
            },
            strata,
            {name: str(seeds[0]["source"].iloc[0]) for name, seeds in having.items()},
            # The K probes of a cross-fit share most of their rows (Nadeau & Bengio 2003, equation 9).
            float(np.sqrt(1 + folds / (folds - 1))) if folds else 1.0,
        )


def _split(table: pd.DataFrame, specimens: NDArray[np.object_]) -> dict[tuple[str, str, str], pd.DataFrame]:
    """The rows of each number, with the places of their specimens."""
    words = table["specimen_id"].cat
    places = np.searchsorted(specimens, words.categories.to_numpy(dtype=object))[words.codes]
    groups = table.assign(place=places).groupby(_NUMBER, observed=True, sort=False)
    return {(str(task), str(label), str(metric)): rows for (task, label, metric), rows in groups}


def _spread(rows: pd.DataFrame, n: int) -> NDArray[np.float64]:
    """(n,), 0 where a specimen has no part."""
    values = np.zeros(n)
    values[rows["place"]] = rows["value"]
    return values
