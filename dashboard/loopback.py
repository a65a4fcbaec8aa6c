"""What only this machine can reach, by address and by name."""

import ipaddress

# Names by which a browser reaches loopback, through a tunnel too; any other in the Host header is DNS rebinding.
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach a server at this address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
