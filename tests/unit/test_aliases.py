"""Aliases that write out to gigabytes are refused, and those of ordinary files are not."""

import time

import pytest

from xmodal_pipeline.aliases import check_aliases
from xmodal_pipeline.errors import ParametersError


def write(tmp_path, text, environment="base"):
    (tmp_path / environment).mkdir(exist_ok=True)
    (tmp_path / environment / "parameters_x.yml").write_text(text)


def nested(depth, width=10):
    lines = [f"a0: &a0 [{', '.join('x' * width)}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, depth)]
    return "\n".join(lines)


def test_nested_aliases_are_counted_and_not_expanded(tmp_path):
    write(tmp_path, nested(30))
    began = time.monotonic()
    with pytest.raises(ParametersError, match=r"'parameters_x\.yml': aliases must stand for at most 100,000"):
        check_aliases(tmp_path, ["base", None])
    assert time.monotonic() - began < 2


def test_the_count_is_that_of_the_written_out_file(tmp_path):
    # Root, two keys, ten values and their list, and a list of ten such lists.
    write(tmp_path, nested(2))
    check_aliases(tmp_path, ["base"])
    write(tmp_path, nested(4))  # 1 + 4 keys + 11 + 111 + 1,111 + 11,111
    check_aliases(tmp_path, ["base"])
    write(tmp_path, nested(5))
    with pytest.raises(ParametersError, match="got 123,461"):
        check_aliases(tmp_path, ["base"])


def test_an_alias_of_what_holds_it_is_refused_and_environments_that_are_not_read_are_not_looked_at(tmp_path):
    write(tmp_path, "a: &a [*a]", "local")
    check_aliases(tmp_path, ["base", "other"])
    with pytest.raises(ParametersError, match="aliases must stand for"):
        check_aliases(tmp_path, ["base", "local"])


@pytest.mark.parametrize("text", ["", "a: [", "\x00", "- 1\n- 2\n"])
def test_what_is_no_yaml_is_left_to_its_reader(tmp_path, text):
    write(tmp_path, text)
    check_aliases(tmp_path, ["base"])
