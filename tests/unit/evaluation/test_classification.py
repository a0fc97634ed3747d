"""Probes against scikit-learn, hand-made tables, and data with known effects."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from xmodal_pipeline.evaluation import classification
from xmodal_pipeline.evaluation.probe_data import prepare_data
from xmodal_pipeline.evaluation.probes import (
    Protocol,
    balanced_accuracy,
    balanced_weights,
    choose_c,
    cross_fit,
    fit_logistic,
    hold_out_strata,
    make_folds,
    permuted_predictions,
    reduce_to_samples,
    relabelled_predictions,
    scale_blocks,
)
from xmodal_pipeline.evaluation.resampling import bootstrap_weights

QUICK = {"bootstraps": 50, "reference_permutations": 20, "c_values": (1.0,), "inner_folds": 2}


def two_classes(n=30, dim=8, rgb_effect=0.0, uv_effect=0.0, seed=0):
    """n specimens per class; independent modalities whose class means differ by the effects, in SDs."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], n)
    rgb, uv = rng.normal(size=(2, 2 * n, dim))
    rgb[:, 0] += rgb_effect * y
    uv[:, 1] += uv_effect * y
    return rgb, uv, np.array(["m", "f"])[y]


# The solver


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
def test_logits_equal_scikit_learn(n_classes, c):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5)), rng.integers(0, n_classes, 60)
    y[:30] = 0  # unbalanced
    solution = fit_logistic(x[None], y[None], balanced_weights(y[None], n_classes), np.array([c]), n_classes)[
        0
    ]
    theirs = LogisticRegression(C=c, class_weight="balanced", tol=1e-10, max_iter=9999).fit(x, y)
    logits = x @ solution[:-1] + solution[-1]
    if n_classes == 2:  # theirs has one logit, ours two, whose penalty halves
        theirs = LogisticRegression(C=c * 2, class_weight="balanced", tol=1e-10, max_iter=9999).fit(x, y)
        np.testing.assert_allclose(logits[:, 1] - logits[:, 0], theirs.decision_function(x), atol=5e-3)
    else:
        ours = logits - logits.mean(1, keepdims=True)
        expected = theirs.decision_function(x)
        np.testing.assert_allclose(ours, expected - expected.mean(1, keepdims=True), atol=5e-3)


def test_problems_solved_side_by_side_equal_those_solved_alone():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(3, 40, 4)), rng.integers(0, 3, (3, 40))
    w, c = balanced_weights(y, 3), np.array([0.1, 1.0, 30.0])
    together = fit_logistic(x, y, w, c, 3)
    for i in range(3):
        alone = fit_logistic(x[[i]], y[[i]], w[[i]], c[[i]], 3)
        np.testing.assert_allclose(together[[i]], alone, atol=2e-3)
    shared = fit_logistic(x[:1], y, w, c, 3)
    for i in range(3):
        np.testing.assert_allclose(shared[[i]], fit_logistic(x[:1], y[[i]], w[[i]], c[[i]], 3), atol=2e-3)


def test_a_row_of_weight_zero_is_as_if_absent():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(30, 3)), np.arange(30) % 2
    weights = np.zeros((1, 30))
    weights[0, :20] = balanced_weights(y[None, :20], 2)
    masked = fit_logistic(x[None], y[None], weights, np.ones(1), 2)
    alone = fit_logistic(x[None, :20], y[None, :20], weights[:, :20], np.ones(1), 2)
    np.testing.assert_allclose(masked, alone, atol=1e-4)


def test_reduction_is_exact():
    rng = np.random.default_rng(3)
    x, held, y = rng.normal(size=(25, 90)), rng.normal(size=(9, 90)), np.arange(25) % 3
    w = balanced_weights(y[None], 3)
    wide = fit_logistic(x[None], y[None], w, np.ones(1), 3)[0]
    narrow_x, narrow_held = reduce_to_samples(x, held)
    narrow = fit_logistic(narrow_x[None], y[None], w, np.ones(1), 3)[0]
    assert narrow_x.shape[1] == 25
    np.testing.assert_allclose(held @ wide[:-1] + wide[-1], narrow_held @ narrow[:-1] + narrow[-1], atol=1e-3)


