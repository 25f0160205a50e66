"""What a process runs in, found in recorded texts of ``/proc/PID/cgroup``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.cgroups import Unit, container_id, unit_of

PODS = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable"


@pytest.mark.parametrize(
    "cgroups, kind, short_id",
    [
        pytest.param(
            # https://github.com/ctrsploit/ctrsploit/issues/280, shortened
            "12:net_cls,net_prio:/docker/2403ccfe427f1dc7b6120dccb9ac58c2f8456950380d"
            "587a9f33ea7f00dd303d\n10:rdma:/\n0::/system.slice/containerd.service\n",
            "docker",
            "2403ccfe427f",
            id="Docker, cgroup v1, cgroupfs",
        ),
        pytest.param(
            # https://github.com/neuvector/neuvector, share/system/cgroup_test.go
            "10:devices:/system.slice/docker-9ec39b91f3d70e1beff50a308f77067065ea6be0d"
            "91a3378375056cd4422cf3d.scope\n",
            "docker",
            "9ec39b91f3d7",
            id="Docker, systemd",
        ),
        pytest.param(
            # https://github.com/kinvolk/traceloop/pull/34
            "1:name=systemd:/kubepods/besteffort/pod91a8fc3a-0ecf-48b4-81bf-78a7"
            "275d348c"
            "/f75aff467357c5d0ddd47cb7ad87ed38746e018992586ff66198a5c11218f634\n",
            "pod 91a8fc3a container",
            "f75aff467357",
            id="Kubernetes, cgroupfs",
        ),
        pytest.param(
            # https://github.com/tkestack/vcuda-controller/issues/19
            "12:hugetlb:/kubepods.slice/kubepods-pod019c1fe8_0d92_4aa0_b61c_4df5"
            "8bdde71c"
            ".slice/cri-containerd-9e073649debeec6d511391c9ec7627ee67ce3a3fb508b0fa0437"
            "a97f8e58ba98.scope\n",
            "pod 019c1fe8 containerd",
            "9e073649debe",
            id="Kubernetes, containerd, systemd",
        ),
        pytest.param(
            # https://github.com/elastic/apm-agent-nodejs/issues/3550
            "1:name=systemd:/system.slice/containerd.service/kubepods-burstable-"
            "podff49d"
            "0be_16b7_4a49_bb9e_8ec1f1f4e27f.slice:cri-containerd:0f99ad5f45163e"
            "d14ab8ea"
            "f92ed34bb4a631d007f8755a7d79be614bcb0df0ef\n",
            "pod ff49d0be containerd",
            "0f99ad5f4516",
            id="Kubernetes, containerd, colons",
        ),
        pytest.param(
            # https://github.com/opencontainers/runc/issues/4620
            f"13:freezer:{PODS}-poda5c1f8d5_1919_434d_add7_4afaafdaef89.slice/cr"
            "io-5eed9"
            "17563583925ffdbd40a64efb2aaffe58638e57add8becaf460fe74f5b1c.scope\n"
            "11:files:/"
            "\n",
            "pod a5c1f8d5 cri-o",
            "5eed91756358",
            id="Kubernetes, CRI-O",
        ),
        pytest.param(
            # https://github.com/podman-container-tools/podman/issues/20423
            "0::/user.slice/user-0.slice/user@0.service/machine.slice/libpod-cf2"
            "1d19260ac"
            "e8544fe8b769fc2638bf2c0873dfbfff0b6253f0569b26a1d5eb.scope/container\n",
            "podman",
            "cf21d19260ac",
            id="Podman, cgroup v2",
        ),
        pytest.param(
            # https://github.com/podman-container-tools/podman/issues/10602, shortened
            "1:name=systemd:/machine.slice/libpod-2521e906f0a0c758c3a7dc4fd68c19"
            "7e32e96ab"
            "b4b36807d0b0ede6d014a7c24.scope/init.scope\n",
            "podman",
            "2521e906f0a0",
            id="Podman with systemd inside",
        ),
    ],
)
def test_a_container_is_found(cgroups, kind, short_id):
    assert container_id(cgroups) == short_id
    assert unit_of(cgroups) == Unit(kind, short_id)


@pytest.mark.parametrize(
    "cgroups",
    [
        pytest.param("0::/system.slice/nginx.service\n", id="a service of the host"),
        pytest.param("0::/\n", id="a cgroup namespace"),
        pytest.param("", id="nothing"),
        pytest.param(
            # https://github.com/sustainable-computing-io/kepler/issues/153
            f"1:name=systemd:{PODS}-podb4e8e0dc_caf3_4a43_bf50_f84ef5ef7a8f.slice/crio-"
            "conmon-927cffdca4f374600fe49a62bfd7f2e73ea6d37cdafb1bf8f89afb64d7e6c6a5"
            ".scope\n",
            id="CRI-O's monitor, which is no part of the container",
        ),
        pytest.param(f"0::/x/{'a' * 65}\n", id="one digit too many"),
        pytest.param(f"0::/x/{'a' * 63}\n", id="one digit too few"),
    ],
)
def test_a_process_outside_of_containers_has_no_id(cgroups):
    assert container_id(cgroups) is None


def test_the_innermost_of_nested_containers_counts():
    outer, inner = "a" * 64, "b" * 64
    nested = f"0::/docker/{outer}/kubepods/pod1/{inner}\n"
    assert container_id(nested) == "b" * 12
    assert unit_of(nested) == Unit("container", "b" * 12)
    assert unit_of(f"0::/docker/{outer}/docker/{inner}\n") == Unit("docker", "b" * 12)


def test_the_word_closest_to_the_id_names_the_program():
    path = f"/docker.slice/crio/docker/docker-{'a' * 64}.scope"
    assert unit_of(f"0::{path}\n") == Unit("docker", "a" * 12)


@pytest.mark.parametrize(
    "path, unit",
    [
        ("/system.slice/nginx.service", Unit("", "nginx.service")),
        (
            "/system.slice/system-postgresql.slice/postgresql@14-main.service",
            Unit("", "postgresql@14-main.service"),
        ),
        ("/user.slice/user-0.slice/session-3.scope", Unit("", "session-3.scope")),
        (
            "/user.slice/user-0.slice/user@0.service/app.slice/sync.service",
            Unit("", "sync.service"),
        ),
        ("/system.slice/php.service/worker", Unit("", "php.service")),
        ("/machine.slice/machine-a\\x2db.scope", Unit("", "machine-a-b.scope")),
        ("/lxc.payload.web-7d4f/system.slice/php.service", Unit("lxc", "web-7d4f")),
        ("/lxc/web/user.slice", Unit("lxc", "web")),
        ("/init.scope", None),
        ("/", None),
    ],
)
@pytest.mark.parametrize("hierarchy", ["0::", "8:pids:/\n1:name=systemd:"])
def test_otherwise_the_innermost_unit_is_found(path, unit, hierarchy):
    assert unit_of(f"{hierarchy}{path}\n") == unit


@given(st.text())
def test_any_text_yields_a_short_id_or_none(text):
    found = container_id(text)
    assert found is None or (len(found) == 12 and found in text)
    assert found is None or unit_of(text).name == found
