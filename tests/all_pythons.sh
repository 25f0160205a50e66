#!/bin/sh
# The suite on every Python from 3.9 up, each in a virtual environment of its own.
# The arguments are the make command and those of pytest. A line for each; fails if any of
# them failed.
set -u
make=$1
shift
failed=0
seen=' '
for minor in $(seq 9 30); do
    for python in "python3.$minor" "$HOME/.pyenv/versions/3.$minor".*/bin/python3; do
        # what is on PATH may be a wrapper without a Python behind it
        "$python" -c 'import venv' >/dev/null 2>&1 || continue
        case $seen in *" $minor "*) continue ;; esac
        seen="$seen$minor "
        log=$(mktemp)
        venv=.venv-3.$minor
        if "$make" PYTHON="$python" VENV="$venv" "$venv/.installed-test" >"$log" 2>&1 &&
            "$venv/bin/python" -m pytest "$@" >>"$log" 2>&1; then
            echo "Python 3.$minor: $(tail -n 1 "$log")"
        else
            echo "Python 3.$minor: FAILED"
            cat "$log"
            failed=1
        fi
        rm -f "$log"
    done
done
exit $failed
