"""Kedro's settings of this project."""

from xmodal_pipeline.hooks import ProjectHooks

HOOKS = (ProjectHooks(),)
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment changes single keys; by default Kedro would replace whole groups.
    "merge_strategy": {"parameters": "soft"},
}
