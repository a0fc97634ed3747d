"""The made-up study and what is slow to make from it, once per session."""

import importlib.util
from pathlib import Path

import pytest

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.umap import umap_spaces


@pytest.fixture(scope="session")
def studies():
    """The module beside this file; tests are not a package, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location("studies", Path(__file__).with_name("studies.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def index(studies):
    return studies.make_index()


@pytest.fixture(scope="session")
def coordinates(studies, index):
    return umap_spaces(studies.make_embeddings(index), studies.make_embeddings(index), ReportingParams())
