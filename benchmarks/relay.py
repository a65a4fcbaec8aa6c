"""A TCP relay on loopback that counts what goes to the server: bytes at the socket, whatever the client says of itself.

Lifecycle: `counting_relay` listens until the `with` block ends; its connections end with their peers.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator

PIECE_BYTES = 256 * 1024


class Relay:
    """Passes connections on to `server` and counts the bytes of each direction."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.sent_bytes = 0

    def serve(self) -> None:
        """Accept until closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_counted: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                self.sent_bytes += len(piece) if is_counted else 0
                target.sendall(piece)
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
