"""Words of accounts: papers, roles, operations, deeds, figures, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _


def paper(kind: str) -> str:
    return {
        "general_terms": _("General terms"),
        "special_terms": _("Special terms"),
        "usage_rules": _("Usage rules"),
        "service_description": _("Service description"),
        "price_list": _("Price list"),
    }[kind]


def role(name: str) -> str:
    return {
        "owner": _("Owner"),
        "admin": _("Administrator"),
        "editor": _("Editor"),
        "viewer": _("Viewer"),
        "billing": _("Billing"),
    }[name]


def operation(name: str) -> str:
    return {
        "ingest": _("Send spans"),
        "query": _("Read spans"),
        "read": _("See settings and papers"),
        "configure": _("Configure instances and keys"),
        "delete": _("Delete spans, release instances"),
        "order": _("Create instances and order"),
        "pay": _("Pay"),
        "manage_members": _("Manage members and grants"),
        "sign": _("Accept agreements"),
        "audit": _("Read the audit log"),
        "support": _("Use support"),
    }[name]


def deed(name: str) -> str:
    """What was done, in words; a deed that has none yet as it is."""
    known = {
        "account.open": _("Open an account"),
        "party.declare": _("Say who the party is"),
        "licence.declare": _("Declare a licence"),
        "licence.withdraw": _("Withdraw a licence"),
        "member.add": _("Add a member"),
        "member.change": _("Change a role"),
        "member.remove": _("Remove a member"),
        "grant.give": _("Give a grant"),
        "grant.revoke": _("Revoke a grant"),
        "access": _("Ask for more than allowed"),
        "login": _("Log in by password"),
        "login_link.make": _("Make a login link"),
        "login_link.use": _("Log in by link"),
        "logout": _("Log out"),
        "password.set": _("Change a password"),
        "agreement.publish": _("Publish a paper"),
        "agreement.accept": _("Accept a paper"),
        "agreement.decline": _("Decline the agreement"),
        "instance.create": _("Create an instance"),
        "instance.change": _("Change an instance"),
        "instance.hold": _("Suspend an instance"),
        "instance.lift": _("Lift a suspension"),
        "instance.release": _("Release an instance"),
        "key.create": _("Create a key"),
        "key.rotate": _("Rotate a key"),
        "key.revoke": _("Revoke a key"),
    }
    return known.get(name, name)


def actor(kind: str) -> str:
    """Who acted where nobody's name is known."""
    return {
        "user": _("Somebody not logged in"),
        "staff": _("The operator's staff"),
        "key": _("A key"),
        "command": _("A command on the machine"),
        "system": _("The program itself"),
    }[kind]


def unit(name: str) -> str:
    return {
        "hours": _("hours"),
        "days": _("days"),
        "months": _("months"),
        "seconds": _("seconds"),
        "percent a day": _("% a day"),
        "MiB": "MiB",
        "probes": _("probes"),
    }[name]


def figure(name: str) -> str:
    return {
        "unpaid_order_hours": _("An unpaid order is held"),
        "renewal_due_days": _("A renewal is due before the end of its term"),
        "late_fee_percent": _("Late fee on unpaid service fees"),
        "audit_days": _("The audit log is kept at least"),
        "ending_notice_days": _("Notice before the operator ends a service"),
        "outage_hours": _("An outage entitles to end the contract after"),
        "outage_offer_days": _("That right lasts after recovery"),
        "liability_months": _("Payments that cap the operator's liability go back"),
        "paper_days": _("A letter is delivered after"),
        "agreement_notice_days": _("A change of the agreement is announced ahead"),
        "term_buffer_days": _("Data stays after a term has ended"),
        "arrears_buffer_days": _("Data stays after the first arrears"),
        "retention_days": _("A new instance keeps spans"),
        "retention_days_max": _("Longest retention"),
        "key_revocation_seconds": _("A revoked key is refused within"),
        "body_mib_max": _("Largest request"),
        "span_mib_max": _("Largest span"),
        "query_seconds_max": _("Longest query"),
        "probe_failures": _("Failures that open an outage"),
        "probe_successes": _("Successes that close it"),
        "maintenance_hours_max": _("Longest maintenance window"),
    }[name]
