"""Trees as people export them, and species that they lack."""

import pytest

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.specimens.tree import find_tips, match_tips, read_tips


def write(folder, text):
    path = folder / "birds.nwk"
    path.write_text(text)
    return path


def test_tips_are_read_with_lengths_quotes_supports_and_comments(tmp_path):
    text = "((Parus_major:1.5,'Parus minor':2)0.98:1,(Poecile_ater[&rate=1]:1e-2,Sitta_europaea)inner);\n"

    assert set(read_tips(write(tmp_path, text))) == {
        "Parus_major",
        "Parus minor",
        "Poecile_ater",
        "Sitta_europaea",
    }


def test_a_tree_of_thousands_of_tips_in_a_row_is_read(tmp_path):
    comb = "t0"
    for i in range(1, 4000):
        comb = f"({comb},t{i})"

    assert len(read_tips(write(tmp_path, comb + ";"))) == 4000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(A,B", r"tree 'birds.nwk': must be one tree in Newick format, got 'Mismatch.*'; export it as"),
        ("", "must be one tree in Newick format, got 'There are no trees"),
        ("(A,B);\n(C,D);", "must be one tree in Newick format"),
        ("#NEXUS\nBEGIN TREES;\nTREE a = (A,B);\nEND;", "must be one tree in Newick format"),
        ("(A,,B);", "every tip must have a label and there must be at least two, got 3 tips, 1 without"),
        ("A;", "there must be at least two, got 1 tips"),
        (
            "(Parus major:1,Sitta europaea:2);",
            "must have neither spaces nor double quotes, got 'Parus major'",
        ),
        ('(("A_b",B),C);', "must have neither spaces nor double quotes"),
        ("(A_b,('a B',C));", r"a species must be one tip, got \['(A_b|a B)', '(A_b|a B)'\]; keep one"),
    ],
)
def test_what_is_no_tree_of_species_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_tips(write(tmp_path, text))


def test_species_are_matched_whatever_their_case_and_underscores_and_nothing_is_guessed():
    found = match_tips(
        ["Sitta_europaea", "PARUS MAJOR", "Parus_minor", "Zosterops_palpebrosus"],
        ["parus major", "parus_minor", "parus minr", None, "parus major", "struthio camelus"],
    )

    assert found.astype(object).where(found.notna(), None).to_dict("list") == {
        "species": ["parus major", "parus_minor", "parus minr", "struthio camelus", None, None],
        "tip": ["PARUS MAJOR", "Parus_minor", None, None, "Sitta_europaea", "Zosterops_palpebrosus"],
        "status": ["matched"] * 2 + ["not_in_tree"] * 2 + ["not_in_study"] * 2,
        "nearest": [None, None, "Parus_minor", None, None, None],
    }


def test_two_species_of_one_tip_are_refused():
    with pytest.raises(ParametersError, match=r"specimens.tree: species must differ .* got \['a b', 'a_b'\]"):
        match_tips(["A_b", "c"], ["a b", "a_b"])


def test_labels_of_another_encoding_are_read(tmp_path):
    (tmp_path / "birds.nwk").write_bytes("((A\xe9,B),C);".encode("latin-1"))
    assert set(read_tips(tmp_path / "birds.nwk")) == {"A\xe9", "B", "C"}


def test_the_file_is_taken_as_named_or_beside_the_captures(tmp_path):
    write(tmp_path, "(A,B);")

    assert find_tips(tmp_path, SpecimensParams()) == ()
    assert set(find_tips(tmp_path, SpecimensParams(tree="birds.nwk"))) == {"A", "B"}
    with pytest.raises(ParametersError, match=r"specimens.tree: must be an existing file, got 'no.nwk'"):
        find_tips(tmp_path, SpecimensParams(tree="no.nwk"))
    write(tmp_path, "(A,B")
    with pytest.raises(ParametersError, match=r"specimens.tree: tree 'birds.nwk': must be one tree"):
        find_tips(tmp_path, SpecimensParams(tree="birds.nwk"))
