"""Where acknowledged batches wait, on disk, until the store holds them. Knows bytes and counts, not spans."""

from spanhouse.tracing.journal.envelope import Envelope, Portion
from spanhouse.tracing.journal.journal import Journal

__all__ = ["Envelope", "Journal", "Portion"]
