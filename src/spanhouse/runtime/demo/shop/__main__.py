"""`python -m spanhouse.runtime.demo.shop`: opens the shop; SIGINT or SIGTERM closes it."""

from __future__ import annotations

import argparse
import logging
import signal
import threading

from spanhouse.base.clock import SystemClock
from spanhouse.runtime.demo.shop.opening import REQUESTS_PER_SECOND, any_luck, keep_open
from spanhouse.runtime.demo.shop.staff import hire
from spanhouse.runtime.demo.shop.telemetry import Endpoints
from spanhouse.runtime.lifeline import Lifeline


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m spanhouse.runtime.demo.shop", description=__doc__)
    parser.add_argument("--http", default="http://127.0.0.1:4318", help="OTLP/HTTP endpoint, a base URL")
    parser.add_argument("--grpc", default="127.0.0.1:4317", help="OTLP/gRPC endpoint, host:port")
    parser.add_argument("--key", help="ingest key; loopback needs none")
    parser.add_argument("--rate", type=float, default=REQUESTS_PER_SECOND, help="visitors' requests per second")
    options = parser.parse_args()
    closing = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: closing.set())
    Lifeline.from_environment()
    shop = hire(Endpoints(options.http, options.grpc, options.key).exporter, any_luck())
    try:
        keep_open(shop, SystemClock(), closing, options.rate)
    finally:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # the service may have closed first
        shop.close()


if __name__ == "__main__":
    main()
