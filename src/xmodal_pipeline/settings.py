"""Kedro's settings of this project."""

import os

from xmodal_pipeline.hooks import ProjectHooks
from xmodal_pipeline.provenance.hooks import RecordHooks
from xmodal_pipeline.tracking import TrackingHooks

# Threads that spin while they wait starve on a machine that does anything else: on two cores beside one busy
# process, training one variant of the demo took 185 s instead of 10 s; with this 39 s, and still 10 s alone.
# OpenMP reads it when torch loads it, which is later than these settings.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

HOOKS = (ProjectHooks(), RecordHooks(), TrackingHooks())
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment changes single keys; by default Kedro would replace whole groups.
    "merge_strategy": {"parameters": "soft"},
}
