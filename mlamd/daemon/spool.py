"""What is kept for a recorder that does not listen, or has not stored it yet: in memory, then on disk.

The files have no name: who ends without a word leaves nothing behind. What no longer fits is counted and told
as lost, as for every slow recorder.
"""

import os
import socket
import uuid
from collections import deque
from contextlib import suppress
from typing import Any, NamedTuple

from mlamd.daemon.outbox import Outbox, array
from mlamd.model import codec
from mlamd.sensors import frames
from mlamd.sensors.frames import LENGTH
from mlamd.sensors.standing import Standing

_MEMORY_BYTES = 8 << 20
_SEGMENT_BYTES = 64 << 20
_PIECE = 500


class _Segment:
    """A file without a name, and how many frames in it are still to be kept."""

    def __init__(self, directory: int) -> None:
        flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
        self.descriptor = os.open(f"/proc/self/fd/{directory}", flags, 0o600)
        self.size = 0
        self.frames = 0

    def write(self, data: bytes) -> int:
        """Append, and return where it stands. Raises ``OSError`` if it does not fit."""
        offset, done = self.size, 0
        while done < len(data):
            done += os.pwrite(self.descriptor, data[done:], offset + done)
        self.size += len(data)
        self.frames += 1
        return offset


class _Frame(NamedTuple):
    """A frame: in memory, or at a place of a file. One without a number is not kept."""

    number: int
    size: int
    data: bytes
    segment: _Segment | None = None
    offset: int = 0

    def read(self) -> bytes:
        if self.segment is None:
            return self.data
        return os.pread(self.segment.descriptor, self.size, self.offset)


class Spool(Outbox):
    """An outbox that keeps its frames until they are stored, and outlives the recorder it sends to.

    ``directory`` is a descriptor of where its files may lie. ``tell``, ``flush`` and ``took`` are for the
    sensor's thread.
    """

    def __init__(self, directory: int, most_bytes: int) -> None:
        super().__init__(None, most_bytes)
        self.epoch = uuid.uuid4().hex
        self._directory = directory
        self._number = 0
        self._stored = 0
        self._standing = Standing()
        self._sent: deque[_Frame] = deque()
        self._unsent: deque[_Frame] = deque()
        self._segment: _Segment | None = None
        self._memory_bytes = 0
        self._full = False
        self._turn = 0
        """Counts the connections: the thread of an earlier one ends."""

    # --- keeping -----------------------------------------------------------------------------

    def _put_rows(self, count: int, body: bytes) -> None:
        self._number += 1
        body += self._packer.pack([frames.NUMBER, self._number])
        self._keep(self._number, array(count + 1, body))

    def _keep(self, number: int, data: bytes) -> None:
        frame = self._placed(number, data)
        with self._news:
            self._unsent.append(frame)
            self._waiting_bytes += frame.size
            self._news.notify_all()

    def _has_room(self) -> bool:
        return not self._full and super()._has_room()

    def _is_full(self) -> bool:
        return self._full or super()._is_full()

    def _placed(self, number: int, data: bytes) -> _Frame:
        if self._memory_bytes + len(data) <= _MEMORY_BYTES:
            self._memory_bytes += len(data)
            return _Frame(number, len(data), data)
        try:
            if self._segment is None or self._segment.size > _SEGMENT_BYTES:
                self._segment = _Segment(self._directory)
            offset = self._segment.write(data)
        except OSError:
            # No room on the disk: this one stays in memory, and the next ones count as too many for now.
            self._full = True
            self._memory_bytes += len(data)
            return _Frame(number, len(data), data)
        return _Frame(number, len(data), b"", self._segment, offset)

    def put(self, frame: bytes) -> None:
        """Append a frame that only the recorder which listens now is to get."""
        with self._news:
            if self._connection is not None:
                self._unsent.append(_Frame(0, 0, frame))
                self._news.notify_all()

    def took(self, number: int) -> None:
        """Forget what has been stored. Raises ``ValueError`` for a number that was not sent."""
        if number > self._number:
            raise ValueError(f"frame {number} was never sent")
        while (frame := self._oldest(number)) is not None:
            self._standing.fold(_rows(frame.read()))
            with self._news:
                self._waiting_bytes -= frame.size
            if frame.segment is None:
                self._memory_bytes -= frame.size
                continue
            frame.segment.frames -= 1
            if not frame.segment.frames:
                os.close(frame.segment.descriptor)
                if frame.segment is self._segment:
                    self._segment = None
        self._stored = max(self._stored, number)
        self._full = self._full and self._waiting_bytes > _MEMORY_BYTES

    def _oldest(self, number: int) -> _Frame | None:
        """Take out the oldest frame up to a number."""
        with self._news:
            for line in (self._sent, self._unsent):
                if line and 0 < line[0].number <= number:
                    return line.popleft()
                if line:
                    return None
        return None

    # --- recorders ---------------------------------------------------------------------------

    def has(self, epoch: str, number: int) -> bool:
        """Say whether everything after a frame is here."""
        return epoch == self.epoch and self._stored <= number <= self._number

    def attach(self, connection: socket.socket, first: list[bytes], after: int | None) -> None:
        """Send to a recorder what it does not have: ``first``, and the frames after one.

        With None it has nothing but what was stored, and is told who was there then.
        """
        self.flush()
        self.close()
        with self._news:
            self._turn += 1
            self._connection = connection
            kept = [frame for frame in (*self._sent, *self._unsent) if frame.number]
            self._sent = deque(frame for frame in kept if after is not None and frame.number <= after)
            begin = [_Frame(0, 0, frame) for frame in first]
            rows = self._standing.rows() if after is None else []
            pieces = [rows[start : start + _PIECE] for start in range(0, len(rows), _PIECE)]
            begin += [_Frame(0, 0, frames.frame(piece)) for piece in pieces]
            self._unsent = deque(begin + kept[len(self._sent) :])
            self._ended = False
            self._begin()

    def _send(self) -> None:
        with self._news:
            turn, connection = self._turn, self._connection
        while connection is not None:
            with self._news:
                while not self._unsent and turn == self._turn and not self._ended:
                    self._news.wait()
                if turn != self._turn or self._ended:
                    return
                frame = self._unsent[0]
                try:
                    data = frame.read()
                except OSError:  # the disk fails: the recorder comes again, or not
                    connection.close()
                    return
            try:
                connection.sendall(data)
            except OSError:
                return
            with self._news:
                # It may have been stored already, and be gone.
                if turn == self._turn and self._unsent and self._unsent[0] is frame:
                    self._unsent.popleft()
                    if frame.number:
                        self._sent.append(frame)
                    self._news.notify_all()

    def _is_through(self) -> bool:
        gone = self._connection is None or self._thread is None or not self._thread.is_alive()
        return gone or not self._unsent

    def close(self) -> None:
        """Send no more to this recorder; all that it has not stored is kept."""
        with self._news:
            connection, self._connection = self._connection, None
            self._ended = True
            self._news.notify_all()
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Give back the files; nothing is kept after that."""
        self.close()
        for segment in {frame.segment for frame in (*self._sent, *self._unsent)} | {self._segment}:
            if segment is not None:
                os.close(segment.descriptor)
        self._sent.clear()
        self._unsent.clear()


def _rows(data: bytes) -> list[list[Any]]:
    return list(codec.unpack(data[LENGTH.size :]))
