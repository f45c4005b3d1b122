"""What an account has: instances, and the keys that open them."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from spanhouse.base.ids import new_id
from spanhouse.base.limits import RETENTION_DAYS_MAX
from spanhouse.customers.accounts.models import Account, Grant
from spanhouse.customers.instances.holds import Hold, Right

LOCAL_INSTANCE = "local"
"""Id of the instance that the first start makes for the operator."""


def _new_instance_id() -> str:
    return new_id("i")


def _new_key_id() -> str:
    return new_id("k")


class Instance(models.Model):
    """A place for spans of its own. Whether it is in service is derived: `selectors.standing`."""

    id = models.CharField(primary_key=True, max_length=40, default=_new_instance_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="instances")
    name = models.CharField(max_length=200)
    region = models.CharField(max_length=64, default="local")
    retention_days = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(RETENTION_DAYS_MAX)]
    )
    intake = models.BooleanField(default=True)
    """The customer's own switch: spans are taken in."""
    right = models.CharField(max_length=10, choices=[(right.value, right.value) for right in Right])
    term_ends_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)
    release = models.CharField(max_length=10, blank=True)
    """Why it was released."""
    limits = models.JSONField(default=dict, blank=True)
    """`contracts.limits.Limits` as a dictionary."""

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(retention_days__gte=1, retention_days__lte=RETENTION_DAYS_MAX),
                name="retention_within_bounds",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class HoldRow(models.Model):
    """One hold on an instance, from when it was placed until it was lifted. `holds.RULES` says when it may be."""

    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="holds")
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in Hold])
    reason = models.CharField(max_length=500)
    placed_by = models.CharField(max_length=254)
    placed_at = models.DateTimeField()
    deadline = models.DateTimeField(null=True, blank=True)
    """At which the instance is released, if the hold is one that ends so."""
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=254, blank=True)

    class Meta:
        ordering = ("placed_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("instance", "kind"), condition=models.Q(lifted_at=None), name="one_live_hold_of_a_kind"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} on {self.instance_id}"


class Key(models.Model):
    """A bearer secret of one instance: an ingest key or a query token. The secret is shown once and not kept."""

    class Scope(models.TextChoices):
        INGEST = "ingest"
        QUERY = "query"

    id = models.CharField(primary_key=True, max_length=40, default=_new_key_id, editable=False)
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="keys")
    name = models.CharField(max_length=200)
    scope = models.CharField(max_length=10, choices=Scope)
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    origins = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    grant = models.ForeignKey(Grant, null=True, blank=True, on_delete=models.PROTECT, related_name="keys")
    """Under which the key was made, and with which it ends; None for a key of the account's own people."""
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class RefusedRow(models.Model):
    """What one source refused of an instance in an hour of UTC for one reason (`contracts.refused`)."""

    source = models.CharField(max_length=40)
    instance = models.CharField(max_length=40)
    reason = models.CharField(max_length=100)
    hour = models.PositiveBigIntegerField()
    """counted from the epoch"""
    requests = models.PositiveBigIntegerField()
    spans = models.PositiveBigIntegerField()
    bytes = models.PositiveBigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("instance", "hour", "reason", "source"), name="one_row_a_source_reason_and_hour"
            ),
        )

    def __str__(self) -> str:
        return f"{self.reason} of {self.instance}"


class GrantsVersion(models.Model):
    """One row: the version of the Grants that all committed changes add up to."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_grants_version"),)

    def __str__(self) -> str:
        return str(self.version)
