"""Our own API under /api/v1: what the console shows, for programs. Described at /api/v1/openapi.json."""
