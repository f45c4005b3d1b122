"""What shows the service at work: a shop of instrumented services, and a filler that loads a store fast."""
