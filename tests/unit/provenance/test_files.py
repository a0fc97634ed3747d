"""Fingerprints of the captures' files, and of files that settings name."""

import os

import pytest

from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.provenance import files
from xmodal_pipeline.provenance.files import CaptureFilesState, digests_of_named_files


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "captures"
    (root / "deep").mkdir(parents=True)
    (root / "a.tif").write_bytes(b"aaaa")
    (root / "deep" / "b.TIFF").write_bytes(b"bbbb")
    (root / "metadata.csv").write_text("filename,sex\na,m\n")
    (root / "notes.txt").write_text("read by nobody")
    (root / "other.csv").write_text("nor this")
    return root


def look(root, known=None, **specimens):
    return CaptureFilesState.look(root, SpecimensParams(**specimens), known)


def test_images_and_metadata_are_looked_at_and_nothing_else(folder):
    before = look(folder)
    assert set(before.files) == {"a.tif", "deep/b.TIFF", "metadata.csv"}
    (folder / "notes.txt").write_text("changed")
    (folder / "other.csv").unlink()
    assert look(folder).digest == before.digest


def test_what_changed_is_named(folder):
    before = look(folder)
    (folder / "a.tif").write_bytes(b"aaab")
    (folder / "metadata.csv").write_text("filename,sex\na,f\n")
    (folder / "deep" / "b.TIFF").unlink()
    (folder / "c.png").write_bytes(b"c")
    after = look(folder, before)
    assert after.digest != before.digest
    assert before.differing(after) == [
        "a.tif (changed)",
        "c.png (new)",
        "deep/b.TIFF (gone)",
        "metadata.csv (changed)",
    ]
    assert before.differing(before) == []


def test_two_files_that_change_names_are_a_change(folder):
    before = look(folder)
    (folder / "a.tif").rename(folder / "x")
    (folder / "deep" / "b.TIFF").rename(folder / "a.tif")
    (folder / "x").rename(folder / "deep" / "b.TIFF")
    assert look(folder).digest != before.digest


def test_another_time_is_no_change_and_only_then_is_a_file_read_again(folder, monkeypatch):
    read = []
    monkeypatch.setattr(files, "hash_file", lambda path: read.append(path.name) or "new")
    before = look(folder)
    assert sorted(read) == ["a.tif", "b.TIFF", "metadata.csv"]
    read.clear()
    assert look(folder, before).digest == before.digest
    assert read == []
    os.utime(folder / "a.tif", ns=(1, 1))
    assert look(folder, before).digest == before.digest
    assert read == ["a.tif"]


def test_regions_count_where_they_are_read_and_metadata_wherever_they_lie(folder, tmp_path):
    (folder / "a.zip").write_bytes(b"regions")
    outside = tmp_path / "labels.csv"
    outside.write_text("filename\na\n")
    assert "a.zip" not in look(folder).files
    assert "a.zip" in look(folder, patches="roi").files
    assert set(look(folder, metadata=outside).files) == {"a.tif", "deep/b.TIFF", str(outside)}
    assert "metadata.csv" not in look(folder, metadata=outside).files
    gone = look(folder, metadata=tmp_path / "absent.csv")
    assert set(gone.files) == {"a.tif", "deep/b.TIFF"}


def test_a_link_without_its_target_is_a_file_without_content(folder):
    (folder / "z.tif").symlink_to(folder / "annex")
    before = look(folder)
    assert before.files["z.tif"].sha256 == ""
    (folder / "annex").write_bytes(b"fetched")
    assert before.differing(look(folder, before)) == ["z.tif (changed)"]


def test_states_are_kept_by_digest_and_the_last_one_is_known(folder, tmp_path):
    kept = tmp_path / "kept"
    assert CaptureFilesState.from_folder(kept) is None
    before = look(folder)
    before.to_folder(kept)
    (folder / "a.tif").write_bytes(b"other")
    after = look(folder, before)
    after.to_folder(kept)
    assert CaptureFilesState.from_folder(kept, before.digest) == before
    os.utime(kept / f"captures-{before.digest}.json", ns=(1, 1))
    assert CaptureFilesState.from_folder(kept) == after
    assert CaptureFilesState.from_folder(kept, "unheard-of") is None


def test_files_that_settings_name_are_told_by_content_also_inside_the_captures_folder(folder, tmp_path):
    (folder / "birds.nwk").write_text("(a,b);")
    (tmp_path / "one.parquet").write_bytes(b"1")
    (tmp_path / "two.parquet").write_bytes(b"2")
    runs = {"mine": [str(tmp_path / "one.parquet"), str(tmp_path / "two.parquet")]}
    known = Parameters.model_validate(
        {"specimens": {"root": str(folder), "tree": "birds.nwk"}, "compare": {"runs": runs}}
    )
    keys = ["specimens.root", "specimens.tree", "compare.runs", "specimens.receptors"]
    before = digests_of_named_files(known, keys, folder)
    assert set(before) == {"specimens.tree", "compare.runs"}
    assert digests_of_named_files(known, ["compare.runs"], folder) == {"compare.runs": before["compare.runs"]}
    (tmp_path / "two.parquet").write_bytes(b"3")
    after = digests_of_named_files(known, keys, folder)
    assert after["specimens.tree"] == before["specimens.tree"]
    assert after["compare.runs"] != before["compare.runs"]
