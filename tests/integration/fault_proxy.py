"""A server between a node and its chain that does what bad services, bad networks and liars do, over real sockets."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from faults import BACK, Fault, Liar, height

DELAY_SECONDS = 0.1
DRIP_SECONDS = 0.2


class FaultProxy:
    """Listens on a port of this machine.

    Args:
        upstream: RPC URL of the real chain.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = str(parts.hostname), parts.port or 80
        self._fault: Fault | None = None
        self._stale_head = 0
        self._ending = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.back = BACK
        """How many blocks ``Fault.BEHIND`` is."""
        self.asked: list[str] = []
        """Methods that were asked for."""
        self._listener = _listener(0)
        self.port: int = self._listener.getsockname()[1]
        self._accept()

    @property
    def url(self) -> str:
        """With a path that must not be shown."""
        return f"http://127.0.0.1:{self.port}/v3/secret-key"

    def __enter__(self) -> "FaultProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def begin(self, fault: Fault) -> None:
        """Switches a fault on; connections that are open are ended, so that it meets every request from now on."""
        if fault is Fault.STALE:
            self._stale_head = height(self.ask)
        self._fault = fault
        self._close_connections()
        if fault is Fault.REFUSE:
            self._close_listener()

    def end(self) -> None:
        """Serves well again."""
        was, self._fault = self._fault, None
        self._close_connections()
        if was is Fault.REFUSE:
            self._listener = _listener(self.port)
            self._accept()

    def stop(self) -> None:
        """Ends everything."""
        self._ending.set()
        self._close_listener()
        self._close_connections()
        for thread in self._threads:
            thread.join(10)

    # ------------------------------------------------------------------------------------------ connections
    def _accept(self) -> None:
        listener = self._listener

        def loop() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.add(connection)
                self._start(lambda connection=connection: self._serve(connection))

        self._start(loop)

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as incoming:
                while (body := _read_request(incoming)) is not None:
                    self._answer(connection, body)
        except (OSError, ValueError):
            pass  # the other side, or the fault, ended it
        finally:
            self._open.discard(connection)

    def _close_connections(self) -> None:
        for connection in list(self._open):
            _shut(connection)

    def _close_listener(self) -> None:
        _shut(self._listener)
        self._listener.close()

    # ------------------------------------------------------------------------------------------ answers
    def _answer(self, connection: socket.socket, body: bytes) -> None:
        fault, request = self._fault, json.loads(body)
        self.asked += [part["method"] for part in (request if isinstance(request, list) else [request])]
        match fault:
            case Fault.HANG:
                self._ending.wait(600)
            case Fault.RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise ConnectionResetError  # closes it, and nothing is said any more
            case Fault.NOT_HTTP:
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
                _shut(connection)
            case Fault.BROKEN:
                _send(connection, b"<html>Internal error</html>", "500 Internal Server Error")
            case Fault.BUSY:
                _send(connection, b"slow down", "429 Too Many Requests")
            case Fault.REDIRECT:
                _send(connection, b"", "302 Found", f"Location: http://{self._upstream[0]}:{self._upstream[1]}/\r\n")
            case Fault.GARBAGE:
                _send(connection, b'\x00\xff{"jsonrpc":"2.0","id":')
            case Fault.DEEP:
                _send(connection, b"[" * 1_000_000)
            case Fault.FLOOD:
                self._flood(connection)
            case _:
                self._spoilt(connection, Liar(self.ask, fault, self._stale_head, self.back).answer(request), fault)

    def _spoilt(self, connection: socket.socket, answer: object, fault: Fault | None) -> None:
        body = json.dumps(answer).encode()
        head = _head(len(body))
        match fault:
            case Fault.TRUNCATE:
                connection.sendall(head + body[: len(body) // 2])
                _shut(connection)
            case Fault.HANG_AFTER_HEADERS:
                connection.sendall(head)
                self._ending.wait(600)
            case Fault.CLOSE_AFTER_HEADERS:
                connection.sendall(head)
                _shut(connection)
            case Fault.DRIP:
                connection.sendall(head)
                self._drip(connection, body)
            case Fault.DRIP_HEADERS:
                self._drip(connection, head + body)
            case Fault.DELAY:
                self._ending.wait(DELAY_SECONDS)
                connection.sendall(head + body)
            case _:
                connection.sendall(head + body)

    def _drip(self, connection: socket.socket, data: bytes) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            if self._ending.wait(DRIP_SECONDS):
                return

    def _flood(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
        while not self._ending.is_set():
            connection.sendall(b"0," * 500_000)

    def ask(self, request: object) -> Any:
        """What the real chain answers."""
        upstream = HTTPConnection(*self._upstream, timeout=30)
        try:
            upstream.request("POST", "/", json.dumps(request).encode(), {"Content-Type": "application/json"})
            return json.loads(upstream.getresponse().read())
        finally:
            upstream.close()


def _listener(port: int) -> socket.socket:
    until = time.monotonic() + 10
    while True:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:  # somebody's outgoing connection has it for a moment
            listener.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
            continue
        listener.listen(128)
        return listener


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may not be connected any more
        connection.shutdown(socket.SHUT_RDWR)


def _read_request(incoming: Any) -> bytes | None:
    """The body of the next request of a connection; None at its end."""
    length = None
    while (line := incoming.readline(65_536)) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return None if length is None else incoming.read(length)


def _head(length: int, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def _send(connection: socket.socket, body: bytes, status: str = "200 OK", more: str = "") -> None:
    connection.sendall(_head(len(body), status, more) + body)