def test_scaling_uses_the_fitted_rows_and_weighs_modalities_alike():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(40, 4)) * 100 + 7, rng.normal(size=(40, 16))
    fit, held = np.arange(30), np.arange(30, 40)
    x, x_held = scale_blocks([a, b], fit, held)
    np.testing.assert_allclose(x[:, :4].var(0).sum(), 1)
    np.testing.assert_allclose(x[:, 4:].var(0).sum(), 1)
    np.testing.assert_allclose(x_held[:, :4], StandardScaler().fit(a[fit]).transform(a[held]) / 2)
    a[held] += 1e6
    np.testing.assert_array_equal(scale_blocks([a, b], fit, held)[0], x)


def test_constant_columns_are_dropped():
    block = np.column_stack([np.full(10, 0.1), np.arange(10.0)])
    x, _ = scale_blocks([block], np.arange(8), np.arange(8, 10))
    assert x.shape == (8, 1)


# Folds


def test_folds_are_stratified_and_keep_specimens_together():
    classes = np.repeat([0, 1], 30)
    specimens = np.repeat(np.arange(20), 3)  # ten per class, three captures each
    folds = make_folds(classes, specimens, 5, seed=0)
    assert sorted(np.concatenate([held for _, held in folds])) == list(range(60))
    for fit, held in folds:
        assert not set(specimens[fit]) & set(specimens[held])
        np.testing.assert_array_equal(np.bincount(classes[held]), [6, 6])


def test_held_out_strata_are_whole():
    strata, classes = np.repeat(np.arange(6), 6), np.arange(36) % 2
    folds = hold_out_strata(classes, np.arange(36), strata, Protocol(folds=3))
    for fit, held in folds:
        assert not set(strata[fit]) & set(strata[held])
        assert len(held) == 12
    # Only one stratum has the second class: held out, nothing is left to learn it from.
    assert hold_out_strata((strata == 0).astype(int), np.arange(36), strata, Protocol(folds=3)) is None


def test_captures_of_one_specimen_on_both_sides_would_leak():
    """Specimens without any class signal: grouped folds stay at chance, folds by capture do not."""
    rng = np.random.default_rng(5)
    owner = np.repeat(np.arange(40), 4)
    rgb = rng.normal(size=(40, 80))[owner] + 0.1 * rng.normal(size=(160, 80))
    labels = np.array(["a", "b"])[owner % 2]
    loose = QUICK | {"c_values": (1000.0,), "reference_permutations": 1}
    grouped = classification(rgb, rgb, labels, groups=owner, **loose)
    leaking = classification(rgb, rgb, labels, groups=None, **loose)
    assert grouped["n"] == 40
    assert grouped["rgb_accuracy"] < 0.65
    assert leaking["rgb_accuracy"] > 0.95


# Accuracy, C, weights


def test_balanced_accuracy_hand_table():
    correct, classes = np.array([1, 1, 1, 0, 1, 0.0]), np.array([0, 0, 0, 0, 1, 1])
    assert balanced_accuracy(correct, classes) == pytest.approx((3 / 4 + 1 / 2) / 2)
    np.testing.assert_allclose(balanced_weights(classes[None], 2)[0], [0.75] * 4 + [1.5] * 2)


def test_choose_c_prefers_shrinkage_where_noise_is_wide_and_the_smallest_of_equals():
    rng = np.random.default_rng(6)
    y = np.repeat([0, 1], 40)
    x = rng.normal(size=(80, 3)) + 20 * y[:, None]
    assert choose_c(x, y, np.arange(80), 2, Protocol(c_values=(100.0, 0.01, 1.0))) == 0.01


def test_cross_fit_equals_a_loop_over_scikit_learn():
    rgb, uv, labels = two_classes(n=25, rgb_effect=1.5, uv_effect=1)
    y = (labels == "f").astype(int)
    folds = make_folds(y, np.arange(50), 5, seed=0)
    ours = cross_fit([rgb, uv], y, np.arange(50), folds, Protocol(), np.full(5, 3.0))
    expected = np.empty(50, int)
    for fit, held in folds:
        x, x_held = scale_blocks([rgb, uv], fit, held)
        expected[held] = LogisticRegression(C=6, class_weight="balanced").fit(x, y[fit]).predict(x_held)
    np.testing.assert_array_equal(ours.predicted, expected)


