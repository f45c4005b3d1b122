"""What an account has: instances, and the keys that open them."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from spanhouse.base.ids import new_id
from spanhouse.base.limits import RETENTION_DAYS_MAX
from spanhouse.customers.accounts.models import Account, Grant

LOCAL_INSTANCE = "local"
"""Id of the instance that the first start makes for the operator."""


def _new_instance_id() -> str:
    return new_id("i")


def _new_key_id() -> str:
    return new_id("k")


class Instance(models.Model):
    """A place for spans of its own. `ingest` and `query` say what it may do now, `denial` why not."""

    id = models.CharField(primary_key=True, max_length=40, default=_new_instance_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="instances")
    name = models.CharField(max_length=200)
    region = models.CharField(max_length=64, default="local")
    retention_days = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(RETENTION_DAYS_MAX)]
    )
    ingest = models.BooleanField(default=True)
    query = models.BooleanField(default=True)
    denial = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()

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


class GrantsVersion(models.Model):
    """One row: the version of the Grants that all committed changes add up to."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_grants_version"),)

    def __str__(self) -> str:
        return str(self.version)
