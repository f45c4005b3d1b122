"""Who deals with us: a party (Account), the people who log in (User), and who may act for whom (Membership)."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models

from spanhouse.base.ids import new_id
from spanhouse.customers.accounts.audit.models import AuditEntry, AuditHead
from spanhouse.customers.accounts.operations import Role

__all__ = [
    "Account",
    "AuditEntry",
    "AuditHead",
    "Grant",
    "Licence",
    "LoginLink",
    "Membership",
    "Party",
    "User",
    "UserManager",
]


def _new_account_id() -> str:
    return new_id("a")


def _new_grant_id() -> str:
    return new_id("g")


class Account(models.Model):
    """A party: it has instances, keys and a contract, unless it is the operator's own and stands outside of it."""

    id = models.CharField(primary_key=True, max_length=40, default=_new_account_id, editable=False)
    name = models.CharField(max_length=200)
    outside_contract = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        return self.name


class Party(models.Model):
    """Who stands behind an account in the contract, and how to reach it (G1, G11.1)."""

    class Kind(models.TextChoices):
        PERSON = "person"
        ENTERPRISE = "enterprise"

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.PROTECT, related_name="party")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=200)
    registration = models.CharField(max_length=64)
    """Number of the identity document or of the register."""
    email = models.EmailField()
    phone = models.CharField(max_length=32, validators=[RegexValidator(r"^\+?[0-9][0-9 ()/-]{4,30}$")])
    address = models.CharField(max_length=300)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Licence(models.Model):
    """A licence or filing that the account's business needs, as the account declares it (R1)."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="licences")
    name = models.CharField(max_length=200)
    number = models.CharField(max_length=100)
    valid_until = models.DateField(null=True, blank=True)
    declared_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("declared_at", "id")

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: object) -> User:
        """A person who may log in; without a password only by link."""
        user = User(username=username.strip().lower(), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A login. `is_operator` marks the people who run this installation."""

    username = models.CharField(max_length=254, unique=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("username",)

    def __str__(self) -> str:
        return self.username


class Membership(models.Model):
    """A user acts for an account, as far as the role goes."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.OWNER)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("account", "user"), name="one_membership_per_user_and_account"),)

    def __str__(self) -> str:
        return f"{self.user} for {self.account}"


class Grant(models.Model):
    """What a user, or the members of another account, may do for `account`: at once, until it expires or is revoked."""

    id = models.CharField(primary_key=True, max_length=40, default=_new_grant_id, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="grants")
    to_user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="grants")
    to_account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="grants_received"
    )
    operations = models.JSONField()
    instances = models.JSONField(null=True, blank=True)
    """Ids; None: all, also those to come."""
    services = models.JSONField(null=True, blank=True)
    """Names, which go with the instance; None: all."""
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("created_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(to_user=None) ^ models.Q(to_account=None), name="a_grant_has_one_grantee"
            ),
        )

    def __str__(self) -> str:
        return f"{self.account} lets {self.to_user or self.to_account} {', '.join(self.operations)}"


class LoginLink(models.Model):
    """A link that logs a user in once. Only the digest of its code is kept."""

    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="login_links")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"login link of {self.user}"
