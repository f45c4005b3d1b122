"""A small shop of eleven services, each with an OpenTelemetry SDK of its own, that live through simulated time.

`python -m spanhouse.runtime.demo.shop` opens it. A request costs no waiting: its spans get explicit start and end
times a few seconds in the past, and are exported as any service's would be.
"""
