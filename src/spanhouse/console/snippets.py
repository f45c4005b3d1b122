"""Copy-ready ways to send the first span, with the real endpoint and key in them."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from urllib.parse import quote

SERVICE = "my-service"


@dataclass(frozen=True, slots=True)
class Snippet:
    """`language` is what a highlighter calls it: bash, python, go, javascript, csharp, yaml."""

    id: str
    title: str
    language: str
    code: str


def snippets(endpoint_http: str, endpoint_grpc: str, key: str | None) -> list[Snippet]:
    """`endpoint_http` is a base URL without `/v1/traces`, `endpoint_grpc` is `host:port` or a URL.

    `key` is None where none is needed, as on loopback.
    """
    http = endpoint_http.rstrip("/")
    return [
        Snippet("python", "Python", "python", _python(http, key)),
        Snippet("java", "Java", "bash", _java(http, key)),
        Snippet("go", "Go", "go", _go(http, key)),
        Snippet("nodejs", "Node.js", "javascript", _nodejs(http, key)),
        Snippet("dotnet", ".NET", "csharp", _dotnet(http, key)),
        Snippet("collector", "Collector", "yaml", _collector(http, key)),
        Snippet("curl", "curl", "bash", _curl(http, key)),
        Snippet("environment", "Any SDK", "bash", _environment(http, endpoint_grpc, key)),
    ]


def _bearer(key: str) -> str:
    return json.dumps(f"Bearer {key}")


def _header_variable(key: str) -> str:
    """`OTEL_EXPORTER_OTLP_HEADERS` is percent-encoded like W3C Baggage: a space in a value is %20."""
    return shlex.quote("Authorization=" + quote(f"Bearer {key}", safe=""))


def _url(endpoint: str) -> str:
    return endpoint if "://" in endpoint else f"http://{endpoint}"


def _lines(*lines: str | None) -> str:
    """The lines that are there, without those that only a key needs."""
    return "\n".join(line for line in lines if line is not None) + "\n"


def _python(http: str, key: str | None) -> str:
    return _lines(
        "# pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http",
        "from opentelemetry import trace",
        "from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter",
        "from opentelemetry.sdk.resources import Resource",
        "from opentelemetry.sdk.trace import TracerProvider",
        "from opentelemetry.sdk.trace.export import BatchSpanProcessor",
        "",
        "exporter = OTLPSpanExporter(",
        f"    endpoint={json.dumps(http + '/v1/traces')},",
        f'    headers={{"Authorization": {_bearer(key)}}},' if key else None,
        ")",
        f'provider = TracerProvider(resource=Resource.create({{"service.name": "{SERVICE}"}}))',
        "provider.add_span_processor(BatchSpanProcessor(exporter))",
        "trace.set_tracer_provider(provider)",
        "",
        'with trace.get_tracer("first-steps").start_as_current_span("hello") as span:',
        '    span.set_attribute("greeting.language", "Python")',
    )


def _java(http: str, key: str | None) -> str:
    releases = "https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases"
    return _lines(
        f"curl -LO {releases}/latest/download/opentelemetry-javaagent.jar",
        "",
        f"export OTEL_SERVICE_NAME={SERVICE}",
        "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        f"export OTEL_EXPORTER_OTLP_ENDPOINT={shlex.quote(http)}",
        f"export OTEL_EXPORTER_OTLP_HEADERS={_header_variable(key)}" if key else None,
        "export OTEL_METRICS_EXPORTER=none",
        "export OTEL_LOGS_EXPORTER=none",
        "java -javaagent:./opentelemetry-javaagent.jar -jar my-service.jar",
    )


def _go(http: str, key: str | None) -> str:
    return _lines(
        "// go get go.opentelemetry.io/otel go.opentelemetry.io/otel/sdk \\",
        "//   go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp",
        "package main",
        "",
        "import (",
        '\t"context"',
        '\t"log"',
        "",
        '\t"go.opentelemetry.io/otel"',
        '\t"go.opentelemetry.io/otel/attribute"',
        '\t"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"',
        '\t"go.opentelemetry.io/otel/sdk/resource"',
        '\tsdktrace "go.opentelemetry.io/otel/sdk/trace"',
        ")",
        "",
        "func main() {",
        "\tctx := context.Background()",
        "\texporter, err := otlptracehttp.New(ctx,",
        f"\t\totlptracehttp.WithEndpointURL({json.dumps(http + '/v1/traces')}),",
        f'\t\totlptracehttp.WithHeaders(map[string]string{{"Authorization": {_bearer(key)}}}),' if key else None,
        "\t)",
        "\tif err != nil {",
        "\t\tlog.Fatal(err)",
        "\t}",
        "\tprovider := sdktrace.NewTracerProvider(",
        "\t\tsdktrace.WithBatcher(exporter),",
        f'\t\tsdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "{SERVICE}"))),',
        "\t)",
        "\tdefer provider.Shutdown(ctx)",
        "\totel.SetTracerProvider(provider)",
        "",
        '\t_, span := otel.Tracer("first-steps").Start(ctx, "hello")',
        '\tspan.SetAttributes(attribute.String("greeting.language", "Go"))',
        "\tspan.End()",
        "}",
    )


def _nodejs(http: str, key: str | None) -> str:
    return _lines(
        "// npm install @opentelemetry/api @opentelemetry/resources \\",
        "//   @opentelemetry/sdk-trace-node @opentelemetry/exporter-trace-otlp-proto",
        'const { trace } = require("@opentelemetry/api");',
        'const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");',
        'const { resourceFromAttributes } = require("@opentelemetry/resources");',
        'const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");',
        "",
        "const exporter = new OTLPTraceExporter({",
        f"  url: {json.dumps(http + '/v1/traces')},",
        f"  headers: {{ Authorization: {_bearer(key)} }}," if key else None,
        "});",
        "const provider = new NodeTracerProvider({",
        f'  resource: resourceFromAttributes({{ "service.name": "{SERVICE}" }}),',
        "  spanProcessors: [new BatchSpanProcessor(exporter)],",
        "});",
        "provider.register();",
        "",
        'trace.getTracer("first-steps").startActiveSpan("hello", (span) => {',
        '  span.setAttribute("greeting.language", "JavaScript");',
        "  span.end();",
        "});",
        "provider.shutdown(); // sends what is left before the program ends",
    )


def _dotnet(http: str, key: str | None) -> str:
    return _lines(
        "// dotnet add package OpenTelemetry",
        "// dotnet add package OpenTelemetry.Exporter.OpenTelemetryProtocol",
        "using System.Diagnostics;",
        "using OpenTelemetry;",
        "using OpenTelemetry.Exporter;",
        "using OpenTelemetry.Resources;",
        "using OpenTelemetry.Trace;",
        "",
        'var source = new ActivitySource("first-steps");',
        "using var provider = Sdk.CreateTracerProviderBuilder()",
        f'    .ConfigureResource(resource => resource.AddService("{SERVICE}"))',
        "    .AddSource(source.Name)",
        "    .AddOtlpExporter(options =>",
        "    {",
        f"        options.Endpoint = new Uri({json.dumps(http + '/v1/traces')});",
        "        options.Protocol = OtlpExportProtocol.HttpProtobuf;",
        f'        options.Headers = "Authorization={quote(f"Bearer {key}", safe="")}";' if key else None,
        "    })",
        "    .Build();",
        "",
        'using (var activity = source.StartActivity("hello"))',
        "{",
        '    activity?.SetTag("greeting.language", "C#");',
        "}",
    )


def _collector(http: str, key: str | None) -> str:
    return _lines(
        "# otlp_http is called otlphttp before Collector 0.144",
        "receivers:",
        "  otlp:",
        "    protocols:",
        "      grpc:",
        "        endpoint: 0.0.0.0:14317",
        "      http:",
        "        endpoint: 0.0.0.0:14318",
        "",
        "processors:",
        "  batch:",
        "",
        "exporters:",
        "  otlp_http/spanhouse:",
        f"    endpoint: {json.dumps(http)}",
        "    headers:" if key else None,
        f"      Authorization: {_bearer(key)}" if key else None,
        "    sending_queue:",
        "      enabled: true",
        "    retry_on_failure:",
        "      enabled: true",
        "",
        "service:",
        "  pipelines:",
        "    traces:",
        "      receivers: [otlp]",
        "      processors: [batch]",
        "      exporters: [otlp_http/spanhouse]",
    )


def _curl(http: str, key: str | None) -> str:
    return _lines(
        "trace_id=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')",
        "span_id=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \\n')",
        "now=$(date +%s)",
        f"curl -sS --fail-with-body {shlex.quote(http + '/v1/traces')} \\",
        "  -H 'Content-Type: application/json' \\",
        f"  -H {shlex.quote(f'Authorization: Bearer {key}')} \\" if key else None,
        "  -d @- <<END",
        '{"resourceSpans": [{',
        '  "resource": {"attributes": [',
        f'    {{"key": "service.name", "value": {{"stringValue": "{SERVICE}"}}}}',
        "  ]},",
        '  "scopeSpans": [{"spans": [{',
        '    "traceId": "$trace_id", "spanId": "$span_id", "name": "hello", "kind": 1,',
        '    "startTimeUnixNano": "$((now - 1))000000000", "endTimeUnixNano": "${now}000000000"',
        "  }]}]",
        "}]}",
        "END",
        'echo " sent trace $trace_id"',
    )


def _environment(http: str, grpc: str, key: str | None) -> str:
    return _lines(
        f"export OTEL_SERVICE_NAME={SERVICE}",
        "export OTEL_TRACES_EXPORTER=otlp",
        "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        f"export OTEL_EXPORTER_OTLP_ENDPOINT={shlex.quote(http)}",
        f"export OTEL_EXPORTER_OTLP_HEADERS={_header_variable(key)}" if key else None,
        "",
        "# or over gRPC, instead of the protocol and the endpoint above",
        "# export OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
        f"# export OTEL_EXPORTER_OTLP_ENDPOINT={shlex.quote(_url(grpc))}",
    )
