"""What the figures of `compare` and `ablation` show."""

import numpy as np
import pandas as pd
import pytest

from xmodal_pipeline.evaluation.grid import tabulate_cells
from xmodal_pipeline.evaluation.paired import Measure, compare_models
from xmodal_pipeline.reporting.model_comparison import draw_ablation, draw_differences
from xmodal_pipeline.reporting.style import NothingToDrawError
from xmodal_pipeline.reporting.words import ModalityNames


def texts(figure):
    found = [
        text.get_text() for legend in figure.legends for text in [legend.get_title(), *legend.get_texts()]
    ]
    for axes in figure.axes:
        found += [axes.get_title(loc="left"), axes.get_xlabel()]
        found += [text.get_text() for text in axes.get_yticklabels()]
    return found


def fills(axes):
    return [line.get_fillstyle() for line in axes.get_lines() if line.get_marker() == "o"]


def test_differences_show_interval_n_corrected_p_and_seeds():
    rng = np.random.default_rng(0)
    shares = {"separate": rng.random((2, 80)) < 0.9, "uv_only": rng.random((2, 80)) < 0.85}
    shares["rgb_only"] = rng.random((2, 80)) < 0.3
    measure = Measure(
        "classification",
        "sex",
        "accuracy",
        {name: rows / 80 for name, rows in shares.items()},
        np.zeros(80, int),
        {"separate": "joint", "uv_only": "uv", "rgb_only": "rgb"},
    )
    table = compare_models([measure], bootstraps=50, permutations=199, seed=0)
    figure = draw_differences(table, names=ModalityNames("dorsal", "ventral"))
    written = texts(figure)
    assert "separate (joint) − ventral-only" in written
    assert "Classification, sex" in written
    assert f"n = 80, p = {table['p_adjusted'].iloc[1]:.3f}, 2 seeds" in written
    assert any("Westfall & Young" in text for text in written)
    assert not any("UV" in text or "RGB" in text for text in written)
    expected = ["full" if p <= 0.05 else "none" for p in table["p_adjusted"]]
    assert fills(figure.axes[0]) == expected
    assert expected.count("full") == 2


def test_no_comparison_is_said_and_not_drawn():
    empty = compare_models([], bootstraps=20, permutations=19, seed=0)
    with pytest.raises(NothingToDrawError, match="no two models"):
        draw_differences(empty)


def cell(name, variant, seed, validation, test, is_base=True, **settings):
    row = {"label": "", "low": None, "high": None, "n": 30, "chance": None, "p": None, "protocol": "demo"}
    rows = [
        row | {"partition": "validation", "task": "validation", "metric": metric, "value": validation}
        for metric in ("recall_at_1", "match_above_other")
    ]
    rows.append(
        row | {"partition": "test", "task": "retrieval", "metric": "mrr", "value": test, "label": "rgb_to_uv"}
    )
    settings = {"variant": variant, "training.seed": seed} | settings
    return {
        "cell": name,
        "settings": settings,
        "variant": variant,
        "seed": seed,
        "is_base": is_base,
        "rows": rows,
    }


def test_what_is_chosen_is_best_on_validation_whatever_the_test_says():
    table = tabulate_cells(
        [
            cell("a", "separate", 0, 0.6, 0.1),
            cell("b", "separate", 1, 0.4, 0.2),
            cell("c", "concat", 0, 0.3, 0.9),
            cell("d", "concat", 1, 0.5, 0.9),
            cell("e", "rgb_only", 0, 1.0, 0.0),
        ]
    )
    assert set(table.loc[table["is_selected"], "setting"]) == {"separate"}
    figure = draw_ablation(table)
    written = texts(figure)
    assert "separate (chosen)" in written
    assert "up to 2 seeds; (chosen): best on validation" in written
    assert figure.axes[0].get_title(loc="left").startswith("Validation")


def test_a_panel_holds_its_own_measure_alone():
    one = cell("a", "separate", 0, 0.6, 0.1)
    retrieval = one["rows"][-1]
    one["rows"] += [retrieval | {"metric": metric, "value": 0.9} for metric in ("combined", "pairwise")]
    one["rows"].append(retrieval | {"label": "uv_to_rgb", "value": 0.8})
    _, panel = draw_ablation(tabulate_cells([one])).axes
    assert sorted({float(x) for line in panel.lines for x in line.get_xdata()}) == [0.1]


def test_baselines_close_the_grid_and_are_never_chosen():
    known = cell("b", "pca_cca", 0, 0.9, 0.95)["rows"][2:]
    table = tabulate_cells([cell("a", "separate", 0, 0.6, 0.1)], {"pca_cca": known})
    assert table["setting"].unique().tolist() == ["separate", "[pca_cca]"]
    assert not table.loc[table["setting"] == "[pca_cca]", "is_selected"].any()
    names = [t.get_text() for t in draw_ablation(table).axes[0].get_yticklabels()]
    assert names == ["separate (chosen)", "[PCA + CCA]"]


def test_one_seed_is_called_exploratory():
    table = tabulate_cells([cell("a", "separate", 0, 0.6, 0.1), cell("c", "concat", 0, 0.3, 0.9)])
    assert any(text.startswith("one seed: exploratory") for text in texts(draw_ablation(table)))
    assert pd.isna(table["low"]).all()


def test_baselines_are_drawn_apart_and_only_the_strongest():
    rng = np.random.default_rng(0)
    levels = {"separate": 0.9, "concat": 0.8, "band_means": 0.5, "pca_cca": 0.7}
    measure = Measure(
        "retrieval_opposite_views",
        "rgb_to_uv",
        "mrr",
        {name: (rng.random((1, 80)) < level) / 80 for name, level in levels.items()},
        np.zeros(80, int),
        dict.fromkeys(levels, "rgb+uv"),
    )
    table = compare_models(
        [measure], bootstraps=50, permutations=199, seed=0, baselines=("band_means", "pca_cca")
    )
    figure = draw_differences(table)
    between, against = (axes for axes in figure.axes if axes.get_title(loc="left"))
    assert [t.get_text() for t in between.get_yticklabels()] == ["separate − concat"]
    assert [t.get_text() for t in against.get_yticklabels()] == [
        "separate − [PCA + CCA]",
        "concat − [PCA + CCA]",
    ]
    assert "from the strongest baseline" in against.get_title(loc="left").replace("\n", " ")
