"""What R and spreadsheets read: tables once more as CSV, and embeddings with labels and places on a map."""

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.pipelines.export import nodes
from xmodal_pipeline.pipelines.exporting import export_tables
from xmodal_pipeline.specimens.discovery import FILE_COLUMNS


def test_tables_are_exported_as_they_are_and_in_order():
    first, second = pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [2]})
    exported = export_tables(first, second)
    assert exported[0] is first
    assert exported[1] is second


@pytest.mark.parametrize("stage", ["ingest", "evaluate"])
def test_each_csv_lies_beside_the_table_that_it_repeats(pipelines, catalog, stage):
    (node,) = (one for one in pipelines[stage].nodes if one.name == f"{stage}.export_tables")
    assert [f"{name}_csv" for name in node.inputs] == node.outputs
    for table, csv in zip(node.inputs, node.outputs, strict=True):
        paths = [str(catalog.get(name)._describe()["filepath"]) for name in (table, csv)]
        assert paths[0].removesuffix(".parquet") == paths[1].removesuffix(".csv")


def make_embeddings(n, dimensions):
    rng = np.random.default_rng(0)
    parts = []
    for modality, dimension in dimensions.items():
        ids = [f"c{at:02d}" for at in rng.permutation(n)]
        rows = pd.DataFrame(
            {"capture_id": ids, "specimen_id": ids, "partition": "train", "modality": modality}
        )
        vectors = {f"x{at + 1}": rng.normal(size=n) for at in range(dimension)}
        parts.append(rows.assign(**vectors))
    return pd.concat(parts, ignore_index=True)


def make_index(n, **labels):
    index = pd.DataFrame({name: "-" for name in FILE_COLUMNS}, index=range(n))
    return index.assign(capture_id=[f"c{at:02d}" for at in range(n)], **labels)


def test_each_row_keeps_its_vector_and_gets_its_labels_and_its_place(monkeypatch):
    def place(rows, _):
        """Where a capture lies tells which row it was taken from."""
        assert rows["modality"].nunique() == 1
        shuffled = rows.sample(frac=1, random_state=0)
        facts = shuffled[["capture_id", "specimen_id", "partition", "modality"]]
        return facts.assign(x=10 * shuffled["x1"], y=-shuffled["x2"], trustworthiness=1.0)

    monkeypatch.setattr("xmodal_pipeline.reporting.similarity.umap.umap_coordinates", place)
    embeddings = make_embeddings(12, {"rgb": 3, "uv": 2})
    index = make_index(12, sex=[f"of c{at:02d}" for at in range(12)], x1="a label", partition="theirs")

    table = nodes.export_embeddings(embeddings, index, ReportingParams())

    features = ["x1", "x2", "x3"]
    keys = ["capture_id", "specimen_id", "partition", "modality"]
    assert list(table) == [*keys, "sex", "x1_label", "partition_label", "umap_x", "umap_y", *features]
    pd.testing.assert_frame_equal(table[keys + features], embeddings)
    assert (table["sex"] == "of " + table["capture_id"]).all()
    assert set(table["x1_label"]) == {"a label"}
    assert set(table["partition_label"]) == {"theirs"}
    np.testing.assert_allclose(table["umap_x"], 10 * embeddings["x1"])
    np.testing.assert_allclose(table["umap_y"], -embeddings["x2"])


def test_what_is_too_small_for_a_map_is_exported_without_places(caplog):
    table = nodes.export_embeddings(make_embeddings(4, {"rgb": 2}), make_index(4), ReportingParams())
    assert table["umap_x"].isna().all()
    assert len(table) == 4
    assert "export: no map of rgb: 4 points of training captures are too few" in caplog.text
