"""A server on this machine that sends files as badly as servers do."""

import hashlib
import http.server
from dataclasses import replace

import numpy as np

from kerasface.tasks.embedders.known import KnownEmbedder

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends `server.content` as the path says; `server.seen` has the ranges that were asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked, kind = self.headers.get("Range"), self.path.split("/")[1]
        self.server.seen.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and kind != "whole" else 0
        if kind in ("there", "elsewhere", "unlocked", "round"):
            place = {"there": "/file", "elsewhere": "http://example.com/file", "unlocked": "http://example.org/file"}
            self.send_response(302)
            self.send_header("Location", place.get(kind, "/round"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if kind == "missing":
            self.send_error(404)
            return
        if start >= len(self.server.content):
            self.send_error(416)
            return
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-/{len(self.server.content)}")
        if kind == "altered":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if kind == "long":
            body += b"more"
        if kind != "untold":
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if kind == "cut" and len(self.server.seen) <= self.server.cuts:
            body = body[: len(body) // 3]
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *words):
        pass


def entry(server, kind="file", **changes):
    known = KnownEmbedder(
        name="somebody",
        about="",
        url=f"http://127.0.0.1:{server.server_port}/{kind}",
        hosts=("127.0.0.1",),
        bytes=len(CONTENT),
        sha256=SHA256,
        licence="MIT",
        trained_on="",
        template="arcface-112",
        input="rgb 0..255",
        published="",
    )
    return replace(known, **changes)
