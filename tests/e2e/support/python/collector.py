"""An OTLP/HTTP collector on a port: takes traces, reads them by OpenTelemetry's own classes, and shows what it has.

POST /v1/traces takes; GET /spans shows all spans as JSON; POST /mode with a number of milliseconds and a status makes the
next deliveries slow, or refuses them.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

spans = []
mode = {"delay_ms": 0, "status": 200}


def attributes(pairs):
    """Each once: a key that stands twice is against the specification."""
    found = {}
    for pair in pairs:
        assert pair.key not in found, pair.key
        found[pair.key] = getattr(pair.value, pair.value.WhichOneof("value"))
    return found


def shown(span, resource, scope):
    assert len(span.trace_id) == 16 and any(span.trace_id), "a trace has an id of 16 octets, not all 0"
    assert len(span.span_id) == 8 and any(span.span_id), "a span has one of 8"
    assert len(span.parent_span_id) in (0, 8)
    assert span.start_time_unix_nano <= span.end_time_unix_nano
    return {
        "trace": span.trace_id.hex(),
        "span": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "name": span.name,
        "kind": Span.SpanKind.Name(span.kind),
        "start_ns": str(span.start_time_unix_nano),
        "end_ns": str(span.end_time_unix_nano),
        "status": Status.StatusCode.Name(span.status.code),
        "flags": span.flags,
        "attributes": attributes(span.attributes),
        "resource": attributes(resource.attributes),
        "scope": [scope.name, scope.version],
    }


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/mode":
            mode.update(json.loads(body))
            return self.answer(200, b"", "text/plain")
        time.sleep(mode["delay_ms"] / 1000)
        if mode["status"] != 200:
            return self.answer(mode["status"], b"", "text/plain")
        if (self.path, self.headers["content-type"]) != ("/v1/traces", "application/x-protobuf"):
            return self.answer(400, b"", "text/plain")
        request = ExportTraceServiceRequest.FromString(body)
        # What the classes do not know would be of no specification.
        assert request.SerializeToString() == body, "the octets are those that the classes write"
        for group in request.resource_spans:
            for scoped in group.scope_spans:
                spans.extend(shown(span, group.resource, scoped.scope) for span in scoped.spans)
        self.answer(200, ExportTraceServiceResponse().SerializeToString(), "application/x-protobuf")

    def do_GET(self):
        self.answer(200, json.dumps(spans).encode(), "application/json")

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Collector).serve_forever()
