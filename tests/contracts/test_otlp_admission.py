"""Who may send spans, asked of the real HTTP listener: keys, loopback, tenants and browsers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kit.ingest import NOW_NS, Receiver, grants, key, receiver
from tests.kit.otlp import json_body, json_span

SPANS = json_body(json_span())
SHOP_PAGE = "https://shop.example"


@pytest.fixture
def otlp(tmp_path: Path) -> Iterator[Receiver]:
    keys = (
        key("good"),
        key("stale", expires_at_ns=NOW_NS),
        key("reader", scope="query"),
        key("orphan", instance="i-gone"),
        key("page", origins=(SHOP_PAGE,)),
    )
    with receiver(tmp_path, grants(*keys, loopback=None)) as running:
        yield running


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Receiver]:
    """A node that takes spans from loopback without a key."""
    with receiver(tmp_path, grants(key("page", origins=(SHOP_PAGE,)))) as running:
        yield running


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("authorization", "Bearer good"),
        ("authorization", "bearer  good"),
        ("x-api-key", "good"),
        ("authentication", "good"),
    ],
)
def test_a_key_comes_in_a_header(otlp: Receiver, header: str, value: str) -> None:
    answer = otlp.post(SPANS, headers={header: value})

    assert answer.status_code == 200
    assert otlp.journal.envelopes[0].instance == "i-shop"


@pytest.mark.parametrize("path", ["/k/good/v1/traces", "/adapt_good/api/otlp/traces"])
def test_a_key_comes_in_the_path(otlp: Receiver, path: str) -> None:
    assert otlp.post(SPANS, path=path).status_code == 200
    assert len(otlp.journal.spans) == 1


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 401, "no key"),
        ({"authorization": "Bearer wrong"}, 401, "unknown or revoked"),
        ({"authorization": "Basic Z29vZA=="}, 401, "Bearer KEY"),
        ({"authorization": "good"}, 401, "Bearer KEY"),
        ({"x-api-key": "stale"}, 401, "expired"),
        ({"x-api-key": "reader"}, 403, "ingest key"),
        ({"x-api-key": "orphan"}, 403, "gone"),
        ({"x-api-key": "page"}, 403, "for browsers of https://shop.example; the request names no origin"),
        ({"x-api-key": "page", "origin": "https://evil.example"}, 403, "the request comes from https://evil.example"),
    ],
)
def test_keys_that_do_not_fit(otlp: Receiver, headers: dict[str, str], status: int, message: str) -> None:
    answer = otlp.post(SPANS, headers=headers)

    assert answer.status_code == status
    assert message in answer.json()["message"]
    assert otlp.journal.envelopes == []


@pytest.mark.parametrize("path", ["/k/wrong/v1/traces", "/k//v1/traces", "/k/wrong", "/adapt_wrong/api/otlp/traces"])
def test_a_wrong_key_in_the_path_opens_nothing(otlp: Receiver, path: str) -> None:
    assert otlp.post(SPANS, path=path).status_code in (401, 404)
    assert otlp.journal.envelopes == []


def test_an_answer_never_repeats_the_key(otlp: Receiver) -> None:
    answer = otlp.post(SPANS, path="/k/sekret-42/v1/traces", headers={"x-api-key": "sekret-43"})

    assert "sekret" not in answer.text


def test_a_key_expires_at_its_nanosecond(otlp: Receiver) -> None:
    otlp.grant(grants(key("brief", expires_at_ns=NOW_NS + 1), loopback=None))
    before = _until(otlp, "brief", 200)

    otlp.clock.at_ns += 1

    assert before.status_code == 200
    assert otlp.post(SPANS, headers={"x-api-key": "brief"}).status_code == 401


def test_a_revoked_key_is_refused_within_a_second(otlp: Receiver) -> None:
    assert otlp.post(SPANS, headers={"x-api-key": "good"}).status_code == 200

    started = time.monotonic()
    otlp.grant(grants(loopback=None))
    _until(otlp, "good", 401)

    assert time.monotonic() - started < 1


def _until(otlp: Receiver, secret: str, status: int) -> httpx.Response:
    deadline = time.monotonic() + 10
    while (answer := otlp.post(SPANS, headers={"x-api-key": secret})).status_code != status:
        assert time.monotonic() < deadline
    return answer


def test_a_broken_snapshot_leaves_the_last_one_in_force(otlp: Receiver) -> None:
    assert otlp.post(SPANS, headers={"x-api-key": "good"}).status_code == 200

    (otlp.directory / "grants" / "snapshot.json").write_bytes(b'{"version": 2')
    deadline = time.monotonic() + 0.4
    answers = set()
    while time.monotonic() < deadline:
        answers.add(otlp.post(SPANS, headers={"x-api-key": "good"}).status_code)

    assert answers == {200}


def test_before_the_first_snapshot_senders_are_told_to_come_back(tmp_path: Path) -> None:
    with receiver(tmp_path, None) as otlp:
        answer = otlp.post(SPANS, headers={"x-api-key": "good"})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_a_suspension_takes_effect_by_itself(tmp_path: Path) -> None:
    granted = grants(key("good"), suspended_from_ns=NOW_NS + 5, denial="suspended: unpaid")
    with receiver(tmp_path, granted) as otlp:
        before = otlp.post(SPANS, headers={"x-api-key": "good"})
        otlp.clock.at_ns += 5
        after = otlp.post(SPANS, headers={"x-api-key": "good"})

    assert before.status_code == 200
    assert (after.status_code, after.json()["message"]) == (403, "suspended: unpaid")


@pytest.mark.report("V37")
@pytest.mark.parametrize("tenant", ["..", ".", "a/b", "a\\b", "t#1", "x" * 151, "", "|a", "a||b", "a|..", "i-shop|b"])
def test_a_tenant_id_that_is_none_is_400(otlp: Receiver, tenant: str) -> None:
    answer = otlp.post(SPANS, headers={"x-api-key": "good", "x-scope-orgid": tenant})

    assert answer.status_code == 400
    assert otlp.journal.envelopes == []


@pytest.mark.report("V37")
@pytest.mark.parametrize(("tenant", "status"), [("i-shop", 200), ("I-SHOP", 403), ("i-other", 403)])
def test_a_tenant_id_must_be_the_keys_own(otlp: Receiver, tenant: str, status: int) -> None:
    assert otlp.post(SPANS, headers={"x-api-key": "good", "x-scope-orgid": tenant}).status_code == status


def test_loopback_needs_no_key_where_that_is_granted(local: Receiver) -> None:
    assert local.post(SPANS).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:4318", "127.0.0.1", "127.9.9.9:1", "[::1]:4318", "LOCALHOST"])
def test_loopback_hosts(local: Receiver, host: str) -> None:
    assert local.post(SPANS, headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"forwarded": "for=10.0.0.1"},
        {"x-forwarded-for": "10.0.0.1"},
        {"x-forwarded-host": "traces.example"},
        {"x-forwarded-proto": "https"},
        {"x-real-ip": "10.0.0.1"},
        {"via": "1.1 proxy"},
        {"host": "traces.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example:4318"},
        {"x-api-key": "wrong"},
    ],
)
def test_what_is_not_plainly_loopback_needs_a_key(local: Receiver, headers: dict[str, str]) -> None:
    answer = local.post(SPANS, headers=headers)

    assert answer.status_code == 401
    assert local.journal.envelopes == []


def _preflight(otlp: Receiver, origin: str, path: str = "/v1/traces", **headers: str) -> httpx.Response:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,x-api-key"}
    return otlp.http.options(path, headers={"origin": origin, **asked, **headers})


@pytest.mark.parametrize("path", ["/v1/traces", "/k/page/v1/traces"])
def test_a_preflight_of_a_bound_origin_is_allowed(otlp: Receiver, path: str) -> None:
    answer = _preflight(otlp, SHOP_PAGE, path)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SHOP_PAGE
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    ("origin", "path"),
    [
        ("https://evil.example", "/v1/traces"),
        (SHOP_PAGE, "/k/good/v1/traces"),
        (SHOP_PAGE, "/k/wrong/v1/traces"),
        ("http://localhost:3000", "/v1/traces"),
        ("null", "/v1/traces"),
    ],
)
def test_a_preflight_of_another_origin_is_refused(otlp: Receiver, origin: str, path: str) -> None:
    answer = _preflight(otlp, origin, path)

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_a_bound_origin_sends_and_reads_the_answer(otlp: Receiver) -> None:
    answer = otlp.post(SPANS, headers={"x-api-key": "page", "origin": SHOP_PAGE})

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, SHOP_PAGE)


def test_a_page_of_a_bound_origin_reads_why_it_was_refused(otlp: Receiver) -> None:
    answer = otlp.post(b"[]", headers={"x-api-key": "page", "origin": SHOP_PAGE})

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (400, SHOP_PAGE)


def test_a_loopback_page_needs_no_key_on_an_open_node(local: Receiver) -> None:
    origin = "http://localhost:3000"

    assert _preflight(local, origin).status_code == 204
    answer = local.post(SPANS, headers={"origin": origin})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "null", "http://[::1"])
def test_a_foreign_page_gets_nothing_out_of_an_open_node(local: Receiver, origin: str) -> None:
    assert _preflight(local, origin).status_code == 403
    answer = local.post(SPANS, headers={"origin": origin})
    assert answer.status_code == 403
    assert local.journal.envelopes == []


def test_metrics_are_for_this_machine_only(local: Receiver) -> None:
    assert local.http.get("/metrics").status_code == 200
    assert local.http.get("/metrics", headers={"x-forwarded-for": "10.0.0.1"}).status_code == 404
