"""What tests of the pipelines share."""

import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project


@pytest.fixture
def catalog(project):
    """The catalog of a fresh clone, as `kedro run --env smoke` sees it."""
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="smoke") as session:
        return session.load_context().catalog


@pytest.fixture
def pipelines():
    """All registered pipelines by name."""
    from xmodal_pipeline.pipeline_registry import register_pipelines

    return register_pipelines()
