"""What the supervisor starts: `python -m spanhouse.runtime.child ROLE INDEX [--first]`."""

from __future__ import annotations

import sys

from spanhouse.base.errors import ConfigurationError, SpanhouseError
from spanhouse.runtime import settings as spanhouse_settings
from spanhouse.runtime.lifeline import Lifeline
from spanhouse.runtime.logs import set_up_logs
from spanhouse.runtime.settings import Settings


def run_ingest(settings: Settings, index: int, lifeline: Lifeline) -> None:
    """Take spans in until SIGTERM. Raises ConfigurationError."""
    from spanhouse.runtime.ingest_process import Ports, main, options_from

    def report(ports: Ports) -> None:
        urls = {"otlp_http": ports.otlp_http, "otlp_grpc": ports.otlp_grpc}
        host = settings.reachable_host
        lifeline.report(ready=True, **{name: f"http://{host}:{port}" for name, port in urls.items() if port})

    main(options_from(settings, index), report)


def main(arguments: list[str]) -> int:
    """Run one role, loading nothing else, until SIGTERM; 2 if a setting makes that impossible, 1 if it fails."""
    role, index, first = arguments[0], int(arguments[1]), "--first" in arguments[2:]
    lifeline = Lifeline.from_environment()
    try:
        settings = spanhouse_settings.load()
        set_up_logs(settings, f"{role}-{index}")
        if role == "ingest":
            run_ingest(settings, index, lifeline)
        else:
            from spanhouse.runtime import console_process

            console_process.main(settings, lifeline, login_link=first)
    except ConfigurationError as error:
        print(f"spanhouse: {error}", file=sys.stderr)
        return 2
    except SpanhouseError as error:
        print(f"spanhouse: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
