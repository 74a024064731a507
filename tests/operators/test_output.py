"""Output files: cut in the middle, counted exactly, masked across every border."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paiwatch.operators import output
from paiwatch.operators.output import OVERLAP, RESERVE, Cut


def mask(piece: bytes) -> bytes:
    return piece.replace(b"hunter2", b"***")


def a_log(tmp_path: Path, content: bytes) -> Path:
    log = tmp_path / "1.log"
    log.write_bytes(content)
    return log


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_kept_is_exactly_the_limit(size: int, limit: int) -> None:
    kept = output.cut(size, limit)

    assert kept.head + (size - kept.tail) == min(size, limit)
    assert kept.bytes == max(0, size - limit)
    assert 0 <= kept.head <= kept.tail <= size


@settings(max_examples=200)
@given(st.lists(st.sampled_from([b"hunter2", b"hunt", b"er2", b"x", b"\n"]), max_size=30), st.data())
@example([b"hunter2"], None)
def test_a_safe_border_divides_no_secret(pieces: list[bytes], data: st.DataObject | None) -> None:
    window = b"".join(pieces)
    at = 3 if data is None else data.draw(st.integers(0, len(window)))
    for step in (-1, 1):
        border = output.safe_border(window, min(at, len(window)), step, mask)
        assert mask(window[:border]) + mask(window[border:]) == mask(window)
        assert (border - at) * step >= 0 or border == at


def test_small_output_is_left_alone(tmp_path: Path) -> None:
    log = a_log(tmp_path, b"hello\n")
    before = log.stat().st_ino

    assert output.finish(log, 100, mask) == 0

    assert (log.read_bytes(), log.stat().st_ino) == (b"hello\n", before)


def test_the_middle_is_cut_and_counted(tmp_path: Path) -> None:
    log = a_log(tmp_path, b"a" * 500 + b"b" * 1000 + b"c" * 500)

    assert output.finish(log, 200) == 1800

    assert log.read_bytes() == b"a" * 100 + b"\n[paiwatch: 1800 bytes of output were cut here]\n" + b"c" * 100
    assert [path.name for path in tmp_path.iterdir()] == ["1.log"]


@pytest.mark.parametrize("shift", range(12))
def test_a_secret_at_the_cut_does_not_show_in_part(tmp_path: Path, shift: int) -> None:
    log = a_log(tmp_path, b"a" * (94 + shift) + b"hunter2" + b"b" * 1000 + b"hunter2" + b"c" * (94 + shift))

    output.finish(log, 200, mask)

    kept = log.read_bytes()
    head, _, tail = kept.partition(b"\n[paiwatch")
    assert set(head) <= set(b"a*b")
    assert set(tail.partition(b"]\n")[2]) <= set(b"b*c")


@pytest.mark.parametrize("shift", [0, 1, 3, 6, 7, 8])
def test_secrets_are_masked_across_the_borders_of_pieces(tmp_path: Path, shift: int) -> None:
    piece = 1024 * 1024
    content = bytearray(b"." * (3 * piece))
    for border in (piece - OVERLAP, piece, 2 * piece - OVERLAP, 2 * piece):
        content[border - shift : border - shift + 7] = b"hunter2"
    log = a_log(tmp_path, bytes(content))

    output.finish(log, 10 * piece, mask)

    assert log.read_bytes() == mask(bytes(content))


def test_a_hole_in_the_middle_changes_nothing_that_is_kept(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192
    whole = a_log(tmp_path, content)
    limit = 400_000
    output.finish(whole, limit)
    expected = whole.read_bytes()
    holed = a_log(tmp_path, content)
    blocks = holed.stat().st_blocks

    output.punch(holed, output.cut(len(content), limit))

    assert holed.stat().st_size == len(content)
    assert holed.stat().st_blocks < blocks
    output.finish(holed, limit)
    assert holed.read_bytes() == expected


def test_a_small_middle_needs_no_hole(tmp_path: Path) -> None:
    log = a_log(tmp_path, b"x" * 1000)

    output.punch(log, Cut(100, 900))

    assert log.read_bytes() == b"x" * 1000


def test_a_limit_of_nothing_keeps_the_count(tmp_path: Path) -> None:
    log = a_log(tmp_path, b"x" * 1000)

    assert output.finish(log, 0) == 1000

    assert log.read_bytes() == b"\n[paiwatch: 1000 bytes of output were cut here]\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "paiwatch-test", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free."""
    with (disk / "fill").open("wb", buffering=0) as file:
        for size in (1 << 16, 4096):
            with suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    return disk / "fill"


