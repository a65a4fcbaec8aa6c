"""Over a real SSH server: a simulated board, whose faults are real cuts and real keys."""

import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import DeviceError, HostKeyError, SpecError, TransportError
from orchestrator.simulator.farm import SimulatedBoard
from orchestrator.transport.address import SshAddress
from orchestrator.transport.keys import FarmKey, HostKey
from orchestrator.transport.receiver import digest_of
from orchestrator.transport.ssh import SshTransport, install_key_with_password, scan_host_key
from tests.orchestrator.transport.conftest import PASSWORD, Cargo, make_cargo

pytestmark = pytest.mark.ssh


def test_a_program_runs_in_the_farm_folder_with_what_it_is_given(
    board: SimulatedBoard, transport: SshTransport
) -> None:
    argument = 'it\'s $HOME; `rm`\n"two" * words'
    script = "import os, sys; print(os.getcwd(), sys.stdin.read()); sys.exit(sys.argv[1])"
    done = transport.run(["python3", "-c", script, argument], stdin=b"given")
    assert done.stdout.decode() == f"{board.home / '.pifarm'} given\n"
    assert (done.exit_code, done.stderr.decode()) == (1, argument + "\n")


def test_bytes_come_back_as_they_were_printed(transport: SshTransport) -> None:
    data = bytes(range(256)) * 4096
    assert transport.run(["cat"], stdin=data).stdout == data


def test_much_on_the_error_stream_does_not_block_the_output(transport: SshTransport) -> None:
    script = "import sys; sys.stderr.write('e' * 5_000_000); sys.stdout.write('o' * 5_000_000)"
    done = transport.run(["python3", "-c", script])
    assert (len(done.stdout), len(done.stderr)) == (5_000_000, 5_000_000)


def test_a_program_that_does_not_read_its_input_is_no_fault(transport: SshTransport) -> None:
    assert transport.run(["true"], stdin=b"x" * 100_000).exit_code == 0


def test_a_program_that_a_signal_ended_is_not_a_broken_link(transport: SshTransport) -> None:
    assert transport.run(["sh", "-c", "kill -9 $$"]).exit_code < 0


def test_one_connection_serves_many_commands(board: SimulatedBoard, transport: SshTransport) -> None:
    for _ in range(5):
        transport.run(["true"])
    assert board.logins == ["pi"]


def test_a_changed_host_key_stops_everything_before_a_name_is_sent(
    board: SimulatedBoard, transport: SshTransport
) -> None:
    pinned = board.host_key.fingerprint
    board.change_host_key()
    with pytest.raises(HostKeyError, match="nothing was sent") as caught:
        transport.run(["touch", "intruder"])
    assert pinned in str(caught.value) and board.host_key.fingerprint in str(caught.value)
    assert board.logins == []
    assert not (board.home / ".pifarm/intruder").exists()


def test_a_fingerprint_pins_as_well_as_a_key(board: SimulatedBoard, farm_key: FarmKey) -> None:
    pin = board.host_key.fingerprint
    way = SshTransport(board.address, key_file=farm_key.private_file, host_key=pin)
    assert way.run(["true"]).exit_code == 0
    way.close()
    board.change_host_key()
    with pytest.raises(HostKeyError):
        way.run(["true"])


def test_a_host_key_is_scanned_without_a_login(board: SimulatedBoard) -> None:
    assert scan_host_key(board.address) == board.host_key
    assert scan_host_key(board.address, fingerprint=board.host_key.fingerprint) == board.host_key
    assert board.logins == []


def test_a_scan_for_a_fingerprint_that_no_key_has_is_refused(board: SimulatedBoard) -> None:
    expected = board.host_key.fingerprint
    board.change_host_key()
    with pytest.raises(HostKeyError, match=board.host_key.type):
        scan_host_key(board.address, fingerprint=expected)


def test_a_refused_login_says_what_to_add_where(board: SimulatedBoard, tmp_path: Path) -> None:
    stranger = FarmKey.in_folder(tmp_path / "stranger")
    way = SshTransport(board.address, key_file=stranger.private_file, host_key=str(board.host_key))
    with pytest.raises(TransportError, match="pifarm key"):
        way.run(["true"])


def test_a_key_is_installed_once_with_a_password(board: SimulatedBoard, tmp_path: Path) -> None:
    newcomer = FarmKey.in_folder(tmp_path / "newcomer")
    authorized = board.home / ".ssh/authorized_keys"
    authorized.write_text(authorized.read_text().rstrip("\n"))  # a last line without its end must stay whole
    for _ in range(2):
        install_key_with_password(
            board.address,
            host_key=str(board.host_key),
            password=PASSWORD,
            public_line=newcomer.public_line,
        )
    assert authorized.read_text().splitlines().count(newcomer.public_line) == 1
    assert len(authorized.read_text().splitlines()) == 2
    way = SshTransport(board.address, key_file=newcomer.private_file, host_key=str(board.host_key))
    assert way.run(["true"]).exit_code == 0
    way.close()


def test_a_wrong_password_installs_nothing(board: SimulatedBoard) -> None:
    with pytest.raises(TransportError, match="login refused"):
        install_key_with_password(
            board.address, host_key=str(board.host_key), password="guess", public_line="ssh-ed25519 AAAA x"
        )


def test_a_command_that_takes_too_long_is_given_up_and_the_next_one_works(transport: SshTransport) -> None:
    with pytest.raises(TransportError, match="timed out"):
        transport.run(["sleep", "30"], timeout_s=0.3)
    assert transport.run(["echo", "here"]).stdout == b"here\n"


