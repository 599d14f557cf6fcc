"""Says to an IMAP server whose password is right: any user with the one password, over the server's own Unix socket."""

from __future__ import annotations

import os
import socketserver
import threading
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path

type Conversation = Callable[[BufferedIOBase, BufferedIOBase], None]


class PasswordSocket:
    """Holds a conversation, read and written, with whoever connects to the socket at `path`, until `close`."""

    def __init__(self, path: Path, conversation: Conversation) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                conversation(self.rfile, self.wfile)

        self._server = socketserver.ThreadingUnixStreamServer(os.fspath(path), Handler)
        path.chmod(0o777)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
