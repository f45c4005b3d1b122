"""Every operation of the described API, asked by generated requests: each answer has a status and a body that the
description allows, and none is a failure of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from spanhouse.tracing.plan.scope import Scope
from spanhouse.tracing.search.registry import set_reader
from tests.api.test_rest import Asked
from tests.kit.fake_reader import FakeReader

EXAMPLES = int(os.environ.get("SPANHOUSE_EXAMPLES", "20"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())


@pytest.fixture
def _store(reader: FakeReader, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("spanhouse.api.rest.app.query_scope", lambda request: Scope("local"))
    asked = Asked()
    asked.spans = reader.spans
    set_reader(asked)
    yield
    set_reader(None)


@pytest.mark.django_db
@pytest.mark.usefixtures("_store")
@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_those_described(case: Any) -> None:
    case.call_and_validate(checks=CHECKS, headers={"Accept-Encoding": "identity"})
