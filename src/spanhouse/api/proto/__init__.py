"""Messages of other products' gRPC APIs. `python -m tests.kit.protos` makes the modules from the `.proto` files."""
