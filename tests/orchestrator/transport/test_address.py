"""An SSH address is read as people write it, and never becomes an option of a program."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import SpecError
from orchestrator.transport.address import SshAddress


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("pi@raspberrypi.local", "pi", "raspberrypi.local", 22),
        ("pi@192.168.1.7:2201", "pi", "192.168.1.7", 2201),
        ("pi@[fe80::1%eth0]:2222", "pi", "fe80::1%eth0", 2222),
        (" pi@[::1] ", "pi", "::1", 22),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, user: str, host: str, port: int) -> None:
    assert SshAddress.parse(text) == SshAddress(user=user, host=host, port=port)


@pytest.mark.parametrize(
    "text", ["raspberrypi", "pi@", "@host", "pi@host:", "pi@host:0", "pi@host:70000", "pi@::1", "a b@host"]
)
def test_anything_else_is_refused_with_the_form_that_was_expected(text: str) -> None:
    with pytest.raises(SpecError, match="ssh address: expected"):
        SshAddress.parse(text)


@pytest.mark.parametrize("text", ["-oProxyCommand=x@host", "pi@-host"])
def test_a_name_that_looks_like_an_option_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="cannot start with '-'"):
        SshAddress.parse(text)


@given(
    user=st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True),
    host=st.one_of(st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True), st.ip_addresses(v=6).map(str)),
    port=st.integers(1, 65535),
)
def test_an_address_survives_being_written_and_read(user: str, host: str, port: int) -> None:
    address = SshAddress(user=user, host=host, port=port)
    assert SshAddress.parse(str(address)) == address
