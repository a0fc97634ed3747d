import itertools

import numpy as np
import pytest

from xmodal_pipeline.imaging.receptors import (
    TETRAHEDRAL,
    mean_catches,
    read_receptors,
    relative_catches,
    tetrahedral,
)

BANDS = ("R", "G", "B", "UV1")


def write(folder, *rows, header="receptor,term,coefficient"):
    path = folder / "blue_tit.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_catches_are_the_mean_of_the_polynomial_over_pixels(tmp_path):
    rows = ("u,intercept,0.5", "u,UV1,2", "u,R:UV1,-0.03", "l,R,1", "l,R:R,0.01", "l,UV1:R:G,0.001")
    model = read_receptors(write(tmp_path, *rows), BANDS)
    values = np.random.default_rng(0).random((4, 50)).astype(np.float32)

    catches = mean_catches(model, BANDS, values, factor=100)

    u, long = [], []
    for red, green, _, ultraviolet in 100 * values.T.astype(float):
        u.append(0.5 + 2 * ultraviolet - 0.03 * red * ultraviolet)
        long.append(red + 0.01 * red**2 + 0.001 * ultraviolet * red * green)
    assert model.receptors == ("u", "l")
    np.testing.assert_allclose(catches, [np.mean(u), np.mean(long)], rtol=1e-5)
    of_the_mean = mean_catches(model, BANDS, values.mean(axis=1, keepdims=True), factor=100)
    assert abs(of_the_mean[1] / catches[1] - 1) > 0.01


def test_a_linear_model_of_the_mean_is_the_mean(tmp_path):
    model = read_receptors(write(tmp_path, "u,intercept,1", "u,UV1,2", "u,R,3"), BANDS)
    values = np.random.default_rng(0).random((4, 50)).astype(np.float32)

    catches = mean_catches(model, BANDS, values, factor=1)

    np.testing.assert_allclose(catches, 1 + 2 * values[3].mean() + 3 * values[0].mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["u,UV9,1"], r"row 2: a term must be intercept or bands of .* got 'UV9'"),
        (["u,R:,1"], r"row 2: a term must be intercept or bands .* got 'R:'"),
        (["u,R,1", "u,UV1:R,1", "u,R:UV1,2"], r"row 4: a term must stand once per receptor, got 'R:UV1'"),
        (["u,R,nan"], r"row 2: coefficient must be a finite number, got 'nan'"),
        (["u,R,much"], r"coefficient must be a finite number, got 'much'"),
        ([",R,1"], r"row 2: must be a receptor, a term and a coefficient"),
        ([], r"must have the columns receptor, term, coefficient and a row per term, got .* 0 rows"),
    ],
)
def test_faulty_coefficients_name_the_row(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        read_receptors(write(tmp_path, *rows), BANDS)


def test_another_header_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must have the columns receptor, term, coefficient"):
        read_receptors(write(tmp_path, "u,R,1", header="cone,term,value"), BANDS)


def test_double_cones_take_no_part_in_shares(tmp_path):
    model = read_receptors(write(tmp_path, "u,UV1,1", "lum,G,1", "s,B,1"), BANDS)

    assert model.chromatic == ("u", "s")


def test_shares_sum_to_one_and_negative_catches_are_raised_and_counted():
    relative, raised = relative_catches(
        np.array([[1.0, 1, 1, 1], [4, 2, 1, 1], [-3, 1, 0, 1], [-1, -1, 0, 0]])
    )

    np.testing.assert_allclose(relative[:2], [[0.25] * 4, [0.5, 0.25, 0.125, 0.125]])
    np.testing.assert_allclose(relative[2], np.array([1e-4, 1, 1e-4, 1]) / 2.0002)
    assert raised[:3].tolist() == [0, 0, 2]
    assert np.isnan(relative[3]).all()


def place(shares):
    return dict(zip(TETRAHEDRAL, tetrahedral(np.atleast_2d(np.array(shares, float))).T, strict=True))


def test_one_receptor_alone_lies_on_its_vertex():
    found = place(np.eye(4))

    corners = np.column_stack([found["x"], found["y"], found["z"]])
    root2, root6 = np.sqrt(2), np.sqrt(6)
    expected = [
        [0, 0, 0.75],
        [-root6 / 4, -root2 / 4, -0.25],
        [0, 1 / root2, -0.25],
        [root6 / 4, -root2 / 4, -0.25],
    ]
    np.testing.assert_allclose(corners, expected, atol=1e-12)
    for name, value in (("r_vec", 0.75), ("r_max", 0.75), ("r_achieved", 1)):
        np.testing.assert_allclose(found[name], value)
    assert found["h_phi"][0] == pytest.approx(np.pi / 2)
    np.testing.assert_allclose(found["h_phi"][1:], np.arcsin(-1 / 3))
    for a, b in itertools.combinations(corners, 2):  # a regular tetrahedron
        assert np.linalg.norm(a - b) == pytest.approx(root6 / 2)


def test_the_achromatic_centre_has_no_hue():
    found = place([0.25] * 4)

    assert [found["r_vec"][0], found["r_achieved"][0]] == pytest.approx([0, 0], abs=1e-12)
    assert np.isnan([found["h_theta"][0], found["h_phi"][0], found["r_max"][0]]).all()


def test_coordinates_agree_with_the_published_formulae():
    """Endler & Mielke's Cartesian formulae, and Stoddard & Prum's r_max from angles with the vertices."""
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 40)
    found = tetrahedral(shares)
    corners = tetrahedral(np.eye(4))
    angles = [(row[3] if abs(row[0]) + abs(row[1]) > 1e-9 else 0.0, row[4]) for row in corners]

    for (u, s, m, _), row in zip(shares, found, strict=True):
        x, y, z = (1 - 2 * s - m - u) / 2 * 1.5**0.5, (3 * m + u - 1) / 8**0.5, u - 0.25
        length = (x * x + y * y + z * z) ** 0.5
        theta, phi = np.arctan2(y, x), np.arcsin(z / length)
        cosines = [np.cos(phi) * np.cos(p) * np.cos(theta - t) + np.sin(phi) * np.sin(p) for t, p in angles]
        largest = 0.25 / -min(cosines)
        expected = [x, y, z, theta, phi, length, largest, length / largest]
        np.testing.assert_allclose(row, expected, rtol=1e-9, atol=1e-12)
