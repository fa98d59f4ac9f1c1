"""The ring between two processes: what is written comes out once and in order, and what finds no room is counted."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.audio.capture.reader import Captured, Reader
from monitor.audio.capture.ring import HEADER, MESSAGE, Field, State, Writer

RATE_HZ, CHANNELS = 1000, 3
BLOCK = 50


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.close()


def started(reader: Reader) -> Writer:
    writer = Writer(reader.fd)
    assert writer.begin(RATE_HZ, CHANNELS) == BLOCK
    return writer


def write(writer: Writer, number: int, *, overrun: bool = False) -> None:
    """Block ``number``: each sample is its own frame's number, plus a thousandth per channel."""
    frames = np.arange(number * BLOCK, (number + 1) * BLOCK, dtype=np.float32)[:, None]
    samples = (frames + np.arange(CHANNELS) / 1000).astype(np.float32)
    writer.write(memoryview(samples.tobytes()), BLOCK, 1_000_000 * number, overrun=overrun)


def frames(captured: list[Captured]) -> list[int]:
    return [int(value) for one in captured for value in one.samples[:, 0]]


def test_nothing_comes_before_the_writer_runs(reader: Reader) -> None:
    assert reader.take() == []
    assert reader.state is State.STARTING
    Writer(reader.fd)
    assert reader.take() == []


def test_a_block_comes_with_its_number_channels_arrival_and_overrun(reader: Reader) -> None:
    writer = started(reader)
    write(writer, 0)
    write(writer, 1, overrun=True)

    first, second = reader.take()

    assert (reader[Field.RATE_HZ], reader[Field.CHANNELS], reader.state) == (RATE_HZ, CHANNELS, State.RUNNING)
    assert (first.first, first.end, first.overrun, first.arrived_s) == (0, BLOCK, False, 0.0)
    assert (second.first, second.end, second.overrun, second.arrived_s) == (BLOCK, 2 * BLOCK, True, 0.001)
    np.testing.assert_allclose(second.samples[7], [57.0, 57.001, 57.002], atol=1e-5)
    assert reader[Field.OVERRUNS] == 1
    assert reader.take() == []


@settings(max_examples=30, deadline=None)
@given(turns=st.lists(st.tuples(st.integers(0, 600), st.booleans()), max_size=8))
def test_what_finds_room_comes_out_once_in_order_and_the_rest_is_a_jump_in_the_numbers(
    turns: list[tuple[int, bool]],
) -> None:
    reader = Reader()
    writer = started(reader)
    slots = reader[Field.SLOTS]
    number = waiting = 0
    expected: list[int] = []
    got: list[int] = []
    for count, takes in turns:
        for _ in range(count):
            write(writer, number)
            if waiting < slots:
                expected.extend(range(number * BLOCK, (number + 1) * BLOCK))
                waiting += 1
            number += 1
        if takes:
            got.extend(frames(reader.take()))
            waiting = 0
    got.extend(frames(reader.take()))

    assert got == expected
    assert reader[Field.FRAMES] == number * BLOCK
    reader.close()


def test_the_last_words_are_cut_to_whole_letters(reader: Reader) -> None:
    writer = Writer(reader.fd)
    writer.fail("é" * HEADER)

    assert reader.state is State.FAILED
    assert set(reader.message) == {"é"}
    assert len(reader.message) == (HEADER - MESSAGE) // 2
    assert reader.take() == []


def test_the_memory_has_no_name_and_goes_with_its_last_user() -> None:
    def memories() -> int:
        return len([link for link in Path("/proc/self/fd").iterdir() if "monitor-capture" in os.path.realpath(link)])

    before = memories()
    reader = Reader()
    started(reader)
    assert memories() > before
    assert "(deleted)" in str(Path(f"/proc/self/fd/{reader.fd}").readlink())
    reader.close()

    assert memories() == before


def _write_many(fd: int, count: int) -> None:
    writer = Writer(fd)
    writer.begin(RATE_HZ, CHANNELS)
    for number in range(count):
        write(writer, number)


def test_two_processes_agree_on_every_sample(reader: Reader) -> None:
    """As fast as they can, so that a block that is seen before it is whole would show."""
    os.set_inheritable(reader.fd, True)
    count = 20_000
    process = multiprocessing.get_context("fork").Process(target=_write_many, args=(reader.fd, count))
    process.start()
    seen, running = 0, True
    while running:
        running = process.is_alive()
        for one in reader.take():
            begin = one.first
            assert begin >= seen
            seen = one.end
            assert one.samples[0, 0] == begin
            np.testing.assert_array_equal(one.samples[:, 0], np.arange(begin, one.end, dtype=np.float32))
    process.join()

    assert process.exitcode == 0
    assert reader[Field.FRAMES] == count * BLOCK
    assert seen > 0
