"""The test of docs/uv_value.md against a second writing of it: p, A and limits of seventeen small studies."""

import numpy as np
import pytest

from xmodal_pipeline.evaluation import uv_value


def make_study(seed, counts, p=4, m=3, *, delta=0.0, spread=1.0, tail=None, outliers=0, slopes=0.4, axes=0.0):
    """Species of n_1 + n_2 specimens; UV follows RGB, and adds `delta` in every other species."""
    rng = np.random.default_rng(seed)
    mixing = np.eye(p) + rng.normal(size=(p, p)) / np.sqrt(p)
    common = rng.normal(size=(p, m)) * 0.6
    rgb, uv, label, species = [], [], [], []
    for s, (n_1, n_2) in enumerate(counts):
        sex = np.repeat([0, 1], [n_1, n_2])
        scale = np.where(sex == 1, spread, 1.0)[:, None]
        draw = rng.standard_t(tail, size=(len(sex), p)) if tail else rng.normal(size=(len(sex), p))
        x = draw @ mixing * scale + sex[:, None] * rng.normal(size=p)
        noise = rng.normal(size=(len(sex), m)) * scale * np.exp(axes * rng.normal(size=m) if axes else 0.0)
        u = x @ (common + slopes * rng.normal(size=(p, m))) + noise
        u[:, 0] += delta * sex * (s % 2)
        for _ in range(outliers):
            x[rng.integers(len(sex)), rng.integers(p)] += 30
            u[rng.integers(len(sex)), rng.integers(m)] += 30
        rgb.append(x)
        uv.append(u)
        label.append(sex)
        species.append(np.full(len(sex), s))
    return np.vstack(rgb), np.vstack(uv), np.concatenate(label), np.concatenate(species)


STUDIES = {
    "many species": {"counts": [(10, 10)] * 12, "delta": 3.0},
    "few specimens": {"counts": [(6, 6)] * 8, "delta": 6.0},
    "one species": {"counts": [(15, 12)], "p": 3},
    "one species with less than its covariance takes": {"counts": [(6, 6)], "p": 9, "m": 1},
    "two species: a ridge": {"counts": [(7, 6), (6, 8)], "p": 6},
    "three species: lines": {"counts": [(8, 8), (9, 7), (6, 6)], "p": 5, "m": 2},
    "unequal classes and variances": {"counts": [(18, 6), (6, 18)] * 3, "spread": 2.0, "delta": 6.0},
    "more UV than columns, heavy tails": {"counts": [(8, 9)] * 6, "m": 9, "tail": 3},
    "ten specimens: the square of the score counts": {"counts": [(5, 5)] * 6, "p": 3},
    "outliers": {"counts": [(9, 9)] * 7, "outliers": 1, "delta": 5.0},
    "species of one class lend, of two and two are tested": {
        "counts": [(8, 8)] * 5 + [(9, 0), (2, 2), (2, 3)]
    },
    "others too few for slopes": {"counts": [(6, 6), (4, 0)], "p": 6},
    "one species of two and two among many that only lend": {
        "counts": [(2, 2), (2, 3)] + [(1, 19)] * 4,
        "m": 8,
    },
    "an embedding of which one species of two and two is tested": {
        "counts": [(2, 2)] + [(1, 9)] * 9,
        "p": 20,
        "m": 20,
    },
    "species that vary along axes of their own": {"counts": [(8, 8)] * 9, "axes": 1.0, "delta": 4.0},
    "an embedding": {"counts": [(10, 8)] * 6, "p": 20, "m": 20, "delta": 12.0},
}


def test_a_column_without_spread_changes_nothing(oracle):
    rgb, uv, label, species = make_study(5, [(8, 8)] * 4)
    fuller = np.hstack([rgb, species[:, None] + 1.0])
    table = uv_value(fuller, uv, label, species).query("scope == 'species'").sort_values("species")
    np.testing.assert_allclose(table["p"], np.array(oracle(rgb, uv, label, species))[:, 1], atol=1e-8)


@pytest.mark.parametrize("name", STUDIES)
def test_p_estimate_and_limits_are_those_of_the_text(name, oracle):
    study = make_study(sum(map(ord, name)), **STUDIES[name])
    table = uv_value(*study, minimum_n=2)
    found = table[table["scope"] == "species"].dropna(subset="p").sort_values("species")
    expected = np.array(oracle(*study))
    assert found["species"].tolist() == expected[:, 0].tolist()
    np.testing.assert_allclose(found["p"], expected[:, 1], atol=1e-8)
    for column, values in zip(("uv_adds", "low", "high"), expected[:, 2:].T, strict=True):
        np.testing.assert_allclose(found[column], values, rtol=1e-8, atol=1e-8, err_msg=column)


def test_the_studies_reach_what_they_are_named_for(oracle):
    """Otherwise an oracle and its subject would agree where nothing happens."""
    tables = {
        name: uv_value(*make_study(sum(map(ord, name)), **s), minimum_n=2) for name, s in STUDIES.items()
    }
    assert tables["outliers"]["n_set_aside"].sum() > 3
    assert tables["more UV than columns, heavy tails"]["columns"].max() == 5
    species = {name: table[table["scope"] == "species"] for name, table in tables.items()}
    assert all((table["p"] > 0.05).any() for table in species.values())
    assert sum((table["low"] > 0).any() for table in species.values()) >= 3
