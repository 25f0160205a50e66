"""The file with the history: access, content and concurrent runs."""

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
from multiprocessing import get_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.forecast.trend import MOST_POINTS, Point, Series
from check_ephemeral_port.system import state_file
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.state_file import (
    DAMAGED,
    LONGEST_COUNTS,
    MOST_BYTES,
    MOST_COUNTS,
    decode_history,
    encode_history,
    has_counts,
    update_counts,
    update_history,
)
from tests.support.builders import HISTORY
from tests.support.needs import BE_ROOT, skip_without


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state")


def keep(path, history=HISTORY, limit_seconds=10.0):
    return update_history(path, lambda found: (history, found), limit_seconds)


def kept(path):
    with open(path, "rb") as file:
        return decode_history(file.read())


def test_a_run_finds_the_history_of_the_run_before(path):
    assert keep(path) == ({}, "")
    assert keep(path) == (HISTORY, "")


def test_only_the_user_of_the_check_can_read_it_with_any_umask(path):
    umask = os.umask(0)
    try:
        keep(path)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(os.path.dirname(path)) == ["state"]


def test_a_file_that_others_can_read_becomes_private(path):
    with open(path, "wb") as file:
        file.write(encode_history(HISTORY))
    os.chmod(path, 0o666)
    assert keep(path) == (HISTORY, "")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_the_file_is_replaced_and_never_changed_in_place(path):
    keep(path)
    with open(path, "rb") as reader:
        keep(path, {})
        assert decode_history(reader.read()) == HISTORY
    assert kept(path) == {}


def test_the_unfinished_files_of_killed_runs_are_removed(path):
    for number in range(3):
        with open(f"{path}.{number:016x}.new", "w") as file:
            file.write("half of")
    others = {"state.new", "state.0123.new", "other.0123456789abcdef.new", "new"}
    for name in others:
        open(os.path.join(os.path.dirname(path), name), "w").close()
    assert keep(path) == ({}, "")
    assert kept(path) == HISTORY
    assert set(os.listdir(os.path.dirname(path))) == {"state", *others}


KILLED = """
import os, signal, sys
from check_ephemeral_port.system.state_file import update_history
from tests.support.builders import HISTORY
os.rename = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
update_history(sys.argv[1], lambda found: (HISTORY, None), 10)
"""


def test_a_run_that_is_killed_before_it_is_done_changes_nothing(path):
    keep(path)
    names = set()
    for _ in range(3):
        subprocess.run([sys.executable, "-c", KILLED, path])
        assert kept(path) == HISTORY
        names |= set(os.listdir(os.path.dirname(path)))
    assert len(names) == 1 + 3  # each with a name of its own
    assert keep(path, {}) == (HISTORY, "")
    assert os.listdir(os.path.dirname(path)) == ["state"]


def test_a_relative_path_is_in_the_current_folder(path, monkeypatch):
    monkeypatch.chdir(os.path.dirname(path))
    assert keep("state") == ({}, "")
    assert kept(path) == HISTORY


def assert_refused(path, part):
    with pytest.raises(SystemReadError) as refused:
        keep(path)
    assert str(refused.value).startswith(f"--state-file {path}")
    assert part in str(refused.value)


@pytest.mark.parametrize("target", ["precious", "missing"])
def test_a_symbolic_link_is_refused_and_its_target_unchanged(path, tmp_path, target):
    (tmp_path / "precious").write_text("as it was")
    os.symlink(tmp_path / target, path)
    assert_refused(path, "is a symbolic link")
    assert os.path.islink(path)
    assert (tmp_path / "precious").read_text() == "as it was"
    assert not (tmp_path / "missing").exists()


def test_a_link_at_the_temporary_name_is_not_followed(path, tmp_path, monkeypatch):
    """It looks as if a killed run had left it, so it is removed."""
    keep(path)
    monkeypatch.setattr(os, "urandom", bytes)  # so that the name can be guessed
    (tmp_path / "precious").write_text("as it was")
    os.symlink(tmp_path / "precious", f"{path}.{'0' * 16}.new")
    assert keep(path, {}) == (HISTORY, "")
    assert (tmp_path / "precious").read_text() == "as it was"


@pytest.fixture
def root():
    if os.getuid():
        skip_without("root, to be two users", BE_ROOT)


