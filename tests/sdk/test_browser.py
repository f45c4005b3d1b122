"""A page in a real browser sends with a key that is bound to its origin."""

from __future__ import annotations

import functools
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.kit.server import RunningServer
from tests.sdk.readback import stored

SEND = """
async ([url, key, body]) => {
  const headers = {"Content-Type": "application/json"};
  if (key) headers.Authorization = `Bearer ${key}`;
  try {
    return (await fetch(url, {method: "POST", headers, body})).status;
  } catch (error) {
    return error.name;
  }
}
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of `http://shop.test:PORT`, which is this machine under a name that is not loopback's."""
    directory = tmp_path_factory.mktemp("page")
    (directory / "index.html").write_text("<!doctype html><title>shop</title>")
    site = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("SPANHOUSE_TEST_CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--host-resolver-rules=MAP *.test 127.0.0.1"],
        )
        opened = browser.new_page()
        opened.goto(f"http://shop.test:{site.server_port}/")
        yield opened
        browser.close()
    site.shutdown()
    site.server_close()
    thread.join()


def one_span() -> tuple[str, str]:
    """Its trace id, and the body that sends it."""
    trace_id, now = secrets.token_hex(16), time.time_ns()
    span = {"traceId": trace_id, "spanId": secrets.token_hex(8), "name": "click", "kind": 3}
    span |= {"startTimeUnixNano": str(now - 10**6), "endTimeUnixNano": str(now)}
    return trace_id, json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


def key_for(server: RunningServer, origin: str) -> str:
    return str(server.cli_json("key", "create", "page", "--origin", origin)["secret"])


def test_a_page_sends_with_the_key_of_its_origin(server: RunningServer, page: Page) -> None:
    key = key_for(server, page.evaluate("location.origin"))
    trace_id, body = one_span()

    status = page.evaluate(SEND, [f"{server.otlp_http}/v1/traces", key, body])

    assert status == 200
    (span,) = stored(server, trace_id, 1).values()
    assert span.name == "click"


def test_a_key_in_the_path_needs_no_header(server: RunningServer, page: Page) -> None:
    key = key_for(server, page.evaluate("location.origin"))
    trace_id, body = one_span()

    status = page.evaluate(SEND, [f"{server.otlp_http}/k/{key}/v1/traces", None, body])

    assert status == 200
    assert stored(server, trace_id, 1)


def test_the_key_of_another_origin_is_of_no_use(server: RunningServer, page: Page) -> None:
    key = key_for(server, "https://elsewhere.example.com")

    status = page.evaluate(SEND, [f"{server.otlp_http}/v1/traces", key, one_span()[1]])

    assert status in (403, "TypeError")  # readable only when some other key is bound to this page's origin


def test_without_a_key_a_page_of_another_origin_is_refused(server: RunningServer, page: Page) -> None:
    status = page.evaluate(SEND, [f"{server.otlp_http}/v1/traces", None, one_span()[1]])

    assert status in (403, "TypeError")
