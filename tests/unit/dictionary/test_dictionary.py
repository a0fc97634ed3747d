"""Every table that a run can write is in the dictionary, and the dictionary knows no other."""

from pathlib import Path

import pytest
import yaml

from xmodal_pipeline.dictionary import TABLES, find_column
from xmodal_pipeline.evaluation.class_balance import COLUMNS as CLASS_BALANCE
from xmodal_pipeline.evaluation.confounding import COLUMNS as CONFOUNDING
from xmodal_pipeline.evaluation.grid import seed_spread, tabulate_cells
from xmodal_pipeline.evaluation.modality_information import COLUMNS as MODALITY_INFORMATION
from xmodal_pipeline.evaluation.schema import COMPARISON_COLUMNS, DIFFERENCE_COLUMNS
from xmodal_pipeline.evaluation.species_export import SPECIES_COLUMNS
from xmodal_pipeline.evaluation.uv_value.verdict import COLUMNS as UV_VALUE
from xmodal_pipeline.imaging.receptors import TETRAHEDRAL
from xmodal_pipeline.specimens.discovery import FILE_COLUMNS, REJECTED_COLUMNS
from xmodal_pipeline.specimens.leaks import COLUMNS as LEAKS
from xmodal_pipeline.training.uv_maps import COLUMNS as UV_MAPS

CATALOG = Path(__file__).parents[3] / "conf" / "base"


def tables_of_the_catalog():
    for path in sorted(CATALOG.glob("catalog_*.yml")):
        for name, entry in yaml.safe_load(path.read_text()).items():
            kind = str(entry.get("type", "")).rpartition(".")[2]
            is_copy = name.endswith("_csv") and name not in TABLES
            if (
                not name.startswith("_")
                and not is_copy
                and kind in ("AtomicParquetDataset", "AtomicCSVDataset")
            ):
                yield name


def test_every_table_of_the_catalog_is_described_and_no_other():
    assert sorted(TABLES) == sorted(tables_of_the_catalog())


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("comparison", COMPARISON_COLUMNS),
        ("numbers_{model}", COMPARISON_COLUMNS),
        ("differences", DIFFERENCE_COLUMNS),
        ("compared", DIFFERENCE_COLUMNS),
        ("uv_value", (*UV_VALUE, "specimens")),
        ("uv_value_seeds", (*UV_VALUE, "n_seeds", "n_held")),
        ("species_table", SPECIES_COLUMNS),
        ("{variant}.uv_maps", UV_MAPS),
        ("class_balance", CLASS_BALANCE),
        ("confounding", CONFOUNDING),
        ("modality_information", MODALITY_INFORMATION),
        ("leaks", LEAKS),
        ("rejected_captures", REJECTED_COLUMNS),
        ("specimen_index", (*FILE_COLUMNS, "*")),
    ],
)
def test_columns_are_those_of_the_code(table, columns):
    assert sorted(TABLES[table].columns) == sorted(columns)


def test_a_name_of_its_own_goes_before_a_pattern():
    assert find_column("receptor_table", "u_catch") == "*_catch"
    assert [find_column("receptor_table", name) for name in TETRAHEDRAL] == list(TETRAHEDRAL)
    assert find_column("{variant}.embeddings", "x12") == "x*"
    assert find_column("specimen_index", "flags") == "flags"
    assert find_column("specimen_index", "wing_length") == "*"
    assert find_column("leaks", "colour") is None


def test_a_grid_has_a_column_per_key_and_the_numbers_of_a_comparison():
    row = dict.fromkeys(COMPARISON_COLUMNS[2:-2]) | {"partition": "test", "task": "retrieval", "value": 0.5}
    cell = {"cell": "a", "settings": {"variant": "concat", "training.seed": 1, "loss.temperature": 0.2}}
    table = tabulate_cells([cell | {"variant": "concat", "seed": 1, "is_base": True, "rows": [row]}])
    keys = [find_column("ablation", name) for name in table]
    assert sorted(keys) == sorted(TABLES["ablation"].columns)
    assert keys[list(table).index("loss.temperature")] == "*.*"
    assert sorted(seed_spread(table)) == sorted(TABLES["seed_spread"].columns)


def test_everything_is_said_in_a_sentence():
    unsaid = [
        (table, name)
        for table, described in TABLES.items()
        for name, column in described.columns.items()
        if not column.meaning.endswith(".")
    ]
    assert unsaid == []
