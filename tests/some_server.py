"""A real HTTP server on the loopback interface, with the habits and the faults of real ones."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(kw_only=True)
class Site:
    """``files`` by name.  ``ranges``: whether parts are given.  ``etag``: whether files are told apart.  ``cut``: bytes
    after which each answer breaks off; ``hold``: an event for which it then waits, the connection open.  ``status``: an
    error for every request, ``reason``: its words.  ``length``: whether sizes are said.  ``seen`` are (name, Range,
    If-Range) of the requests.
    """

    files: dict[str, bytes]
    ranges: bool = True
    etag: bool = True
    cut: int | None = None
    hold: threading.Event | None = None
    status: int | None = None
    reason: str | None = None
    length: bool = True
    seen: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    address: str = ""


def tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:8]}"'


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """The site at ``site.address`` until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
            site.seen.append((name, asked, condition))
            if site.status or name not in site.files:
                return self.send_error(site.status or 404, site.reason)
            content = site.files[name]
            total, start = len(content), 0
            found = re.fullmatch(r"bytes=(\d+)-", asked or "")
            if site.ranges and found and (condition is None or condition == tag(content)):
                start = int(found[1])
                if start >= total:
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{total}")
                    return self.end_headers()
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            else:
                self.send_response(200)
            if site.length:
                self.send_header("Content-Length", str(total - start))
            if site.etag:
                self.send_header("ETag", tag(content))
            self.end_headers()
            self.wfile.write(content[start : total if site.cut is None else min(total, start + site.cut)])
            if site.hold:
                self.wfile.flush()
                site.held.set()
                site.hold.wait(30)
            return None

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield site
    finally:
        if site.hold:
            site.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