def test_a_cut_while_a_command_runs_is_a_transport_error(board: SimulatedBoard, transport: SshTransport) -> None:
    transport.run(["true"])
    saboteur = threading.Timer(0.2, board.cut_connections)
    saboteur.start()
    with pytest.raises(TransportError, match="cut"):
        transport.run(["sleep", "30"])
    saboteur.join()


def test_a_connection_that_broke_while_idle_is_replaced_without_a_word(
    board: SimulatedBoard, transport: SshTransport
) -> None:
    transport.run(["true"])
    board.cut_connections()
    assert transport.run(["echo", "here"]).stdout == b"here\n"
    assert board.logins == ["pi", "pi"]


def test_a_board_off_the_network_is_a_transport_error_until_it_is_back(
    board: SimulatedBoard, transport: SshTransport
) -> None:
    board.refuse_connections()
    with pytest.raises(TransportError, match=str(board.address)):
        transport.run(["true"])
    board.accept_connections()
    assert transport.run(["true"]).exit_code == 0


def test_a_detached_job_outlives_its_connection(board: SimulatedBoard, transport: SshTransport) -> None:
    wait_for = "while [ ! -e {0} ]; do sleep 0.02; done"
    job = f"({wait_for.format('go')}; touch done) </dev/null >/dev/null 2>&1 &"
    transport.run(["sh", "-c", job])
    board.cut_connections()
    (board.home / ".pifarm/go").touch()
    assert transport.run(["sh", "-c", wait_for.format("done")], timeout_s=10).exit_code == 0


def test_a_file_arrives_once(board: SimulatedBoard, transport: SshTransport, cargo: Cargo) -> None:
    first = transport.push(cargo.path, "artifacts/a/model", sha256=cargo.sha256)
    transport.close()
    again = transport.push(cargo.path, "artifacts/a/model", sha256=cargo.sha256)
    assert (first.sent_bytes, again.sent_bytes) == (cargo.size_bytes, 0)
    assert first.complete and again.complete
    assert digest_of(board.home / ".pifarm/artifacts/a/model") == cargo.sha256


def test_a_push_that_was_cut_sends_only_the_rest(
    board: SimulatedBoard, transport: SshTransport, tmp_path: Path
) -> None:
    cargo = make_cargo(tmp_path / "large", 20_000_000)

    def cut_in_the_middle(sent_bytes: int, size_bytes: int) -> None:
        if sent_bytes > size_bytes // 2:
            board.cut_connections()

    with pytest.raises(TransportError):
        transport.push(cargo.path, "model", sha256=cargo.sha256, progress=cut_in_the_middle)
    rest = transport.push(cargo.path, "model", sha256=cargo.sha256)
    assert rest.complete
    assert 0 < rest.sent_bytes < cargo.size_bytes
    assert digest_of(board.home / ".pifarm/model") == cargo.sha256


def test_slices_add_up_to_the_whole_file(board: SimulatedBoard, transport: SshTransport, tmp_path: Path) -> None:
    cargo = make_cargo(tmp_path / "large", 20_000_000)
    sent_bytes, slices, complete = 0, 0, False
    while not complete:
        pushed = transport.push(cargo.path, "model", sha256=cargo.sha256, slice_s=0.03)
        sent_bytes, slices, complete = sent_bytes + pushed.sent_bytes, slices + 1, pushed.complete
    assert (sent_bytes, digest_of(board.home / ".pifarm/model")) == (cargo.size_bytes, cargo.sha256)
    assert slices > 1


def test_a_board_without_python_is_the_boards_fault(
    board: SimulatedBoard, transport: SshTransport, cargo: Cargo
) -> None:
    broken = board.home / "board/usr/bin/python3"
    broken.write_text("#!/bin/sh\necho 'no Python here' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(DeviceError, match="no Python here"):
        transport.push(cargo.path, "model", sha256=cargo.sha256)


def test_a_private_key_that_is_none_is_not_the_boards_fault(board: SimulatedBoard, tmp_path: Path) -> None:
    with pytest.raises(SpecError):
        SshTransport(board.address, key_file=tmp_path / "none", host_key="ssh-ed25519")


@pytest.fixture
def impostor() -> Iterator[SshAddress]:
    """A port where somebody answers who does not speak SSH."""

    def greet() -> None:
        caller, _ = listener.accept()
        with caller:
            caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(range(256)) * 8)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield SshAddress(user="pi", host="127.0.0.1", port=listener.getsockname()[1])
        thread.join()


def test_a_peer_that_does_not_speak_ssh_is_a_transport_error(impostor: SshAddress) -> None:
    with pytest.raises(TransportError, match=str(impostor)):
        scan_host_key(impostor, timeout_s=2)


def test_a_silent_peer_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = SshAddress(user="pi", host="127.0.0.1", port=listener.getsockname()[1])
        with pytest.raises(TransportError):
            scan_host_key(address, timeout_s=0.3)


def test_a_name_that_does_not_resolve_is_a_transport_error() -> None:
    with pytest.raises(TransportError, match=re.escape("no-such-board.invalid")):
        scan_host_key(SshAddress(user="pi", host="no-such-board.invalid"), timeout_s=2)


def test_a_scanned_key_is_what_a_pin_is_made_from(board: SimulatedBoard) -> None:
    assert HostKey.parse(str(scan_host_key(board.address))) == board.host_key
