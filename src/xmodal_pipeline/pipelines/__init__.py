"""One folder per name that a user can type after `kedro run --pipelines`."""

from typing import Final

STAGES: Final = ("ingest", "split", "train", "embed", "evaluate", "report")
"""The stages of a bare `kedro run`, in order."""