def test_permuted_and_relabelled_refits_equal_refits_one_by_one(monkeypatch):
    rgb, uv, labels = two_classes(n=15, dim=40, rgb_effect=2)
    y = (labels == "f").astype(int)
    folds, c = make_folds(y, np.arange(30), 3, seed=0), np.array([0.1, 1.0, 10.0])
    orders = np.stack([np.random.default_rng(s).permutation(30) for s in range(5)])
    monkeypatch.setattr("xmodal_pipeline.evaluation.probes._STACK_ELEMENTS", 900)  # two at a time
    together, probability = permuted_predictions(rgb, uv, y, folds, c, orders)
    labelled = relabelled_predictions([rgb], y[orders], folds, c)
    for i, order in enumerate(orders):
        alone = cross_fit([rgb, uv[order]], y, np.arange(30), folds, Protocol(), c)
        np.testing.assert_array_equal(together[i], alone.predicted)
        np.testing.assert_array_equal(probability[i] > 0.5, alone.predicted == y)
        alone = cross_fit([rgb], y[order], np.arange(30), folds, Protocol(), c)
        np.testing.assert_array_equal(labelled[i], alone.predicted)


# The whole


def test_modalities_are_told_apart():
    """UV separates the sexes by 3 SD (Bayes accuracy Φ(1.5) = .93), RGB does not."""
    rgb, uv, labels = two_classes(n=80, uv_effect=3, seed=1)
    result = classification(rgb, uv, labels, joint=uv, **QUICK)
    assert result["rgb_accuracy"] == pytest.approx(0.5, abs=0.1)
    assert result["uv_accuracy"] == pytest.approx(0.93, abs=0.05)
    assert result["joint_accuracy"] == result["uv_accuracy"]
    assert result["uv_minus_rgb"] == pytest.approx(result["uv_accuracy"] - result["rgb_accuracy"])
    assert result["uv_minus_rgb_ci"][0] > 0.2
    assert result["improvement"] == pytest.approx(result["combined_accuracy"] - result["uv_accuracy"])
    assert result["improvement_over_rgb"] > 0.25
    assert result["improvement_over_rgb_p"] == pytest.approx(1 / 21)
    assert abs(result["improvement_over_uv"]) < 0.08
    assert result["improvement_over_uv_p"] > 0.05
    swapped = classification(uv, rgb, labels, joint=uv, **QUICK)
    assert swapped["rgb_accuracy"] == result["uv_accuracy"]
    assert swapped["uv_minus_rgb"] == -result["uv_minus_rgb"]
    assert swapped["uv_minus_rgb_ci"][1] < -0.2


def test_counts_classes_and_what_is_left_out():
    rgb, uv, labels = two_classes(n=10)
    labels = np.append(labels.astype(object), [None, float("nan"), "gynandromorph"])
    rgb, uv = (np.vstack([side, np.zeros((3, 8))]) for side in (rgb, uv))
    result = classification(rgb, uv, labels, **QUICK)
    assert result["n"] == 20
    assert result["n_per_class"] == {"f": 10, "m": 10}
    assert result["left_out"] == {"gynandromorph": 1}
    assert result["chance"] == 0.5
    assert result["folds"] == 5


def test_too_few_gives_a_reason_and_no_number():
    rgb, uv, labels = two_classes(n=5)
    result = classification(rgb, uv, labels, **QUICK)
    few = "too few: f 5, m 5; two classes of at least 6 specimens needed"
    assert result == {"not_applicable": few, "n": 10}
    captures = np.repeat(np.arange(10), 3)  # thirty captures are still ten specimens
    assert (
        "too few"
        in classification(rgb[captures], uv[captures], labels[captures], groups=captures, **QUICK)[
            "not_applicable"
        ]
    )
    assert "no specimen is labelled" in classification(rgb, uv, [None] * 10)["not_applicable"]


def test_one_modality():
    rgb, _, labels = two_classes(n=12, rgb_effect=3)
    result = classification(rgb, None, labels, **QUICK)
    assert result["rgb_accuracy"] > 0.7
    for key in ("uv_accuracy", "combined_accuracy", "joint_accuracy", "uv_minus_rgb", "improvement_over_rgb"):
        assert "not_applicable" in result[key]
    assert result["controls"]["source"] == "rgb"


def sex_ratios_by_species(per_species=30, seed=8):
    """Six species of unlike sex ratios, and noise about the centroids that RGB has for them."""
    rng = np.random.default_rng(seed)
    species = np.repeat(np.arange(6), per_species)
    n = len(species)
    labels = np.where(rng.uniform(size=n) < np.array([0.15, 0.85])[species % 2], "f", "m")
    rgb, uv = rng.normal(size=(2, n, 10))
    return rgb + 3 * rng.normal(size=(6, 10))[species], uv, labels, species


