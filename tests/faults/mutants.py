"""Bytes changed at random: by bits, by pieces, by numbers that mean something to a reader, and by words of JSON."""

from __future__ import annotations

import random

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1, 1 << 40)
WORDS = (
    *(b"null", b"true", b"[]", b"{}", b'""', b"NaN", b"Infinity", b"-1", b"1e400", b"9" * 500, b"[" * 3000),
    *(b'"../../victim"', b'"\\u0000"', b'"\\ud800"', b'"\\u001b[2J"', b"\xff\xfe", b"\0", b"\n", b"\r", b",", b":"),
)


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Data after one to four changes."""
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        draw.choice(CHANGES)(out, draw)
    return bytes(out)


def _place(out: bytearray, draw: random.Random) -> int:
    """A byte; the first ones, where headers are, more often."""
    if not out:
        return 0
    return draw.randrange(min(len(out), draw.choice((8, 64, 1024, len(out)))))


def _bit(out: bytearray, draw: random.Random) -> None:
    if out:
        out[_place(out, draw)] ^= 1 << draw.randrange(8)


def _byte(out: bytearray, draw: random.Random) -> None:
    if out:
        out[_place(out, draw)] = draw.randrange(256)


def _remove(out: bytearray, draw: random.Random) -> None:
    begin = _place(out, draw)
    del out[begin : begin + draw.choice((1, 2, 8, 100, 10_000))]


def _repeat(out: bytearray, draw: random.Random) -> None:
    begin = _place(out, draw)
    out[begin:begin] = out[begin : begin + draw.choice((1, 8, 100, 5_000))] * draw.choice((1, 2, 20))


def _cut(out: bytearray, draw: random.Random) -> None:
    del out[_place(out, draw) :]


def _number(out: bytearray, draw: random.Random) -> None:
    size = draw.choice((1, 2, 4, 8))
    value = draw.choice(NUMBERS) % (1 << (8 * size))
    begin = _place(out, draw)
    out[begin : begin + size] = value.to_bytes(size, "little")


def _word(out: bytearray, draw: random.Random) -> None:
    begin = _place(out, draw)
    out[begin : begin + draw.choice((0, 1, 4, 20))] = draw.choice(WORDS)


def _value(out: bytearray, draw: random.Random) -> None:
    """The value behind a colon becomes another one."""
    colons = [place for place, byte in enumerate(out[:100_000]) if byte == ord(":")]
    if colons:
        begin = draw.choice(colons) + 1
        end = next((place for place in range(begin, len(out)) if out[place] in b",}]"), len(out))
        out[begin:end] = draw.choice(WORDS)


CHANGES = (_bit, _byte, _remove, _repeat, _cut, _number, _word, _value, _value)
