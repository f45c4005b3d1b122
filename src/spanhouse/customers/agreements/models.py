"""What can be accepted, and what was. Neither ever changes: a published text keeps its digest, a signature stands."""

from __future__ import annotations

from django.db import models

from spanhouse.customers.accounts.append_only import AppendOnly
from spanhouse.customers.accounts.models import Account
from spanhouse.customers.agreements.policy import RANKS, Kind


class Document(AppendOnly):
    """One version of one paper, in all languages."""

    kind = models.CharField(max_length=24, choices=[(kind.value, kind.value) for kind in Kind])
    version = models.PositiveIntegerField()
    announced_at = models.DateTimeField()
    effective_at = models.DateTimeField()
    figures = models.JSONField()
    """What it states: text by name."""

    class Meta:
        ordering = ("kind", "version")
        constraints = (models.UniqueConstraint(fields=("kind", "version"), name="one_document_of_a_version"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"

    @property
    def rank(self) -> int:
        return RANKS[Kind(self.kind)]


class DocumentText(AppendOnly):
    """The words of a version in one language."""

    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="texts")
    language = models.CharField(max_length=10)
    text = models.TextField()
    digest = models.CharField(max_length=64)
    """SHA-256 hex of the text in UTF-8."""
    words_digest = models.CharField(max_length=64)
    """The same without version and date: equal in versions that say the same."""

    class Meta:
        constraints = (models.UniqueConstraint(fields=("document", "language"), name="one_text_of_a_language"),)

    def __str__(self) -> str:
        return f"{self.document} ({self.language})"


class Acceptance(AppendOnly):
    """An account is bound by a version, from `at` on. The account's signature, with where it came from (P2)."""

    class How(models.TextChoices):
        PAGE = "page"
        API = "api"
        USE = "use"
        """By going on after the version took effect (G14.2)."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="acceptances")
    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="acceptances")
    language = models.CharField(max_length=10)
    digest = models.CharField(max_length=64)
    how = models.CharField(max_length=4, choices=How)
    at = models.DateTimeField()
    user = models.CharField(max_length=64, blank=True)
    """Id of who accepted; "" where use did."""
    user_name = models.CharField(max_length=254, blank=True)
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("at", "id")
        constraints = (models.UniqueConstraint(fields=("account", "document"), name="one_acceptance_of_a_version"),)

    def __str__(self) -> str:
        return f"{self.account} accepts {self.document}"