@pytest.mark.usefixtures("root")
def test_files_of_another_user_in_a_sticky_folder_are_no_hindrance(path, tmp_path):
    os.chmod(tmp_path, 0o1777)
    script = AS_UNPRIVILEGED_USER.replace('(found, "used")', "(HISTORY, found)")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp/pytest-of-root"):
            os.chmod(folder, os.stat(folder).st_mode | 0o055)
    for name in ("new", f"{'0' * 16}.new"):
        open(f"{path}.{name}", "w").close()
    found = [
        subprocess.run([sys.executable, "-c", script, path], capture_output=True)
        for _ in range(2)
    ]
    assert [run.stdout.decode() for run in found] == [
        f"{({}, '')}\n",
        f"{(HISTORY, '')}\n",
    ]


def test_a_hard_link_does_not_change_the_other_file(path, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("as it was")
    precious.chmod(0o644)
    os.link(precious, path)
    assert keep(path) == ({}, "")
    assert precious.read_text() == "as it was"
    assert stat.S_IMODE(precious.stat().st_mode) == 0o644
    assert kept(path) == HISTORY


@pytest.mark.parametrize("mode, refused", [(0o777, True), (0o1777, False)])
def test_a_folder_where_every_user_can_replace_it_is_refused(path, mode, refused):
    os.chmod(os.path.dirname(path), mode)
    if refused:
        assert_refused(path, "every user can replace it there")
        assert not os.path.exists(path)
    else:
        assert keep(path) == ({}, "")


def test_a_path_that_is_no_regular_file_is_refused(path, tmp_path):
    os.mkfifo(path)
    assert_refused(path, "is not a regular file")
    assert_refused("/dev/null", "is not a regular file")
    assert_refused(str(tmp_path), "is not a regular file")
    assert_refused(f"{tmp_path}/none/state", "No such file or directory")
    assert_refused(f"{path}/state", "Not a directory")
    assert_refused(f"{tmp_path}/{'x' * 300}", "File name too long")
    assert_refused(f"{tmp_path}/", "")
    assert_refused(f"{tmp_path}/..", "is not a regular file")


AS_UNPRIVILEGED_USER = """
import fcntl, os, sys  # the other user can have no access to the libraries
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.state_file import update_history
from tests.support.builders import HISTORY
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    print(update_history(sys.argv[1], lambda found: (found, "used"), 10))
except SystemReadError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    "path, kind, refusal",
    [
        ("/etc/passwd", "SystemReadError", " belongs to another user"),
        ("/etc/check_ephemeral_port.state", "NotWritable", ": Permission denied"),
    ],
)
def test_a_file_of_another_user_is_refused(path, kind, refusal):
    command = [sys.executable, "-c", AS_UNPRIVILEGED_USER, path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{kind} --state-file {path}{refusal}\n", "")


ON_A_SMALL_DISK = """
import os, sys
from check_ephemeral_port.system.state_file import decode_history, update_history
from tests.support.builders import HISTORY
os.chdir(sys.argv[1])
print(update_history("state", lambda found: (HISTORY, "the result"), 10))
before = open("state", "rb").read()
BREAK
print(update_history("state", lambda found: ({}, "the result"), 10))
print(open("state", "rb").read() == before, sorted(os.listdir()))
"""


@pytest.mark.parametrize(
    "trouble, reason, files",
    [
        (
            "os.write(os.open('big', os.O_WRONLY | os.O_CREAT), bytes(99999))",
            "No space left on device",
            ["big", "state"],
        ),
        (
            "os.system('mount -o remount,ro tmpfs .'); os.chdir(os.getcwd())",
            "Read-only file system",
            ["state"],
        ),
    ],
)
@pytest.mark.namespace(ports="40000-40039")
def test_on_a_full_or_read_only_disk_only_the_history_is_lost(
    tmp_path, trouble, reason, files
):
    script = ON_A_SMALL_DISK.replace("BREAK", trouble)
    mount = f"mount -t tmpfs -o size=16k tmpfs {tmp_path} && exec "
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount + '"$0" "$@"', *command],
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    note = f"history not kept, {reason}: state"
    assert done.stdout.splitlines() == [
        str(("the result", "")),
        str(("the result", note)),
        f"True {files}",
    ]


def test_a_stopped_run_with_the_lock_does_not_block_others(path):
    keep(path)
    with open(path, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        found, note = keep(path, {}, limit_seconds=0.05)
    assert found == {}
    assert note == f"history not kept, another check has locked it: {path}"
    assert kept(path) == HISTORY


def add_one(path, name, times):
    for _ in range(times):
        update_history(path, lambda history: (with_one_more(history, name), None), 60)


def with_one_more(history, name):
    earlier = history[name].points if name in history else ()
    return {**history, name: Series("b", "p", (*earlier, Point(len(earlier), 0, 0)))}


def test_concurrent_runs_lose_nothing(path):
    fork = get_context("fork")
    runs = [fork.Process(target=add_one, args=(path, str(n), 25)) for n in range(6)]
    runs += [fork.Process(target=add_one, args=(path, "all", 10)) for n in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert [run.exitcode for run in runs] == [0] * len(runs)
    counts = {name: len(series.points) for name, series in kept(path).items()}
    assert counts == {**{str(n): 25 for n in range(6)}, "all": 40}


def test_a_file_that_is_removed_during_the_run_is_written_again(path):
    keep(path)

    def remove(found):
        os.unlink(path)
        return found, None

    update_history(path, remove, 10)
    assert kept(path) == HISTORY


def keep_counts(path, text, check_id="one"):
    return update_counts(path, check_id, lambda last: (text, last), 10)


def test_each_check_has_its_own_counts_beside_the_history(path):
    keep(path)
    assert not has_counts(path)
    assert keep_counts(path, "5") == ("", "")
    assert keep_counts(path, "7", "other") == ("", "")
    assert has_counts(path)
    assert keep(path) == (HISTORY, "")
    assert keep_counts(path, "6") == ("5", "")
    assert keep_counts(path, "") == ("6", "")
    assert keep_counts(path, "") == ("", "")
    assert keep_counts(path, "", "other") == ("7", "")
    assert not has_counts(path)
    assert kept(path) == HISTORY


def test_only_the_latest_counts_of_a_reasonable_size_are_kept(path):
    most = MOST_COUNTS // (LONGEST_COUNTS - 9)
    for number in range(most + 1):
        keep_counts(path, "x" * (LONGEST_COUNTS - 9), str(number))
    assert os.path.getsize(path) < MOST_BYTES / 2
    assert keep_counts(path, "", "0") == ("", "")
    found, problem = keep_counts(path, "x" * (LONGEST_COUNTS + 1), "1")
    assert (found[:1], problem) == ("x", f"--state-file {path}: too many CPUs")
    assert keep_counts(path, "", "1") == ("", "")


def test_many_checks_keep_their_counts_in_one_file(path):
    for number in range(200):
        keep_counts(path, f"{number} {'x' * 400}", str(number))
    for number in range(200):
        assert keep_counts(path, "", str(number))[0].startswith(f"{number} ")


def test_counts_and_history_of_the_largest_size_are_kept_together(path):
    points = tuple(Point(1e6 + n / 7, 2e9 + n / 7, 65536) for n in range(MOST_POINTS))
    series = {f"{n} {'x' * 90}": Series("b" * 36, "p" * 30, points) for n in range(200)}
    keep(path, series)
    for number in range(MOST_COUNTS // LONGEST_COUNTS):
        keep_counts(path, "x" * (LONGEST_COUNTS - 1), str(number))
    assert len(kept(path)) == 200


@pytest.mark.parametrize(
    "counts", [[], {"x": 5}, {"x": "y" * 199999}, None, {"x": None}]
)
def test_foreign_counts_make_the_file_foreign(path, counts):
    with open(path, "w") as file:
        json.dump({**GOOD, "counts": counts}, file)
    assert keep_counts(path, "6") == (DAMAGED, "")
    assert keep_counts(path, "") == ("6", "")


def test_counts_are_read_without_the_lock_if_another_run_holds_it(path):
    keep_counts(path, "5")
    with open(path, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        found = update_counts(path, "one", lambda last: ("6", last), 0.05)
    assert found == ("5", f"--state-file {path}: another check has locked it")
    assert keep_counts(path, "") == ("5", "")


def test_counts_of_a_file_that_cannot_be_trusted_are_not_read(path, tmp_path):
    keep_counts(path, "5")
    os.symlink(path, tmp_path / "link")
    link = str(tmp_path / "link")
    assert keep_counts(link, "6") == ("", f"--state-file {link} is a symbolic link")
    tmp_path.chmod(0o777)
    problem = f"--state-file {path}: every user can replace it there"
    assert keep_counts(path, "6") == ("", problem)
    missing = "/nowhere/state"
    problem = f"--state-file {missing}: No such file or directory"
    assert keep_counts(missing, "6") == ("", problem)


def test_without_flock_no_counts_are_kept(path):
    found = update_counts(path, "one", lambda last: ("5", last), 10, "nt")
    assert found == ("", "--state-file: this system has no flock()")


def test_a_file_that_cannot_be_read_has_no_counts(path):
    assert not has_counts(path)


def count_one(path, check_id, times):
    for _ in range(times):
        keep_next(path, check_id)


def keep_next(path, check_id):
    update_counts(path, check_id, lambda last: (str(int(last or 0) + 1), None), 10)


def test_concurrent_runs_lose_no_counts(path):
    fork = get_context("fork")
    runs = [fork.Process(target=count_one, args=(path, str(n), 25)) for n in range(3)]
    runs += [fork.Process(target=count_one, args=(path, "all", 10)) for n in range(3)]
    runs += [fork.Process(target=add_one, args=(path, "history", 25))]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert [keep_counts(path, "", str(n))[0] for n in range(3)] == ["25"] * 3
    assert keep_counts(path, "", "all")[0] == "30"
    assert len(kept(path)["history"].points) == 25


GOOD = json.loads(encode_history(HISTORY))


def changed(**fields):
    entry = {**GOOD["series"]["tcp_connect"], **fields}
    return json.dumps({"version": 1, "series": {"tcp_connect": entry}})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\0" * 100,
        "null",
        "[]",
        '"text"',
        "{}",
        '{"version": 1}',
        '{"version": 1, "series": []}',
        '{"version": 1, "series": {"x": null}}',
        '{"version": 1, "series": {"x": {}}}',
        json.dumps({**GOOD, "version": 2}),
        json.dumps({**GOOD, "version": "1"}),
        json.dumps(GOOD)[:-1],
        json.dumps(GOOD) + "x",
        "[" * 500_000,
        '{"version":' * 90_000,
        "9" * 900_000,
        "-" + "9" * 17,
        '{"version": 1, "series": {"%s": {}}}' % ("x" * 2000),
        changed(more=1),
        changed(boot=5),
        changed(pool=None),
        changed(points=None),
        changed(points=[[1, 2]]),
        changed(points=[[1, 2, 3, 4]]),
        changed(points=["abc"]),
        changed(points=[["1", 2, 3]]),
        changed(points=[[1, 2, 3.5]]),
        changed(points=[[1, 2, -3]]),
        changed(points=[[1, 2, 65537]]),
        changed(points=[[-1, 2, 3]]),
        changed(points=[[1, float("nan"), 3]]),
        changed(points=[[float("inf"), 2, 3]]),
        changed(points=[[1, 2, 3]]).replace("3]", "3" * 5000 + "]"),
        changed(points=[[1, 2, 3]] * (MOST_POINTS + 1)),
        changed().replace("61.5", "1e999"),
        changed().replace("61.5", "1e13"),
        " " * MOST_BYTES + json.dumps(GOOD),
        "<html>not found</html>",
    ],
    ids=lambda content: content[:20],
)
def test_foreign_content_is_no_history_and_no_error(content, path):
    data = content.encode("utf-8")
    assert decode_history(data) == {}
    with open(path, "wb") as file:
        file.write(data)
    assert keep(path) == ({}, "")
    assert kept(path) == HISTORY


@given(st.binary(max_size=200))
def test_any_bytes_are_no_history(data):
    assert decode_history(data) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["version", "series", "boot", "pool", "points", "x"]), inner
        )
    ),
)


@given(JSON)
def test_any_json_gives_a_history(series):
    for content in (series, {"version": 1, "series": {"x": series}}):
        found = decode_history(json.dumps(content).encode())
        assert encode_history(found)


POINTS = st.lists(
    st.builds(
        Point,
        st.integers(0, 10**11).map(lambda n: n / 1000),
        st.integers(0, 10**11).map(lambda n: n / 1000),
        st.integers(0, 65536),
    ),
    max_size=MOST_POINTS,
)


@given(
    st.dictionaries(
        st.text(max_size=50),
        st.builds(
            Series,
            st.text(max_size=40),
            st.text(max_size=40),
            POINTS.map(lambda points: tuple(sorted(points))),
        ),
    )
)
def test_a_history_survives_the_file(history):
    assert decode_history(encode_history(history)) == history


@given(st.data())
def test_a_damaged_byte_causes_no_error(data):
    content = bytearray(encode_history(HISTORY))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(
        st.integers(0, 255)
    )
    found = decode_history(bytes(content))
    assert encode_history(found)


def test_a_system_without_flock_is_an_error(path):
    with pytest.raises(SystemReadError, match="no flock"):
        update_history(path, lambda found: (found, None), 10, platform="nt")


def test_tolerated_errors_do_not_include_missing_permissions():
    assert {errno.ENOSPC, errno.EROFS} < state_file.TOLERATED_ERRORS
    assert not {errno.EACCES, errno.EPERM, errno.ENOENT} & state_file.TOLERATED_ERRORS
