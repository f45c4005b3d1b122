"""What can be done: one name per kind of deed, as it stands in the log and in its filter."""

from __future__ import annotations

from enum import StrEnum


class Deed(StrEnum):
    ACCOUNT_OPEN = "account.open"
    PARTY_DECLARE = "party.declare"
    LICENCE_DECLARE = "licence.declare"
    LICENCE_WITHDRAW = "licence.withdraw"
    MEMBER_ADD = "member.add"
    MEMBER_CHANGE = "member.change"
    MEMBER_REMOVE = "member.remove"
    GRANT_GIVE = "grant.give"
    GRANT_REVOKE = "grant.revoke"
    ACCESS = "access"
    """Asked for something that is not one's to do; in the log only when refused."""
    LOGIN = "login"
    LOGIN_LINK_MAKE = "login_link.make"
    LOGIN_LINK_USE = "login_link.use"
    LOGOUT = "logout"
    PASSWORD_SET = "password.set"  # noqa: S105 (a deed's name)
    AGREEMENT_PUBLISH = "agreement.publish"
    AGREEMENT_ACCEPT = "agreement.accept"
    AGREEMENT_DECLINE = "agreement.decline"
    INSTANCE_CREATE = "instance.create"
    INSTANCE_CHANGE = "instance.change"
    INSTANCE_HOLD = "instance.hold"
    INSTANCE_LIFT = "instance.lift"
    INSTANCE_RELEASE = "instance.release"
    KEY_CREATE = "key.create"
    KEY_ROTATE = "key.rotate"
    KEY_REVOKE = "key.revoke"
