"""Roles, passwords, and the audit log: who may do what, and what is written down of it."""

import pytest

from orchestrator import audit, passwords
from orchestrator.access import Role, Visitor, name_by_claims, role_by_claims
from orchestrator.db.session import Database
from orchestrator.errors import ForbiddenError, SpecError
from orchestrator.queries.audit import list_audit

OPERATOR = Visitor(name="dashboard:operator", role=Role.OPERATOR)
VIEWER = Visitor(name="dashboard:viewer", role=Role.VIEWER)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"email": "Ann@Example.org"}, Role.OPERATOR),
        ({"email": "bob@example.org", "email_verified": True}, Role.VIEWER),
        ({"email": "ann@example.org", "email_verified": False}, None),
        ({"email": "ann@example.org", "email_verified": "false"}, None),
        ({"email": "ann@example.org.evil.example"}, None),
        ({"email": None}, None),
        ({}, None),
    ],
)
def test_a_role_goes_by_a_claim_that_the_provider_vouches_for(claims: dict[str, object], expected: Role | None) -> None:
    assert role_by_claims(claims, "email", "ann@example.org", "bob@example.org, eve@example.org") is expected


def test_a_claim_of_several_values_gives_the_greatest_role() -> None:
    claims = {"groups": ["lab", "farm-owners"]}

    assert role_by_claims(claims, "groups", "farm-owners", "lab") is Role.OPERATOR
    assert role_by_claims(claims, "groups", "", "lab") is Role.VIEWER


def test_a_star_lets_everybody_look_who_signed_in_and_nobody_operate() -> None:
    assert role_by_claims({"email": "x@y.example"}, "email", "*", "*") is Role.VIEWER
    assert role_by_claims({}, "email", "", "*") is None


@pytest.mark.parametrize(("is_verified", "name"), [(True, "ann@example.org"), (False, "4711")])
def test_nobody_acts_under_an_email_that_may_be_anothers(is_verified: bool, name: str) -> None:
    assert name_by_claims({"sub": "4711", "email": "ann@example.org", "email_verified": is_verified}) == name
    assert name_by_claims({"sub": "4711"}) == "4711"


def test_a_hash_knows_its_password_and_no_other() -> None:
    stored = passwords.hash_password("correct horse battery")

    assert passwords.matches("correct horse battery", stored)
    assert not passwords.matches("correct horse batterz", stored)
    assert "horse" not in stored


def test_no_two_hashes_are_alike() -> None:
    assert passwords.hash_password("ten letters") != passwords.hash_password("ten letters")


@pytest.mark.parametrize("text", ["short", "x" * 1025])
def test_a_password_of_no_use_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="10 to 1024 characters"):
        passwords.hash_password(text)


@pytest.mark.parametrize(
    "text",
    ["", "hunter2", "scrypt:1:8:3:aaaa:aaaa", "scrypt:99999999999:8:1:" + "A" * 24 + ":" + "A" * 44, "md5:1:1:1:a:b"],
)
def test_what_is_no_hash_is_recognised_before_it_costs_memory(text: str) -> None:
    assert not passwords.is_hash(text)


def test_what_an_operator_does_is_done_and_written_down(database: Database) -> None:
    assert audit.act(database, OPERATOR, "device drain", "pi5-1: new fan", lambda: 7) == 7

    (line,) = list_audit(database)
    assert (line.who, line.role, line.action, line.target, line.outcome) == (
        "dashboard:operator", "operator", "device drain", "pi5-1: new fan", "done",
    )  # fmt: skip


@pytest.mark.parametrize("visitor", [VIEWER, None])
def test_who_is_no_operator_changes_nothing_and_that_is_written_down(
    database: Database, visitor: Visitor | None
) -> None:
    done: list[str] = []

    with pytest.raises(ForbiddenError, match="takes an operator"):
        audit.act(database, visitor, "study cancel", "study 1", lambda: done.append("cancelled"))

    assert done == []
    assert list_audit(database)[0].outcome == "refused"


def test_a_deed_that_fails_is_written_down_with_its_reason(database: Database) -> None:
    def fail() -> None:
        raise SpecError("study: 9 is unknown")

    with pytest.raises(SpecError):
        audit.act(database, OPERATOR, "study cancel", "study 9", fail)

    assert list_audit(database)[0].message == "study: 9 is unknown"
