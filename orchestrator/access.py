"""Who may do what on the dashboard: how visitors are known, and the two roles. Pure.

A viewer reads everything, an operator also changes things. Whether somebody may is asked anew with each action.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EVERYBODY = "*"


class Access(enum.StrEnum):
    """How the dashboard knows its visitors; `open` and `read-only` ask nobody who they are."""

    OPEN = "open"
    READ_ONLY = "read-only"
    PASSWORD = "password"
    OIDC = "oidc"


class Role(enum.StrEnum):
    """What a visitor may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody at the dashboard or at the command line; `name` is what the audit log calls them."""

    name: str
    role: Role

    @property
    def may_act(self) -> bool:
        """Whether they may change things."""
        return self.role is Role.OPERATOR


def role_by_claims(claims: Mapping[str, Any], claim: str, operators: str, viewers: str) -> Role | None:
    """The role that an identity provider's claims give; None: they may not even look.

    `operators` and `viewers` list values of `claim`, separated by commas; `*` is everybody who signed in. A claim may
    hold one value or several, as groups do. An e-mail that the provider calls unverified counts for nothing.
    """
    held = claims.get(claim)
    values = {str(each).casefold() for each in (held if isinstance(held, (list, tuple)) else [held]) if each}
    if claim == "email" and not _is_email_believed(claims):
        values = set()
    if values & _listed(operators):
        return Role.OPERATOR
    return Role.VIEWER if values & _listed(viewers) or (values and EVERYBODY in _listed(viewers)) else None


def name_by_claims(claims: Mapping[str, Any]) -> str:
    """What the audit log calls whom a provider vouches for: the e-mail, unless it is unverified, else the subject."""
    email = claims.get("email")
    return str(email if email and _is_email_believed(claims) else claims.get("sub"))


def _is_email_believed(claims: Mapping[str, Any]) -> bool:
    return str(claims.get("email_verified", True)).casefold() != "false"


def _listed(text: str) -> set[str]:
    return {each.strip().casefold() for each in text.split(",")} - {""}
