"""What tests of the pipelines share."""

import pytest
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from xmodal_pipeline.pipeline_registry import register_pipelines


@pytest.fixture
def catalog(project):
    """The catalog of a fresh clone, as `kedro run --env smoke` sees it."""
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="smoke") as session:
        return session.load_context().catalog


@pytest.fixture(scope="session")
def pipelines():
    """All registered pipelines by name."""
    configure_project("xmodal_pipeline")
    return register_pipelines()
