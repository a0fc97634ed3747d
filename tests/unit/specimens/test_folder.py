"""Every file once, through links, and never for ever."""

import pytest

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.specimens.folder import list_folder


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(paths):
    return [str(path) for path in paths]


def test_linked_folders_and_files_are_listed_under_the_links(tmp_path):
    root = tmp_path / "root"
    touch(root / "day0/a.tif", tmp_path / "disk1/b.tif", tmp_path / "disk1/sub/c.tif", tmp_path / "d.tif")
    (root / "day1").symlink_to(tmp_path / "disk1")
    (root / "d.tif").symlink_to(tmp_path / "d.tif")
    (root / "gone.tif").symlink_to(tmp_path / "annex/gone.tif")
    found = list_folder(root)
    assert names(found.files) == ["d.tif", "day0/a.tif", "day1/b.tif", "day1/sub/c.tif"]
    assert names(found.broken_links) == ["gone.tif"]
    assert found.passed_over == ()


def test_no_folder_is_entered_twice_and_loops_end(tmp_path):
    root = tmp_path / "root"
    touch(root / "z/a.tif", root / ".hidden/b.tif", root / "__MACOSX/c.tif", root / "._d.tif")
    (root / "again").symlink_to(root / "z")
    (root / "z/self").symlink_to(root)
    (root / "up").symlink_to(tmp_path)
    found = list_folder(root)
    assert names(found.files) == ["z/a.tif"]  # under its own path, not the link's
    assert names(found.passed_over) == ["again", "up", "z/self"]


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    touch(tmp_path / "locked/a.tif")

    def refuse(folder):
        if folder.name == "locked":
            raise PermissionError("no")
        return ["locked"]

    monkeypatch.setattr("xmodal_pipeline.specimens.folder.os.listdir", refuse)
    with pytest.raises(ParametersError, match=r"every folder must be readable, got PermissionError.*locked"):
        list_folder(tmp_path)