def free(disk: Path) -> int:
    facts = os.statvfs(disk)
    return facts.f_bavail * facts.f_frsize


def test_there_is_room_for_output_on_a_disk_that_fills_up_after_the_start(disk: Path) -> None:
    log = disk / "run" / "1.log"
    output.reserve(log, 10 << 20)
    assert log.stat().st_size == 0

    fill(disk)
    with log.open("ab", buffering=0) as written:
        assert written.write(b"x" * (RESERVE - 4096)) == RESERVE - 4096

    assert output.finish(log, 10 << 20, mask) == 0
    assert log.read_bytes() == b"x" * (RESERVE - 4096)


def test_room_that_was_not_needed_goes_back(disk: Path) -> None:
    before = free(disk)
    output.reserve(disk / "1.log", 10 << 20)
    assert free(disk) <= before - RESERVE

    output.finish(disk / "1.log", 10 << 20, mask)

    assert free(disk) >= before - 8192


def test_nothing_begins_without_room_for_its_output(disk: Path) -> None:
    fill(disk)

    with pytest.raises(OSError, match="No space left on device"):
        output.reserve(disk / "1.log", 10 << 20)


def test_secrets_are_masked_where_a_full_disk_has_no_room_for_a_copy(disk: Path) -> None:
    log = a_log(disk, b"a hunter2 b\n" * 50_000)
    fill(disk)

    assert output.finish(log, 10 << 20, mask) == 0

    assert log.read_bytes() == b"a *** b\n" * 50_000
    assert log.stat().st_mode & 0o777 == 0o644  # as it was: it was overwritten


def test_what_a_full_disk_cannot_mask_is_cut_off(disk: Path) -> None:
    def longer(piece: bytes) -> bytes:
        return piece.replace(b"hunter2", b"*" * 700)

    log = a_log(disk, b"a hunter2 b\n" * 50_000)
    fill(disk)

    with pytest.raises(OSError, match="No space left on device"):
        output.finish(log, 100 << 20, longer)

    assert b"hunter2" not in log.read_bytes()


def test_script_may_print_more_than_a_full_disk_has_room_for(disk: Path) -> None:
    log, limit = disk / "1.log", 64 << 20
    line = b"%064d\n" * 1000 % tuple(range(1000))

    async def grow() -> int:
        cap = output.Cap(log, limit)
        output.reserve(log, limit)
        fill(disk)
        cap.start()
        with log.open("ab", buffering=0) as written:
            for _ in range(150):
                assert written.write(line) == len(line)
                await asyncio.sleep(0.006)
        cap.stop()
        assert not cap.mark(log)
        return cap.limit

    kept = asyncio.run(grow())

    assert kept < limit
    missing = output.finish(log, kept, mask)
    assert missing > 150 * len(line) - RESERVE
    head, middle, tail = log.read_bytes().partition(
        b"\n[paiwatch: %d bytes of output were cut here]\n" % missing
    )
    assert (head, tail) == ((line * 10)[: len(head)], (line * 10)[-len(tail) :])
    assert middle


def test_output_that_found_no_room_ends_with_a_line_that_says_so(disk: Path) -> None:
    log = disk / "1.log"

    async def grow() -> bool:
        cap = output.Cap(log, 64 << 20)
        output.reserve(log, 64 << 20)
        fill(disk)
        cap.start()
        with log.open("ab", buffering=0) as written, suppress(OSError):
            while written.write(b"x" * 65_536):
                pass
        cap.stop()
        return cap.mark(log)

    assert asyncio.run(grow())
    assert log.read_bytes().startswith(b"xxx")
    assert log.read_bytes().endswith(b"\n[paiwatch: the disk was full, some of the output is missing]\n")
