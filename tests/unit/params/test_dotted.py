from xmodal_pipeline.params.dotted import dotted


def test_values_are_named_by_their_place_and_an_empty_group_is_one():
    tree = {"training": {"lr": 0.1, "weights": None}, "vocabulary": {}, "ks": [1, 5]}
    assert list(dotted(tree)) == [
        ("training.lr", 0.1),
        ("training.weights", None),
        ("vocabulary", {}),
        ("ks", [1, 5]),
    ]
