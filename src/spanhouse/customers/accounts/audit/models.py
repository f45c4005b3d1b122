"""One row per deed, and where each account's chain ends."""

from __future__ import annotations

from django.db import models

from spanhouse.customers.accounts.append_only import AppendOnly


class Outcome(models.TextChoices):
    DONE = "done"
    REFUSED = "refused"


class AuditEntry(AppendOnly):
    """Ids are text, not references: an entry outlives whatever it speaks of. Names of services never stand here."""

    account = models.CharField(max_length=40, blank=True)
    """The account whose deed it is; "" for the installation itself."""
    number = models.PositiveBigIntegerField()
    """Place in the account's chain, from 1."""
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10)
    actor = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=254, blank=True)
    operation = models.CharField(max_length=40)
    object_kind = models.CharField(max_length=20, blank=True)
    object = models.CharField(max_length=64, blank=True)
    instance = models.CharField(max_length=40, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome)
    reason = models.CharField(max_length=500, blank=True)
    details = models.JSONField(default=dict)
    ip = models.CharField(max_length=45, blank=True)
    host = models.CharField(max_length=255, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("account", "number"), name="one_audit_entry_per_number"),)
        indexes = (
            models.Index(fields=("account", "at"), name="audit_by_time"),
            models.Index(fields=("account", "object"), name="audit_by_object"),
        )

    def __str__(self) -> str:
        return f"{self.account or 'installation'} {self.number}: {self.operation}"


class AuditHead(models.Model):
    """The last link of an account's chain. Whoever adds one holds this row, so that chains never fork."""

    account = models.CharField(max_length=40, primary_key=True)
    number = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.account or 'installation'}: {self.number}"
