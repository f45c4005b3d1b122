"""Addresses of the query APIs. Tags and services may hold slashes, so their parts of a path take anything."""

from __future__ import annotations

from django.urls import include, path

from spanhouse.api import jaeger, jaeger_metrics, jaeger_v3, tempo, tempo_metrics, tempo_tags, zipkin

urlpatterns = [
    path("api/v1/", include("spanhouse.api.rest.app")),
    path("tempo/ready", tempo.ready),
    path("tempo/api/echo", tempo.echo),
    path("tempo/api/status/buildinfo", tempo.build_info),
    path("tempo/api/traces/<str:trace_id>", tempo.trace),
    path("tempo/api/v2/traces/<str:trace_id>", tempo.trace_v2),
    path("tempo/api/search", tempo.search),
    path("tempo/api/metrics/query_range", tempo_metrics.query_range),
    path("tempo/api/metrics/query", tempo_metrics.query_instant),
    path("tempo/api/search/tags", tempo_tags.tags),
    path("tempo/api/v2/search/tags", tempo_tags.tags_v2),
    path("tempo/api/search/tag/<path:tag>/values", tempo_tags.values),
    path("tempo/api/v2/search/tag/<path:tag>/values", tempo_tags.values_v2),
    path("jaeger/api/services", jaeger.services),
    path("jaeger/api/services/<path:service>/operations", jaeger.operations_of),
    path("jaeger/api/operations", jaeger.operations),
    path("jaeger/api/traces", jaeger.traces),
    path("jaeger/api/traces/<str:trace_id>", jaeger.trace),
    path("jaeger/api/dependencies", jaeger.dependencies),
    path("jaeger/api/metrics/latencies", jaeger_metrics.latencies),
    path("jaeger/api/metrics/calls", jaeger_metrics.calls),
    path("jaeger/api/metrics/errors", jaeger_metrics.errors),
    path("jaeger/api/metrics/minstep", jaeger_metrics.min_step),
    path("jaeger/api/v3/services", jaeger_v3.services),
    path("jaeger/api/v3/operations", jaeger_v3.operations),
    path("jaeger/api/v3/traces", jaeger_v3.traces),
    path("jaeger/api/v3/traces/<str:trace_id>", jaeger_v3.trace),
    path("jaeger/api/v3/trace-summaries", jaeger_v3.trace_summaries),
    path("jaeger/api/v3/dependencies", jaeger_v3.dependencies),
    path("jaeger/api/v3/<path:path>", jaeger_v3.unknown),
    path("jaeger/api/<path:path>", jaeger.unknown),
    path("api/traces", jaeger.traces),  # Grafana 12.1.0 forgets the path of its Jaeger data source when it searches
    path("zipkin/api/v2/services", zipkin.services),
    path("zipkin/api/v2/spans", zipkin.spans),
    path("zipkin/api/v2/remoteServices", zipkin.remote_services),
    path("zipkin/api/v2/traces", zipkin.traces),
    path("zipkin/api/v2/trace/<str:trace_id>", zipkin.trace),
    path("zipkin/api/v2/traceMany", zipkin.trace_many),
    path("zipkin/api/v2/dependencies", zipkin.dependencies),
    path("zipkin/api/v2/autocompleteKeys", zipkin.autocomplete_keys),
    path("zipkin/api/v2/autocompleteValues", zipkin.autocomplete_values),
    path("zipkin/config.json", zipkin.ui_config),
    path("zipkin/health", zipkin.health),
    path("zipkin/info", zipkin.info),
]
