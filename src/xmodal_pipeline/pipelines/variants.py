"""One pipeline template, once per variant: how `train`, `embed` and `evaluate` are laid out."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.params.variants import DEFAULT_VARIANTS
from xmodal_pipeline.pipelines.tags import OVERVIEW

_SHOWN: Final = DEFAULT_VARIANTS[0]
"""The variant that stands for all of them in the overview."""


@contextmanager
def datasets_named_by_variant() -> Iterator[None]:
    """For functions that make nodes whose datasets are called `<variant>.<name>`.

    Kedro expects such a name to begin with the namespace of its node. Here a namespace begins with the stage,
    because that is what collapses, and the same dataset passes from stage to stage.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="One or more dataset names contain '.'")
        yield


def per_variant(
    nodes: Iterable[Node],
    *,
    own: Iterable[str] = (),
    suffixed: Iterable[str] = (),
    variants: Iterable[str] = DEFAULT_VARIANTS,
    is_in_overview: bool = False,
) -> Pipeline:
    """Repeat `nodes` in a namespace and under a tag per variant.

    Args:
        nodes: the template. Its outputs become `<variant>.<name>`, `params:variant` the variant's own.
        own: inputs that each variant has for itself, likewise; all others are shared.
        suffixed: outputs called `metrics_<variant>` instead of `<variant>.metrics`.
        variants: whom to repeat them for.
        is_in_overview: whether the overview shows them, of one variant.
    """
    template = Pipeline(nodes)
    copies = [
        Pipeline(
            template,
            namespace=variant,
            prefix_datasets_with_namespace=False,
            inputs={name: f"{variant}.{name}" for name in own},
            outputs={name: f"{variant}.{name}" for name in template.all_outputs()}
            | {name: f"{name}_{variant}" for name in suffixed},
            parameters={"params:variant": f"params:variants.{variant}"}
            if "params:variant" in template.inputs()
            else None,
            tags=[variant, OVERVIEW] if is_in_overview and variant == _SHOWN else variant,
        )
        for variant in variants
    ]
    return sum(copies, Pipeline([]))
