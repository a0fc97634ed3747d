"""What holds for every figure in both widths of print."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

from xmodal_pipeline.evaluation.grid import tabulate_cells
from xmodal_pipeline.evaluation.paired import Measure, compare_models
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.reporting import figure as printing
from xmodal_pipeline.reporting.figure import print_figure
from xmodal_pipeline.reporting.model_comparison import picture_ablation, picture_differences
from xmodal_pipeline.reporting.retrieval.gallery import picture_gallery
from xmodal_pipeline.reporting.style import MAX_HEIGHT_MM, WIDTHS_MM, NothingToDrawError, fill_pages
from xmodal_pipeline.reporting.training.views import picture_augmented_views
from xmodal_pipeline.reporting.uv_value.figure import picture_uv_value_of_colour
from xmodal_pipeline.reporting.words import ModalityNames

SETTINGS = "Crops keep half."


def compared(rng):
    shares = {
        name: rng.random((2, 80)) < 0.9 for name in ("separate", "concat", "gated_crossmodal", "uv_only")
    }
    features = dict.fromkeys(shares, "joint") | {"uv_only": "uv"}
    rows = {name: share / 80 for name, share in shares.items()}
    measures = [
        Measure("classification", label, "accuracy", rows, np.zeros(80, int), features)
        for label in ("species", "sex", "view", "clade")
    ]
    return compare_models(measures, bootstraps=20, permutations=19, seed=0)


def grid(rng):
    """A grid whose settings are too long for one line."""
    row = {"label": "", "low": None, "high": None, "n": 30, "chance": None}
    settings = [
        {"variant": variant, "training.seed": seed, "loss.temperature": temperature}
        for variant, seed, temperature in itertools.product(
            ("separate", "gated_crossmodal"), (0, 1), (0.05, 0.1)
        )
    ]
    cells = [
        {
            "cell": str(number),
            "settings": one | {"augmentation.geometry.rotation_deg": 180},
            "variant": one["variant"],
            "seed": one["training.seed"],
            "is_base": False,
            "rows": [
                row
                | {"partition": "validation", "task": "validation", "metric": metric, "value": rng.random()}
                for metric in ("recall_at_1", "match_above_other")
            ]
            + [
                row
                | {"partition": "test", "task": task, "label": label, "metric": metric, "value": rng.random()}
                for task, label, metric in (
                    ("retrieval", "rgb_to_uv", "mrr"),
                    ("classification", "sex", "own_accuracy"),
                )
            ],
        }
        for number, one in enumerate(settings)
    ]
    return tabulate_cells(cells)


@pytest.fixture(scope="module")
def printed(studies, index, mapped):
    """Every figure of the project, and per PNG: its size, each text with its box and type, the box of all."""
    study = studies.make_study("uncalibrated", rgb_name="Dorsal", uv_name="Ventral")
    names, parameters = ModalityNames.of(study), Parameters()
    chosen, prepared = studies.make_chosen(index), studies.make_prepared(index)
    rng = np.random.default_rng(0)
    rows = studies.make_uv_value()
    many = [rows.assign(species=[f"Fictopieris maculescens {i}{at}" for at in "abcde"]) for i in range(8)]
    prepared, pages, drawn = studies.make_prepared(index), [], {}
    write, draw = printing.figure_bytes, Text.draw

    def record(text, renderer):
        if text.get_visible() and text.get_text().strip():
            box = text.get_window_extent(renderer).transformed(Affine2D().scale(1 / renderer.dpi))
            lines = text.get_text().split("\n")
            empty = sum(not line for line in lines)  # of a title that leaves room for the note below it
            box.y0 += box.height * empty / len(lines)
            drawn[text] = (text.get_text(), box, text.get_fontsize())
        return draw(text, renderer)

    def keep(figure, ending, **options):
        drawn.clear()
        content = write(figure, ending, **options)
        if ending == "png":
            pages.append((figure.get_size_inches(), list(drawn.values()), figure.get_tightbbox()))
        return content

    views = [studies.make_capture(i, 32) for i in range(4)]
    rgb, uv = (
        np.repeat(np.stack([getattr(v, part) for v in views])[:, None], 4, 1) for part in ("rgb", "uv")
    )
    inside = np.ones((4, 4, 2, 32, 32), bool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "figure_bytes", keep)
        patch.setattr(Text, "draw", record)
        data = studies.draw_data(study, studies.make_tables(), parameters)
        sections = studies.make_sections(
            study,
            parameters,
            **data,
            chosen_variant=chosen,
            mapped_captures=mapped,
            prepared=prepared,
            gallery=picture_gallery(study, chosen, prepared, index, parameters.reporting),
            views=picture_augmented_views(study, index["capture_id"][:4], rgb, uv, inside, settings=SETTINGS),
        )
        figures = [
            *(figure for section in sections for figure in section.all_figures),
            picture_uv_value_of_colour(study, pd.concat(many)),
            picture_differences(compared(rng), names=names),
            picture_ablation(grid(rng), label=None, names=names),
        ]
    files = [page["png"] for figure in figures for version in figure.file_names.values() for page in version]
    return figures, dict(zip(files, pages, strict=True))


def test_every_figure_is_a_pdf_of_either_width_that_fits_a_page(printed):
    figures, _ = printed
    assert len(figures) == 17
    for figure in figures:
        assert not figure.reason, figure.name
        assert set(figure.versions) == {"single", "double"}, figure.name
        for width, pages in figure.versions.items():
            for page in pages:
                box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", page["pdf"])
                wide, high = (float(points) / 72 * 25.4 for points in box.groups())
                assert wide == pytest.approx(WIDTHS_MM[width], abs=0.1), figure.name
                assert high <= MAX_HEIGHT_MM + 0.1, figure.name


def test_only_what_the_report_shows_has_a_light_copy(printed):
    figures, _ = printed
    light = {name for figure in figures for name in figure.files if name.endswith(".jpg")}
    assert light
    assert all("_double" in name for name in light)
    assert [figure.name for figure in figures if figure.is_narrow] == ["class_balance"]


def test_nothing_leaves_the_page(printed):
    for name, (size, texts, drawn) in printed[1].items():
        for text, box in [*((text, box) for text, box, _ in texts), ("all", drawn)]:
            assert min(box.x0, box.y0) > -0.01, (name, text)
            assert max(box.x1 - size[0], box.y1 - size[1]) < 0.01, (name, text)


def test_no_text_lies_on_another(printed):
    for name, (_, texts, _) in printed[1].items():
        for (a, one, _), (b, other, _) in itertools.combinations(texts, 2):
            wide = min(one.x1, other.x1) - max(one.x0, other.x0)
            high = min(one.y1, other.y1) - max(one.y0, other.y0)
            # A box has room for descenders, which a text may lack.
            assert wide < 0.008 or high < 0.016, (name, a, b)


def test_type_is_never_below_seven_points(printed):
    for name, (_, texts, _) in printed[1].items():
        assert min(size for _, _, size in texts) >= 7, name


def test_what_has_nothing_to_draw_keeps_the_reason():
    def draw(width_mm):
        raise NothingToDrawError(f"nothing in {width_mm:g} mm")

    figure = print_figure("empty", "Empty", "", draw)
    assert figure.reason == "nothing in 89 mm"
    assert (figure.pages, figure.files) == ((), {})


def test_panels_fill_pages_in_order():
    assert fill_pages([100, 100, 100, 300, 50], 240) == [slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 5)]
    assert fill_pages([10], 5) == [slice(0, 1)]
