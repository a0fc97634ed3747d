"""One pipeline template, once per variant: how `train`, `embed` and `evaluate` are laid out."""

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline

from xmodal_pipeline.variants import DEFAULT_VARIANTS


def per_variant(
    nodes: Iterable[Node],
    *,
    own: Iterable[str],
    suffixed: Iterable[str] = (),
    public: Iterable[str] = (),
    variants: Iterable[str] = DEFAULT_VARIANTS,
) -> Pipeline:
    """Repeat `nodes` in a namespace per variant.

    Args:
        nodes: the template.
        own: inputs that each variant has for itself, as `<variant>.checkpoint`; all others are shared.
        suffixed: outputs called `metrics_<variant>` instead of `<variant>.metrics`. A node that reads
            several variants needs them: Kedro keeps dotted names for nodes of the same namespace.
        public: outputs that keep their name; for nodes of a single variant.
        variants: whom to repeat them for.
    """
    template = Pipeline(nodes)
    free = {name for name in template.inputs() if not name.startswith("params:")}
    shared = free - set(own)
    parameters = {name: name for name in template.inputs() if name.startswith("params:")}
    copies = [
        Pipeline(
            template,
            namespace=variant,
            inputs=shared,
            outputs={name: f"{name}_{variant}" for name in suffixed} | {name: name for name in public},
            parameters=parameters
            | ({"params:variant": f"params:variants.{variant}"} if "params:variant" in parameters else {}),
        )
        for variant in variants
    ]
    return sum(copies, Pipeline([]))
