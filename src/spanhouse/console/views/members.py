"""Members of an account and the grants it gave."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from spanhouse.base.errors import Malformed
from spanhouse.console import account_words
from spanhouse.console.account_visit import AccountVisit, of_account, person
from spanhouse.customers.accounts import granting as member_services
from spanhouse.customers.accounts import selectors
from spanhouse.customers.accounts.models import Account, User
from spanhouse.customers.accounts.operations import Operation, Role, may_manage
from spanhouse.customers.instances import granting
from spanhouse.customers.instances.models import Instance

EXPIRY_DAYS = ("1", "7", "30", "90", "365")


@require_safe
@of_account(Operation.READ)
def members(visit: AccountVisit) -> HttpResponse:
    rows = [
        {
            "member": member,
            "role": account_words.role(member.role),
            "manageable": may_manage(visit.operations, member.role),
        }
        for member in selectors.members_of(visit.account)
    ]
    grants = [
        {
            "grant": grant,
            "to": grant.to_user or grant.to_account,
            "operations": [account_words.operation(name) for name in grant.operations],
            "over": grant.expires_at is not None and grant.expires_at <= visit.now,
        }
        for grant in selectors.grants_of(visit.account)
    ]
    return visit.page(
        "console/account_members.html",
        {
            "rows": rows,
            "grants": grants,
            "roles": [(str(role), account_words.role(role)) for role in Role if may_manage(visit.operations, role)],
            "operations": [
                (str(operation), account_words.operation(operation))
                for operation in Operation
                if operation in visit.operations
            ],
            "instances": Instance.objects.filter(account=visit.account, released_at=None),
            "expiry_days": EXPIRY_DAYS,
        },
    )


@require_POST
@of_account(Operation.MANAGE_MEMBERS)
def add(visit: AccountVisit) -> HttpResponse:
    form = visit.request.POST
    user = person(form.get("username", ""))
    member_services.add_member(visit.account, user, form.get("role", ""), now=visit.now, by=visit.by)
    return redirect("account-members")


@require_POST
@of_account(Operation.READ)
def change(visit: AccountVisit, user_id: int) -> HttpResponse:
    """Another role, or none. Everybody may leave; the rest is for who may manage members."""
    form = visit.request.POST
    user = selectors.get_member(visit.account, user_id)
    if form.get("role") == "none":
        granting.part_with_member(
            visit.account, user, now=visit.now, revoke_keys=form.get("keys") == "revoke", by=visit.by
        )
    else:
        member_services.change_role(visit.account, user, form.get("role", ""), now=visit.now, by=visit.by)
    return redirect("account-members")


@require_POST
@of_account(Operation.MANAGE_MEMBERS)
def grant(visit: AccountVisit) -> HttpResponse:
    form = visit.request.POST
    days = form.get("expires", "")
    if days and days not in EXPIRY_DAYS:
        raise Malformed(_("Choose one of the days offered, or no end."))
    named = form.getlist("instances")
    services = [name.strip() for name in form.get("services", "").splitlines() if name.strip()]
    granting.give_grant(
        visit.account,
        _grantee(form.get("to", "")),
        form.getlist("operations"),
        now=visit.now,
        instances=named or None,
        services=services or None,
        expires_at=visit.now + timedelta(days=int(days)) if days else None,
        by=visit.by,
    )
    return redirect("account-members")


@require_POST
@of_account(Operation.MANAGE_MEMBERS)
def revoke(visit: AccountVisit, grant_id: str) -> HttpResponse:
    granting.end_grant(selectors.get_grant(visit.account, grant_id), now=visit.now, by=visit.by)
    return redirect("account-members")


def _grantee(text: str) -> User | Account:
    """A user by name, or an account by id."""
    wished = text.strip()
    if wished.startswith("a-") and (account := Account.objects.filter(pk=wished).first()):
        return account
    return person(wished)
