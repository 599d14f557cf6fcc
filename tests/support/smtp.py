"""An SMTP server on loopback, with STARTTLS or without: takes messages, or refuses what a test says."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self


class SmtpServer:
    """Answers with `replies` (by verb) in the place of yes; `deliver` gets every message that it has accepted."""

    def __init__(self, certificate: Path | None, deliver: Callable[[bytes], None] = lambda _: None) -> None:
        self.replies: dict[str, str] = {}
        self.commands: list[str] = []
        self.deliver = deliver
        self.context: ssl.SSLContext | None = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(smtp: SmtpServer) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                self._talk()
            except OSError:  # the client has hung up, as it does when the certificate is not to its liking
                return

        def _talk(self) -> None:
            sock = self.request
            file = sock.makefile("rwb")
            tls = False

            def say(text: str) -> None:
                file.write(f"{text}\r\n".encode())
                file.flush()

            say("220 mail.contoso.com ready")
            while line := file.readline():
                verb = line.split()[0].decode().upper()
                smtp.commands.append(verb)
                if verb in smtp.replies:
                    say(smtp.replies[verb])
                elif verb == "EHLO":
                    say("250-mail.contoso.com" if smtp.context and not tls else "250 mail.contoso.com")
                    if smtp.context and not tls:
                        say("250 STARTTLS")
                elif verb == "STARTTLS" and smtp.context:
                    say("220 go ahead")
                    file.close()
                    sock = smtp.context.wrap_socket(sock, server_side=True)
                    file, tls = sock.makefile("rwb"), True
                elif verb == "DATA":
                    say("354 go on")
                    lines = []
                    while (part := file.readline()) != b".\r\n":
                        lines.append(part.removeprefix(b".") if part.startswith(b"..") else part)
                    smtp.deliver(b"".join(lines))
                    say("250 2.6.0 queued for delivery")
                elif verb == "QUIT":
                    say("221 bye")
                    file.close()
                    sock.close()
                    return
                else:
                    say("250 ok")
            file.close()
            sock.close()

    return Handler
