import pytest

from xmodal_pipeline.reporting.classification.beyond import judge_beyond
from xmodal_pipeline.reporting.words import ModalityNames

NAMES = ModalityNames("dorsal", "ventral")


def rows(studies, label="sex", new=True, **modalities):
    """Value and p per modality; 0.1 on each side of the value."""
    made = [
        studies.make_difference("separate", value, value - 0.1, value + 0.1, f"{name}_above_strata", p=p)
        | {"label": label}
        for name, (value, p) in modalities.items()
    ]
    fresh = {"name": "separate", "kind": "variant", "task": "classification_control", "label": label}
    fresh |= {"metric": "strata_held_out_accuracy", "source": "joint", "value": 0.78, "low": 0.7, "high": 0.8}
    return [*made, fresh] if new else made


def judged(studies, *made, permutations=99):
    return judge_beyond(studies.tidy([row for part in made for row in part]), "separate", permutations, NAMES)


def test_a_label_is_told_by_the_modalities_whose_corrected_p_says_so(studies):
    told = judged(studies, rows(studies, rgb=(0.37, 0.01), uv=(0.35, 0.02)))
    (found,) = told.findings
    assert (told.by, found.is_claim) == ({"sex": ["rgb", "uv"]}, True)
    assert found.text.replace("\u00a0", " ") == (
        "sex is told beyond the species by dorsal (+0.37; uncorrected 95 % interval +0.27 to +0.47, "
        "corrected p = 0.020) and ventral (+0.35; uncorrected 95 % interval +0.25 to +0.45, corrected "
        "p = 0.020); in species not learnt from, joint features reach 0.78 (95 % interval 0.70 to 0.80)."
    )


@pytest.mark.parametrize(
    ("uv", "by"), [((0.35, 0.05), ["rgb", "uv"]), ((0.35, 0.051), ["rgb"]), ((-0.1, 0.01), ["rgb"])]
)
def test_each_modality_stands_by_its_own_test(studies, uv, by):
    told = judged(studies, rows(studies, new=False, rgb=(0.37, 0.01), uv=uv))
    assert told.by == {"sex": by}
    assert ("; not shown to be told beyond the species by ventral (" in told.findings[0].text) is (
        len(by) == 1
    )


def test_all_labels_are_one_family(studies):
    sex = rows(studies, rgb=(0.3, 0.02), uv=(0.3, 0.02))
    morph = rows(studies, "morph", rgb=(0.3, 0.6), uv=(0.3, 0.6))
    assert judged(studies, sex).by == {"sex": ["rgb", "uv"]}
    told = judged(studies, sex, morph)
    assert told.by == {"sex": [], "morph": []}
    assert not any(one.is_claim for one in told.findings)
    assert not any("not learnt from" in one.text for one in told.findings)


@pytest.mark.parametrize(("permutations", "is_possible"), [(39, True), (38, False)])
def test_permutations_that_can_show_nothing_are_said_once(studies, permutations, is_possible):
    least = 1 / (permutations + 1)
    told = judged(studies, rows(studies, rgb=(0.3, least), uv=(0.3, least)), permutations=permutations)
    (found,) = told.findings
    assert found.is_claim is is_possible
    assert is_possible or found.text == (
        "Whether sex is told beyond the species cannot be shown: 38 permutations are too few for 2 tests."
    )


def test_without_species_or_another_variant_nothing_is_said(studies):
    assert judged(studies, rows(studies)).findings == ()
    sex = studies.tidy(rows(studies, rgb=(0.3, 0.01)))
    assert judge_beyond(sex, "concat", 99, NAMES) == ({}, ())
