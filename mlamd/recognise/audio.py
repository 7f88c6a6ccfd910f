"""Sound: WAV, AIFF, FLAC, Ogg (Vorbis, Opus) and MP3. Rate, channels and length, from headers alone."""

import struct

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.finding import Fact, Finding, Reader, RecogniseError, Subject

_MOST_CHUNKS = 500
_OGG_END = 65_536
_MP3_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_MP3_BITS = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


class Audio:
    """Facts: ``rate_hz``, ``channels``, ``seconds``; ``seconds_estimated`` where the bit rate tells them."""

    name = "audio"
    rank = 12

    def recognise(self, subject: Subject) -> Finding | None:
        """Return sound, by its magic; MP3 also by its suffix."""
        head, reader = subject.head, subject.reader
        if head.startswith((b"RIFF", b"RF64")) and head[8:12] == b"WAVE":
            return Finding("dataset", "wav", _wav(reader))
        if head.startswith(b"FORM") and head[8:12] in {b"AIFF", b"AIFC"}:
            return Finding("dataset", "aiff", _aiff(reader))
        if head.startswith(b"fLaC"):
            return Finding("dataset", "flac", _flac(head))
        if head.startswith(b"OggS"):
            return Finding("dataset", "ogg", _ogg(head, reader))
        if head.startswith(b"ID3") or (subject.suffix == ".mp3" and head[:1] == b"\xff"):
            return Finding("dataset", "mp3", _mp3(reader))
        return None


def _facts(rate: int, channels: int, frames: float) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"rate_hz": rate, "channels": channels}
    if rate > 0:
        facts["seconds"] = round(frames / rate, 3)
    return facts


def _wav(reader: Reader) -> dict[str, Fact]:
    cursor = Cursor(reader, 12, block=1_024)
    form = b""
    for _ in range(_MOST_CHUNKS):
        kind, size = cursor.take(4), cursor.u32()
        if kind == b"fmt ":
            form = cursor.take(min(size, 16))
            cursor.skip(size - len(form) + size % 2)
        elif kind == b"data":
            if len(form) < 16:
                break
            _, channels, rate, _, block, bits = struct.unpack("<2H2I2H", form)
            # A recorder that was stopped, or wrote into a pipe, leaves no size behind.
            size = min(size, cursor.left)
            return _facts(rate, channels, size / max(1, block)) | {"bits": bits}
        else:
            cursor.skip(size + size % 2)
    raise RecogniseError("it has no sound in it")


def _aiff(reader: Reader) -> dict[str, Fact]:
    cursor = Cursor(reader, 12, block=1_024)
    for _ in range(_MOST_CHUNKS):
        kind, size = cursor.take(4), int.from_bytes(cursor.take(4), "big")
        if kind == b"COMM":
            channels, frames, bits, exponent, mantissa = struct.unpack(">HIHHQ", cursor.take(18))
            power = (exponent & 0x7FFF) - 16_383 - 63
            rate = int(mantissa * 2.0**power) if -80 < power < 0 else 0
            return _facts(rate, channels, frames) | {"bits": bits}
        cursor.skip(size + size % 2)
    raise RecogniseError("it says no rate")


def _flac(head: bytes) -> dict[str, Fact]:
    if len(head) < 26 or head[4] & 0x7F != 0:
        raise RecogniseError("it has no header")
    bits = int.from_bytes(head[18:26], "big")
    facts = _facts(bits >> 44, (bits >> 41 & 7) + 1, bits & (1 << 36) - 1)
    return facts | {"bits": (bits >> 36 & 31) + 1}


def _ogg(head: bytes, reader: Reader) -> dict[str, Fact]:
    begin = 27 + (head[26] if len(head) > 26 else 0)
    packet = head[begin : begin + 32]
    if packet.startswith(b"\x01vorbis") and len(packet) >= 16:
        channels, rate = packet[11], int.from_bytes(packet[12:16], "little")
        codec = "vorbis"
    elif packet.startswith(b"OpusHead") and len(packet) >= 16:
        channels, rate, codec = packet[9], 48_000, "opus"
    else:
        return {}
    end = reader.read(max(0, reader.size_bytes - _OGG_END), _OGG_END)
    place = end.rfind(b"OggS")
    frames = int.from_bytes(end[place + 6 : place + 14], "little") if 0 <= place <= len(end) - 14 else 0
    skipped = int.from_bytes(packet[10:12], "little") if codec == "opus" else 0
    frames = max(0, frames - skipped) if frames < 1 << 62 else 0
    return _facts(rate, channels, frames) | {"codec": codec}


def _mp3(reader: Reader) -> dict[str, Fact]:
    cursor = Cursor(reader, 0)
    start = cursor.take(10)
    begin = 0
    if start.startswith(b"ID3"):
        length = 0
        for byte in start[6:10]:
            length = length << 7 | byte & 0x7F
        begin = 10 + length
    frame = reader.read(begin, 4_096)
    begin_in = frame.find(b"\xff")
    frame = frame[max(0, begin_in) :]
    if len(frame) < 48 or frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0:
        raise RecogniseError("no sound where it should be")
    version, bits, rates = frame[1] >> 3 & 3, frame[2] >> 4, frame[2] >> 2 & 3
    if version not in _MP3_RATES or rates == 3 or bits == 15:
        raise RecogniseError("of an unknown form")
    rate = _MP3_RATES[version][rates]
    channels = 1 if frame[3] >> 6 == 3 else 2
    samples = 1_152 if version == 3 else 576
    for mark in (b"Xing", b"Info"):
        place = frame.find(mark, 0, 64)
        if 0 <= place <= len(frame) - 12 and frame[place + 7] & 1:
            return _facts(rate, channels, int.from_bytes(frame[place + 8 : place + 12], "big") * samples)
    speed = _MP3_BITS[3 if version == 3 else 2][bits] * 1_000
    facts = _facts(rate, channels, 0)
    if speed:
        facts["seconds"] = round((reader.size_bytes - begin) * 8 / speed, 1)
    return facts | {"seconds_estimated": True}
