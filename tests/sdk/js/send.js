// Sends one trace with the real OpenTelemetry SDK and prints, as JSON, what the SDK says it sent.
// usage: node send.js http/json|http/protobuf|grpc ENDPOINT none|gzip
"use strict";

const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require("@opentelemetry/api");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const {
  BatchSpanProcessor,
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} = require("@opentelemetry/sdk-trace-node");

const EXPORTERS = {
  "http/json": ["@opentelemetry/exporter-trace-otlp-http", (endpoint) => `${endpoint}/v1/traces`],
  "http/protobuf": ["@opentelemetry/exporter-trace-otlp-proto", (endpoint) => `${endpoint}/v1/traces`],
  grpc: ["@opentelemetry/exporter-trace-otlp-grpc", (endpoint) => endpoint],
};

const nanos = ([seconds, rest]) => (BigInt(seconds) * 1_000_000_000n + BigInt(rest)).toString();

function described(span) {
  const context = span.spanContext();
  return {
    trace_id: context.traceId,
    span_id: context.spanId,
    parent_span_id: span.parentSpanContext?.spanId ?? "",
    trace_state: context.traceState?.serialize() ?? "",
    name: span.name,
    kind: span.kind + 1, // the API counts from 0, OTLP from 1
    start: nanos(span.startTime),
    end: nanos(span.endTime),
    status: [span.status.code, span.status.message ?? ""],
    attributes: span.attributes,
    dropped_attributes: span.droppedAttributesCount,
    events: span.events.map((event) => ({
      time: nanos(event.time),
      name: event.name,
      attributes: event.attributes ?? {},
    })),
    dropped_events: span.droppedEventsCount,
    links: span.links.map((link) => ({
      trace_id: link.context.traceId,
      span_id: link.context.spanId,
      trace_state: link.context.traceState?.serialize() ?? "",
      attributes: link.attributes ?? {},
    })),
    resource: span.resource.attributes,
    resource_schema_url: span.resource.schemaUrl ?? "",
    scope: [
      span.instrumentationScope.name,
      span.instrumentationScope.version ?? "",
      {},
      span.instrumentationScope.schemaUrl ?? "",
    ],
  };
}

function work(tracer) {
  const root = tracer.startSpan("GET /cart", { kind: SpanKind.SERVER }, ROOT_CONTEXT);
  const inside = trace.setSpan(ROOT_CONTEXT, root);
  for (const kind of [SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]) {
    tracer.startSpan(`kind ${kind}`, { kind }, inside).end();
  }
  const typed = tracer.startSpan(
    "typed",
    {
      attributes: {
        text: "grüße 你好 👋",
        "text.empty": "",
        yes: true,
        no: false,
        int: 42,
        "int.negative": -7,
        "int.safe": Number.MAX_SAFE_INTEGER,
        double: 0.1,
        texts: ["a", "", "é"],
        ints: [1, -2, 3],
        doubles: [1.5, -0.25],
        bools: [true, false],
        nothing: [],
      },
      links: [{ context: root.spanContext(), attributes: { why: "follows" } }],
    },
    inside,
  );
  typed.addEvent("tick", { n: 1, deep: "x" });
  typed.end();
  const failed = tracer.startSpan("divide", {}, inside);
  failed.recordException(new RangeError("division by zero"));
  failed.setStatus({ code: SpanStatusCode.ERROR, message: "division by zero" });
  failed.end();
  root.setStatus({ code: SpanStatusCode.OK });
  root.end();
}

async function main([protocol, endpoint, compression]) {
  const [module, url] = EXPORTERS[protocol];
  const { OTLPTraceExporter } = require(module);
  const kept = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": "sdk-javascript", "process.pid": process.pid }),
    spanProcessors: [
      new SimpleSpanProcessor(kept),
      new BatchSpanProcessor(new OTLPTraceExporter({ url: url(endpoint), compression })),
    ],
  });
  work(provider.getTracer("tests.sdk", "1.2.3", { schemaUrl: "https://example.com/schema/2" }));
  await provider.forceFlush();
  console.log(JSON.stringify(kept.getFinishedSpans().map(described)));
  await provider.shutdown();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