def test_shuffled_controls_and_species_alone():
    """Sex ratios differ by species, and nothing tells the sex: no claim beyond the species is made."""
    rgb, _, labels, species = sex_ratios_by_species()
    result = classification(rgb, rgb[:, ::-1] + 0.1, labels, strata=species, **QUICK)
    controls = result["controls"]
    assert controls["strata_only_accuracy"] == pytest.approx(0.85, abs=0.06)
    assert controls["shuffled_within_strata"] == pytest.approx(0.83, abs=0.06)
    assert controls["shuffled_within_strata_p"] > 0.05
    assert controls["shuffled_freely"] == pytest.approx(0.5, abs=0.04)
    assert result["combined_accuracy"] > controls["shuffled_freely"] + 0.25
    assert controls["strata_held_out_accuracy"] < 0.75
    assert abs(result["combined_above_strata"]) < 0.06
    assert result["combined_above_strata_p"] == controls["shuffled_within_strata_p"]


def test_a_modality_that_knows_the_species_better_does_not_seem_to_know_the_sex_better():
    """RGB knows species, UV is noise, nothing tells the sex: UV - RGB is below 0; beyond species, not."""
    rgb, uv, labels, species = sex_ratios_by_species()
    result = classification(rgb, uv, labels, strata=species, **QUICK)
    assert result["uv_minus_rgb_ci"][1] < -0.15
    low, high = result["uv_minus_rgb_above_strata_ci"]
    assert low < 0 < high
    sides = (result["uv_above_strata"], result["rgb_above_strata"])
    assert result["uv_minus_rgb_above_strata"] == pytest.approx(sides[0] - sides[1])


def test_accuracy_above_strata_is_that_of_refits_one_by_one():
    """Against a loop over the shuffles: labels dealt within species, everything refitted at the chosen C."""
    rgb, uv, labels, species = sex_ratios_by_species(per_species=12)
    uv[:, 0] += 1.5 * (labels == "f")
    protocol = Protocol(reference_permutations=4, bootstraps=20, c_values=(1.0,))
    data = prepare_data({"rgb": rgb, "uv": uv, "joint": None}, labels, None, species, protocol)
    result = classification(
        rgb, uv, labels, strata=species, reference_permutations=4, bootstraps=20, c_values=(1.0,)
    )
    accuracies = []
    for order in data.orders(4, within_strata=True, seed=1):
        dealt = data.classes[order]
        folds = data.folds
        c = np.ones(len(folds))
        (guess,) = relabelled_predictions([uv], dealt[None], folds, c)
        accuracies.append(balanced_accuracy((guess == dealt).astype(float), dealt))
    assert result["uv_above_strata"] == pytest.approx(result["uv_accuracy"] - np.mean(accuracies))
    better = sum(accuracy >= result["uv_accuracy"] for accuracy in accuracies)
    assert result["uv_above_strata_p"] == (1 + better) / 5


def test_only_test_specimens_are_scored_for_test_only():
    rgb, uv, labels = two_classes(n=30, rgb_effect=2)
    is_test = np.arange(60) % 3 == 0
    result = classification(rgb, uv, labels, test=is_test, **QUICK)
    alone = result["test_only"]
    assert alone["n"] == 20
    # The same predictions: the whole is the mean of its parts, each class weighted by its rows.
    rest = classification(rgb, uv, labels, test=~is_test, **QUICK)["test_only"]
    for source in ("rgb", "uv"):
        name = f"{source}_accuracy"
        assert result[name] == pytest.approx((20 * alone[name] + 40 * rest[name]) / 60)
    few = classification(rgb, uv, labels, test=np.arange(60) < 8, **QUICK)["test_only"]
    assert few == {"not_applicable": "too few: f 0, m 8"}
    assert "not_applicable" in classification(rgb, uv, labels, **QUICK)["test_only"]


