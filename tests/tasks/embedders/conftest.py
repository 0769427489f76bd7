"""A server on this machine for what is fetched."""

import http.server
import threading

import pytest

from tests.tasks.embedders.serving import CONTENT, Handler


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.seen, found.cuts, found.content = [], 1, CONTENT
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()
