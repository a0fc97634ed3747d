"""Every pipeline a user can name: one folder in `pipelines/` each, and the six stages as the default."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

from xmodal_pipeline.pipelines import STAGES


def register_pipelines() -> dict[str, Pipeline]:
    """All pipelines by name; `__default__` is the sum of the six stages."""
    pipelines: dict[str, Pipeline] = find_pipelines(raise_errors=True)
    pipelines["__default__"] = sum((pipelines[stage] for stage in STAGES if stage in pipelines), Pipeline([]))
    return pipelines