def test_confounders_alone_tell_the_label_and_clades_are_held_out():
    """One session per sex, and a UV that follows the session: the session alone reaches the accuracy."""
    rng = np.random.default_rng(12)
    species = np.repeat(np.arange(6), 20)
    labels = np.array(["m", "f"])[np.arange(120) % 2]
    session = np.where(rng.uniform(size=120) < 0.9, labels, "both")
    rgb, uv = rng.normal(size=(2, 120, 6))
    uv[:, 0] += 4 * (session == "f")
    confounders = np.stack([session, np.full(120, None)], axis=1)
    result = classification(
        rgb, uv, labels, strata=species, clades=species // 2, confounders=confounders, **QUICK
    )
    controls = result["controls"]
    assert controls["confounders_only_accuracy"] > 0.9
    assert controls["confounders_only_accuracy"] >= result["uv_accuracy"] - 0.05
    assert controls["clades_held_out_accuracy"] == pytest.approx(result["combined_accuracy"], abs=0.12)
    two = classification(rgb, uv, labels, strata=species, clades=species // 3, **QUICK)["controls"]
    assert "whole groups of specimens" in two["clades_held_out_accuracy"]["not_applicable"]
    assert "confounders_only_accuracy" not in two
    with pytest.raises(ValueError, match=r"confounders must be one row per label \(120\)"):
        classification(rgb, uv, labels, confounders=session, **QUICK)


def test_neighbours_find_what_is_not_linear():
    """A class that is a ring around the other: a line cannot part them, neighbours can."""
    rng = np.random.default_rng(13)
    angle = rng.uniform(0, 2 * np.pi, 160)
    cone = np.repeat([0.2, 1.0], 80)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    features = np.column_stack([cone, np.ones(160)]) + rng.normal(0, 0.05, (160, 3))
    labels = np.repeat(["core", "ring"], 80)
    result = classification(features, rng.normal(size=(160, 3)), labels, **QUICK)
    assert result["knn"]["rgb_accuracy"] > 0.95
    assert result["rgb_accuracy"] < 0.7
    assert result["knn"]["uv_accuracy_ci"][0] < 0.5 < result["knn"]["uv_accuracy_ci"][1]
    assert "no joint embedding" in result["knn"]["joint_accuracy"]["not_applicable"]


def test_by_stratum_finds_the_species_with_the_signal():
    rng = np.random.default_rng(9)
    species = np.array(["plain", "dimorphic"])[np.repeat([0, 1], 60)]
    labels = np.array(["m", "f"])[np.arange(120) % 2]
    rgb, uv = rng.normal(size=(2, 120, 6))
    uv[:, 0] += 4 * ((species == "dimorphic") & (labels == "f"))
    result = classification(rgb, uv, labels, strata=species, **QUICK)["by_stratum"]
    assert result["dimorphic"]["uv_minus_rgb_ci"][0] > 0
    assert result["plain"]["uv_minus_rgb_ci"][0] < 0 < result["plain"]["uv_minus_rgb_ci"][1]
    assert result["plain"]["n"] == 60
    few = classification(rgb[:66], uv[:66], labels[:66], strata=species[:66], **QUICK)["by_stratum"]
    assert few["dimorphic"] == {"not_applicable": "too few: f 3, m 3"}


def test_same_seed_same_numbers():
    rgb, uv, labels = two_classes(n=12, rgb_effect=1)
    assert classification(rgb, uv, labels, seed=3, **QUICK) == classification(
        rgb, uv, labels, seed=3, **QUICK
    )


def test_orders_move_whole_specimens_within_their_species():
    owner = np.repeat(np.arange(8), 2)
    species, labels = owner // 4, np.array(["a", "b"])[owner % 2]
    block = np.zeros((16, 2))
    data = prepare_data({"rgb": block}, labels, owner, species, Protocol(minimum_n=3))
    orders = data.orders(50, within_strata=True, seed=0)
    np.testing.assert_array_equal(species[orders], np.tile(species, (50, 1)))
    np.testing.assert_array_equal(owner[orders][:, ::2], owner[orders][:, 1::2])
    free = data.orders(50, within_strata=False, seed=0)
    assert (species[free] != species).any()


def test_bootstrap_draws_clusters_within_strata():
    weights = bootstrap_weights(np.repeat([7, 8, 9], 2), np.repeat(["a", "a", "b"], 2), 500, seed=0)
    np.testing.assert_array_equal(weights[:, ::2], weights[:, 1::2])
    np.testing.assert_array_equal(weights[:, 4], 1)
    np.testing.assert_array_equal(weights[:, 0] + weights[:, 2], 2)
    assert weights[:, 0].mean() == pytest.approx(1, abs=0.1)


def test_the_difference_of_modalities_has_the_p_of_sign_flips():
    """24 specimens, all told by UV and half by RGB: 12 differences of one sign, and the folds' widening."""
    rng = np.random.default_rng(0)
    labels = np.tile(["f", "m"], 12)
    uv = 20.0 * (labels == "m")[:, None] + rng.normal(size=(24, 2))
    rgb = np.where(np.arange(24)[:, None] < 12, uv, -uv)
    forth = classification(rgb, uv, labels, bootstraps=20)
    back = classification(uv, rgb, labels, bootstraps=20)
    assert forth["uv_minus_rgb"] == -back["uv_minus_rgb"] > 0
    assert forth["uv_minus_rgb_p"] == back["uv_minus_rgb_p"]
    wrong = round(24 * forth["uv_minus_rgb"])
    flips = rng.choice([-1, 1], (100_000, wrong)).sum(1)
    expected = np.mean(np.abs(flips) >= wrong / np.sqrt(1 + 5 / 4) - 1e-9)
    assert forth["uv_minus_rgb_p"] == pytest.approx(expected, abs=0.01)
    assert classification(rgb, rgb, labels, bootstraps=20)["uv_minus_rgb_p"] == 1


def test_bad_input_is_refused():
    rgb, uv, labels = two_classes(n=8)
    with pytest.raises(
        ValueError, match=r"classification: uv must be a matrix with one row per label \(16\)"
    ):
        classification(rgb, uv[:9], labels)
    uv[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"classification: uv must be finite, .* the first 0"):
        classification(rgb, uv, labels)
    with pytest.raises(ValueError, match=r"classification: joint must be finite, .* the first 0"):
        classification(rgb, None, labels, joint=-uv)
    groups = [*range(15), np.nan]
    with pytest.raises(ValueError, match=r"classification: groups must name .* 1 row\(s\), the first 15"):
        classification(rgb, rgb, labels, groups)
    with pytest.raises(
        ValueError, match=r"classification: test must be true or false .* \(16\), got float64"
    ):
        classification(rgb, rgb, labels, test=groups)
    with pytest.raises(ValueError, match="rgb, uv or joint must be given, got none"):
        classification(None, None, labels)


def test_interval_is_the_percentile_interval_widened_for_shared_training_rows():
    """Five folds: √(1 + 5/4) = 1.5 times the bootstrap interval on either side of the estimate."""
    rgb, _, labels = two_classes(n=40)
    data = prepare_data({"rgb": rgb}, labels, None, None, Protocol(bootstraps=3000))
    correct = np.tile([1.0, 1.0, 0.0, 1.0], 20)
    standard_error = np.sqrt(0.75 * 0.25 / 80)
    low, high = data.interval(correct)
    assert low == pytest.approx(0.75 - 1.5 * 1.96 * standard_error, abs=0.015)
    assert high == pytest.approx(0.75 + 1.5 * 1.96 * standard_error, abs=0.015)


def null_modalities(rng, n=16, dim=12, effect=1.5):
    """Two independent modalities that tell the classes equally well."""
    y = np.repeat([0, 1], n)
    rgb, uv = rng.normal(size=(2, 2 * n, dim))
    rgb[:, 0] += effect * y
    uv[:, 1] += effect * y
    return rgb, uv, y


@pytest.mark.slow
def test_uv_minus_rgb_is_calibrated_where_both_tell_the_same():
    """Nominal .05 of 100: a binomial of that rate exceeds 11 in 1 of 200."""
    rng, missed = np.random.default_rng(10), 0
    for seed in range(100):
        rgb, uv, y = null_modalities(rng)
        protocol = Protocol(c_values=(1.0,), seed=seed)
        data = prepare_data({"rgb": rgb, "uv": uv}, y, None, None, protocol)
        c = np.ones(len(data.folds))
        correct = [
            cross_fit([data.blocks[m]], data.classes, data.groups, data.folds, protocol, c).predicted
            == data.classes
            for m in ("rgb", "uv")
        ]
        low, high = data.interval(correct[1].astype(float) - correct[0])
        missed += not low <= 0 <= high
    assert missed <= 11


@pytest.mark.slow
def test_improvement_over_rgb_is_rarely_claimed_for_a_uv_of_noise():
    """p <= .05 in 1 of 21 at most, by exchangeability: of 40, a binomial of .048 exceeds 6 in 1 of 300."""
    rng, hits = np.random.default_rng(11), 0
    for seed in range(40):
        rgb, uv, y = null_modalities(rng)
        result = classification(
            rgb, rng.normal(size=uv.shape), y, seed=seed, **(QUICK | {"bootstraps": 20, "folds": 3})
        )
        hits += result["improvement_over_rgb_p"] <= 0.05
    assert hits <= 6
