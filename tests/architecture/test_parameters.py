"""What a user reads in conf/base is all there is: every key, its default, and what it means."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.root import Parameters

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "conf" / "base").glob("parameters_*.yml"))
MODELS = sorted((ROOT / "src" / "xmodal_pipeline" / "params").glob("*.py"))
OWN = ("BandLayout", "Cell")
"""Classes whose fields are no keys of these files."""


def flatten(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def defaults(group):
    """As a file shows them: null where a preset decides."""
    for key in type(group).model_fields:
        value = getattr(group, key)
        yield key, None if key in group.of_preset else plain(value)


def plain(value):
    if isinstance(value, ParamsModel):
        return dict(defaults(value))
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return TypeAdapter(type(value)).dump_python(value, mode="json")


def test_the_files_show_every_key_with_the_default_of_the_model():
    shown = {}
    for path in FILES:
        shown |= yaml.safe_load(path.read_text())
    expected = dict(defaults(Parameters()))
    expected.pop("study")  # set through globals.yml, because the catalog's paths need it too
    assert dict(flatten(shown)) == dict(flatten(expected))


def field_docstrings():
    """What follows each field of each model, in one line; empty where nothing does."""
    for path in MODELS:
        for owner in ast.parse(path.read_text()).body:
            if not isinstance(owner, ast.ClassDef):
                continue
            for node, following in zip(owner.body, [*owner.body[1:], None], strict=True):
                if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.unparse(node.annotation):
                    is_said = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
                    said = following.value.value if is_said else ""
                    yield owner.name, node.target.id, " ".join(said.split())


DOCSTRINGS = {(owner, field): text for owner, field, text in field_docstrings()}


def test_every_field_of_a_model_says_what_it_is():
    unsaid = [key for key, text in DOCSTRINGS.items() if not text and key[0] not in OWN]
    assert unsaid == []
    assert len(DOCSTRINGS) > 100


def commented_keys(text):
    """Yield each key in block style as (path, the comment right above it)."""
    path, comment = [], []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip().removeprefix("#").strip())
            continue
        if found := re.match(r"( *)([\w.]+):", line):
            path = [*path[: len(found[1]) // 2], found[2]]
            yield tuple(path), " ".join(comment)
        comment = []


def docstring_of(path):
    """The docstring of the field at `path`; None below a field that holds a plain dictionary."""
    model = Parameters
    for at, key in enumerate(path):
        owner = next(cls for cls in model.__mro__ if key in cls.__annotations__)
        if at == len(path) - 1:
            return DOCSTRINGS[owner.__name__, key]
        model = model.model_fields[key].annotation
        if not (isinstance(model, type) and issubclass(model, ParamsModel)):
            return None
    raise AssertionError(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_key_has_the_words_of_its_field_above_it(path):
    keys = dict(commented_keys(path.read_text()))
    assert set(next(zip(*keys, strict=False))) == set(yaml.safe_load(path.read_text()))
    said = {key: docstring_of(key) for key in keys}
    wrong = {key: (keys[key], text) for key, text in said.items() if text is not None and keys[key] != text}
    assert wrong == {}


def test_every_variant_and_each_of_its_keys_is_explained():
    text = (ROOT / "conf" / "base" / "parameters_train.yml").read_text()
    keys = dict(commented_keys(text))
    variants = yaml.safe_load(text)["variants"]
    assert all(keys["variants", name] for name in variants)
    for params in variants.values():
        said = keys[("variants",)] + keys["variants", params["fusion_type"]]
        assert set(params) <= set(re.findall(r"`(\w+)`", said))
