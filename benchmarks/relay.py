"""A TCP relay on loopback that counts what goes to the server: bytes at the socket, whatever the client says of itself.

Lifecycle: `counting_relay` listens until the `with` block ends; its connections end with their peers.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator

PIECE_BYTES = 256 * 1024


class Relay:
    """Passes connections on to `server` and counts them, and the bytes that go to it and come from it."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.sent_bytes = 0
        self.answered_bytes = 0
        self.connections = 0

    def serve(self) -> None:
        """Accept until closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._relate, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone does not wake who accepts
        self._listener.close()

    def _relate(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server:
            back = threading.Thread(target=self._answer, args=(server, client), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while piece := client.recv(PIECE_BYTES):
                    self.sent_bytes += len(piece)
                    server.sendall(piece)
            _end(server)
            back.join()

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := server.recv(PIECE_BYTES):
                self.answered_bytes += len(piece)
                client.sendall(piece)
        _end(client)


def _end(target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def counting_relay(host: str, port: int) -> Iterator[Relay]:
    """A relay to a server."""
    relay = Relay((host, port))
    threading.Thread(target=relay.serve, daemon=True).start()
    try:
        yield relay
    finally:
        relay.close()
