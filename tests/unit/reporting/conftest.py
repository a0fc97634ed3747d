"""The made-up study and what is slow to make from it, once per session."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.reporting.similarity.umap import map_captures


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
def mapped(studies, index):
    both = studies.make_embeddings(index)
    return map_captures(ReportingParams(), {"concat": (both, both)})


@pytest.fixture(scope="session")
def coordinates(mapped):
    return mapped.coordinates


@pytest.fixture(scope="session")
def points():
    """Per legend label of a panel: x and y of the points, and the ends of their intervals."""

    def read(axes):
        drawn = {}
        for container in axes.containers:
            line, _, (bars,) = container.lines
            ends = np.array([segment[:, 0] for segment in bars.get_segments() if len(segment)])
            places = (np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float))
            drawn[container.get_label()] = (*places, ends)
        return drawn

    return read
