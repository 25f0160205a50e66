# Sourced by the scripts beside it. All that they make is in $GUESTS.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
GUESTS=${GUESTS:-${XDG_CACHE_HOME:-$HOME/.cache}/check_ephemeral_port/guests}
mkdir -p "$GUESTS"
# the mirror that apt uses on this machine, which has one of the two forms of the list
mirror=$(cat /etc/apt/sources.list.d/* /etc/apt/sources.list 2>/dev/null |
    sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' | head -1)

need() {
    for tool; do
        command -v "$tool" >/dev/null && continue
        echo "$tool is missing: apt-get install qemu-system-x86 debootstrap cpio kmod" >&2
        exit 125
    done
}

# an initramfs; several can follow one another
pack() (cd "$1" && find . -print0 | cpio --null -o -H newc --quiet)
