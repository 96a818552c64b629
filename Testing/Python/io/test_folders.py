"""Folders that appear whole or not at all, also where the process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.io.folders import check_folder, whole_folder
from DeepGMMSegmentationLib.io.writing import write_bytes


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_new_folder_appears_with_its_files(tmp_path):
    with whole_folder(tmp_path / "a/b", ["*.txt"]) as new:
        (new / "one.txt").write_text("1")
        assert not (tmp_path / "a").exists()
    assert contents(tmp_path / "a/b") == {"one.txt": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_others_put_there_stays(tmp_path):
    (tmp_path / "notes.md").write_text("mine")
    with whole_folder(tmp_path, ["*.txt"]) as new:
        (new / "one.txt").write_text("1")
    assert contents(tmp_path) == {"notes.md": "mine", "one.txt": "1"}


def test_nothing_is_overwritten_unless_forced(tmp_path):
    (tmp_path / "one.txt").write_text("old")
    (tmp_path / "two.txt").write_text("old")
    with (
        pytest.raises(InvalidInput, match=r"one\.txt exists.*--force"),
        whole_folder(tmp_path, ["*.txt"]),
    ):
        pytest.fail("the block must not run")
    with whole_folder(tmp_path, ["*.txt"], force=True) as new:
        (new / "one.txt").write_text("new")
    # What an earlier, larger result left would contradict the new one.
    assert contents(tmp_path) == {"one.txt": "new"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("name", [".", "new"])
def test_a_failure_leaves_everything_as_it_was(tmp_path, name, error):
    (tmp_path / "one.txt").write_text("old")

    def run():
        with whole_folder(tmp_path / name, ["*.txt"], force=True) as new:
            (new / "one.txt").write_text("half")
            raise error

    with pytest.raises(error):
        run()
    assert contents(tmp_path) == {"one.txt": "old"}


def test_a_failure_while_moving_is_undone(tmp_path, monkeypatch):
    (tmp_path / "one.txt").write_text("old")
    (tmp_path / "notes.md").write_text("mine")
    rename = Path.rename

    def fail_on_two(path, target):
        if Path(target) == tmp_path / "two.txt":
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_on_two)

    def run():
        with whole_folder(tmp_path, ["*.txt"], force=True) as new:
            (new / "one.txt").write_text("new")
            (new / "two.txt").write_text("new")

    with pytest.raises(InvalidInput, match=r"cannot be written \(Permission denied"):
        run()
    assert contents(tmp_path) == {"one.txt": "old", "notes.md": "mine"}


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="is a file; name a folder"):
        check_folder(tmp_path / "file", ["*"])
    with pytest.raises(InvalidInput, match="cannot be written"):
        check_folder(tmp_path / "file/below", ["*"])


@pytest.mark.parametrize("kind", ["file in place of a folder", "folder in place of a file"])
def test_a_file_never_takes_the_place_of_a_folder_nor_a_folder_that_of_a_file(tmp_path, kind):
    if kind.startswith("folder"):
        (tmp_path / "out.txt").write_text("mine")
    else:
        (tmp_path / "out.txt").mkdir()

    def run():
        with whole_folder(tmp_path, ["*.txt"], force=True) as new:
            if kind.startswith("folder"):
                (new / "out.txt").mkdir()
            else:
                (new / "out.txt").write_text("new")

    with pytest.raises(InvalidInput, match=r"out\.txt is in the way"):
        run()
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]
    assert (tmp_path / "out.txt").is_file() == kind.startswith("folder")


def test_a_folder_with_other_things_in_it_is_not_replaced(tmp_path):
    def run(patterns):
        with whole_folder(tmp_path, patterns, force=True) as new:
            (new / "images").mkdir()
            (new / "images" / "a.png").write_text("new")

    patterns = ["images", "images/*.png"]
    run(patterns)
    run(patterns)
    (tmp_path / "images" / "thesis.tex").write_text("mine")
    with pytest.raises(InvalidInput, match=r"images.thesis\.tex is in the way"):
        run(patterns)
    assert (tmp_path / "images" / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize("name", [".", "new"])
def test_what_appears_meanwhile_is_not_overwritten(tmp_path, name):
    def run():
        with whole_folder(tmp_path / name, ["*.txt"]) as new:
            (new / "one.txt").write_text("new")
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "one.txt").write_text("mine")

    with pytest.raises(InvalidInput, match=r"one\.txt exists"):
        run()
    assert contents(tmp_path / name) == {"one.txt": "mine"}


@pytest.mark.parametrize("name", [".", "new", "a/b"])
def test_two_runs_cannot_write_one_folder(tmp_path, name):
    script = (
        "from DeepGMMSegmentationLib.io.folders import whole_folder\n"
        f"with whole_folder({str(tmp_path / name)!r}, ['*.txt']) as new:\n"
        "    (new / 'one.txt').write_text('first'); print('there', flush=True); input()\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout.readline() == "there\n"
    with (
        pytest.raises(InvalidInput, match="Another run is writing"),
        whole_folder(tmp_path / name, ["*.txt"], force=True),
    ):
        pytest.fail("the block must not run")
    first.communicate("\n")
    assert first.returncode == 0
    assert contents(tmp_path / name) == {"one.txt": "first"}


def test_the_mode_of_the_folder_stays(tmp_path):
    (tmp_path / "out").mkdir(mode=0o750)
    with whole_folder(tmp_path / "out", ["*.txt"]) as new:
        (new / "one.txt").write_text("new")
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750


# --- Killed ---------------------------------------------------------------------------------

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "ctypes.dlsym", "shutil.rmtree")


def killed(action, when: int) -> bool:
    """Run something in a process of its own, killed at its n-th change of a folder, if it has."""
    process = os.fork()
    if process == 0:
        changes = 0

        def count(event, _arguments):
            nonlocal changes
            if event in CHANGES:
                changes += 1
                if changes == when:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            action()
        finally:
            os._exit(0)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


OLD = {"one.txt": "old", "two.txt": "old"}
NEW = {"one.txt": "new", "three.txt": "new"}


def put_new(folder, force=True):
    with whole_folder(folder, ["*.txt"], force) as new:
        for name, text in NEW.items():
            (new / name).write_text(text)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("others", [{}, {"notes.md": "mine"}])
@pytest.mark.parametrize("before", [None, {}, OLD])
def test_killed_at_any_change_the_folder_is_the_old_or_the_new(tmp_path, before, others):
    when, seen = 1, []
    while True:
        around = tmp_path / str(when)
        folder = around / "out"
        around.mkdir()
        if before is None:
            others = {}
        else:
            folder.mkdir()
        for name, text in {**(before or {}), **others}.items():
            (folder / name).write_text(text)
        if not killed(lambda: put_new(folder), when):  # noqa: B023
            break
        now = contents(folder) if folder.exists() else None
        if others:  # the next run has to move the rest
            assert set(now) >= set(others)
        else:
            assert now in (before, NEW)
        seen.append(now)

        # The next run, which may not overwrite here, moves the rest.
        with suppress(InvalidInput):
            put_new(folder, force=False)
        assert contents(folder) in ({**(before or {}), **others}, {**NEW, **others})
        put_new(folder)
        assert contents(folder) == {**NEW, **others}
        assert [path.name for path in around.iterdir()] == ["out"]
        when += 1
    assert when > 5
    assert any(not now or set(NEW) - set(now) for now in seen)
    assert any(now and set(NEW) <= set(now) for now in seen)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_killed_at_any_change_a_file_is_the_old_or_the_new(tmp_path):
    path = tmp_path / "file"
    for when in (1, 2, 3):
        path.write_text("old")
        killed(lambda: write_bytes(path, b"new"), when)
        assert path.read_text() in ("old", "new")
        write_bytes(path, b"newer")
        assert contents(tmp_path) == {"file": "newer"}


def test_what_a_link_leads_to_is_written(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"
