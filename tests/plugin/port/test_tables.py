"""Text about a port, made from values: any names, any addresses."""

from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.holders import Process
from check_ephemeral_port.model.port.iana import IanaClass, iana_class
from check_ephemeral_port.model.port.remote import (
    Attempt,
    Outcome,
    RemoteObservation,
    RemoteReport,
)
from check_ephemeral_port.model.port.report import (
    PortIdentity,
    PortObservation,
    PortSocket,
    Role,
    port_report,
)
from check_ephemeral_port.model.port.several import port_state
from check_ephemeral_port.model.sockets import TcpState
from check_ephemeral_port.plugin.layout import detail_lines, section_lines
from check_ephemeral_port.plugin.port.summaries import (
    holder_text,
    identity_text,
    local_identity,
)
from check_ephemeral_port.plugin.port.tables import (
    IANA_TITLES,
    local_sections,
    remote_sections,
    socket_table,
)
from tests.support.builders import UDP, bound, connected, pool, waiting

PORT = 40001
V6 = "2001:db8:1111:2222:3333:4444:5555:6666"
ADDRESSES = st.sampled_from(["127.0.0.1", "198.51.100.105", "::1", "2001:db8::7", V6])
ENTRIES = st.one_of(
    st.builds(connected, st.just(PORT), ADDRESSES, st.just(443), ADDRESSES),
    st.builds(connected, st.just(443), ADDRESSES, st.just(PORT), ADDRESSES),
    st.builds(bound, st.just(PORT), ADDRESSES, st.sampled_from(["tcp", UDP])),
    st.builds(waiting, st.just(PORT), st.floats(-1, 61)),
)


def identity(port=PORT, **services):
    return PortIdentity(port, iana_class(port), services, pool())


# limits of the system: TASK_COMM_LEN in the kernel, and useradd(8)
NAMES, USERS = st.text(max_size=15), st.text(max_size=16)


@given(st.lists(ENTRIES, min_size=1), NAMES, USERS, st.text(), st.booleans())
def test_any_text_is_harmless_and_fits(entries, name, user, service, is_root):
    report = port_report(PORT, entries)
    sockets, callers = (
        [s._replace(process=Process(2**22, name, user)) for s in some]
        for some in (report.sockets, report.callers)
    )
    seen = PortObservation(identity(tcp=service), report, "sock_diag")
    lines = detail_lines(local_sections(seen, sockets, callers, is_root, ()))
    for line in [*lines, local_identity(seen.identity)]:
        assert line.isascii() and not set("|<\x1b\n\t") & set(line)
        assert len(line) <= 80 or line == local_identity(seen.identity)


def test_the_holder_is_named_as_far_as_it_is_known():
    entry = connected(PORT, inode=5, uid=33)
    socket = PortSocket(entry, Role.CLIENT_END)
    assert [
        holder_text(socket._replace(process=Process(812, "curl", "root"))),
        holder_text(socket._replace(process=Process(812))),
        holder_text(socket._replace(user="www-data")),
        holder_text(socket),
        holder_text(socket._replace(entry=entry._replace(inode=0))),
        holder_text(PortSocket(waiting(PORT, age=12.3), Role.TIME_WAIT)),
        holder_text(PortSocket(waiting(PORT, age=None), Role.TIME_WAIT)),
    ] == [
        "curl[812] (root)",
        "?[812]",
        "a process of www-data",
        "unknown process",
        "no process",
        "for 12 s",
        "no process",
    ]


def test_a_row_takes_one_line_or_two_or_three():
    short, long = connected(PORT, "192.0.2.7"), connected(PORT, V6, local="::1")
    longest = connected(PORT, V6, local=V6)

    def table(entry):
        process = Process(9, "app", "root")
        socket = PortSocket(entry, Role.CLIENT_END, 1, process)
        return section_lines(socket_table("", [socket], 1))

    assert table(short) == [
        "     state        local               remote         role       holder",
        "tcp  ESTABLISHED  198.51.100.5:40001  192.0.2.7:443  client #1  app[9] (root)",
    ]
    assert [len(table(entry)) for entry in (long, longest)] == [4, 6]


def test_a_service_is_shown_once_if_the_protocols_agree():
    assert identity_text(identity(443, tcp="https", udp="https")) == (
        "system by IANA, https"
    )
    assert identity_text(identity(514, tcp="shell", udp="syslog")) == (
        "system by IANA, shell/tcp syslog/udp"
    )
    assert identity_text(identity(60840)) == "dynamic by IANA"


def test_reserved_ports_are_those_of_this_host():
    settings = {"pool": pool(reserved=[PORT]), "reserved_by": "excludedportrange"}
    reserved = identity()._replace(**settings)
    assert local_identity(reserved) == (
        "user by IANA, in the ephemeral range 40000-40039,"
        " but reserved by excludedportrange"
    )


def test_every_class_has_its_other_name():
    assert set(IANA_TITLES) == set(IanaClass)


def test_a_port_is_free_used_or_listening():
    listener = bound(PORT, state=TcpState.LISTEN)
    assert [
        port_state(port_report(PORT, entries)).value
        for entries in (
            [],
            [connected(443, remote_port=PORT)],
            [waiting(PORT)],
            [bound(PORT, protocol=UDP)],
            [waiting(PORT), listener],
        )
    ] == ["free", "free", "used", "used", "listening"]


def test_every_attempt_has_a_row():
    attempts = [
        Attempt("192.0.2.7", Outcome.UNREACHABLE, 0.0123, "No route | to host"),
        Attempt(V6, Outcome.FILTERED, 12.04),
        Attempt("192.0.2.8", Outcome.OPEN, 0.00004),
    ]
    seen = RemoteObservation(
        identity(443, tcp="https"), RemoteReport("db.example.com", 443, attempts), 30
    )
    assert detail_lines(remote_sections(seen, ()))[3:] == [
        "address                                 outcome      after    reason",
        "192.0.2.7                               unreachable  12.3 ms  No route ? to"
        " host",
        f"{V6}  filtered     12.0 s   -",
        "192.0.2.8                               open         0.0 ms   -",
    ]
