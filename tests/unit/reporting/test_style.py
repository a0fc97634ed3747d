import itertools

import matplotlib as mpl
import numpy as np
import pytest

from xmodal_pipeline.reporting.data.labels import draw_class_balance
from xmodal_pipeline.reporting.retrieval.recall import draw_retrieval
from xmodal_pipeline.reporting.style import PALETTE, category_styles, figure_bytes, label_values
from xmodal_pipeline.reporting.uv_value.figure import draw_uv_value


@pytest.fixture(scope="module")
def drawn(studies):
    return draw_uv_value(studies.make_uv_value())


def test_pdf_holds_text_as_truetype_and_no_date(drawn):
    content = figure_bytes(drawn, "pdf")
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"CreationDate" not in content


@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_equal_tables_make_equal_files(index, ending):
    assert figure_bytes(draw_class_balance(index), ending) == figure_bytes(draw_class_balance(index), ending)


@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_a_dollar_is_a_letter_and_no_formula(index, ending):
    names = iter(["$x_1$", "$\\frac{1}{0}$", "$unclosed", "<b>&amp;", "50 % {0}"] * len(index))
    odd = index.assign(species=[next(names) for _ in range(len(index))])
    figure = draw_class_balance(odd)
    figure_bytes(figure, ending)  # a formula that is none would end here
    texts = {text.get_text() for text in figure.findobj(mpl.text.Text)}
    assert any("$unclosed" in text for text in texts)
    assert not any(text.get_parse_math() for text in figure.findobj(mpl.text.Text) if "$" in text.get_text())


def test_settings_of_matplotlib_are_left_alone(studies):
    before = dict(mpl.rcParams)
    draw_retrieval(studies.make_comparison())
    assert dict(mpl.rcParams) == before


def test_categories_differ_in_colour_and_marker_from_their_neighbours():
    styles = list(category_styles([str(i) for i in range(56)]).values())
    assert len(set(styles)) == 56
    for a, b in itertools.pairwise(styles):
        assert a[0] != b[0]
        assert a[1] != b[1]


def test_palette_survives_colour_blindness():
    """Okabe-Ito colours stay apart for protanopes and deuteranopes (Viénot et al. 1999)."""
    rgb = np.array([mpl.colors.to_rgb(c) for c in PALETTE])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    protan = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    deutan = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    for matrix in (protan, deutan):
        seen = np.clip(linear @ matrix.T, 0, 1) ** (1 / 2.2)
        distances = np.linalg.norm(seen[:, None] - seen[None], axis=2)[np.triu_indices(len(seen), 1)]
        assert distances.min() > 0.1


def test_missing_labels_are_unlabelled_and_rare_ones_other(index):
    values = label_values(index["sex"])
    assert values[3] == "unlabelled"
    assert set(label_values(index["species"], most=3)) == {"other", *sorted(set(index["species"]))[:2]}
