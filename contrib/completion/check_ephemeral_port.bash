# bash: completion of the options of check_ephemeral_port.
#
# Goes to: /usr/share/bash-completion/completions/check_ephemeral_port
# (or anywhere that bash sources at its start).
#
# Made by `make generated` from the options of the program.

_check_ephemeral_port()
{
    local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}
    # readline takes the '=' of --option=value for a word of its own
    [[ $current == "=" ]] && current=
    [[ $option == "=" ]] && option=${COMP_WORDS[COMP_CWORD - 2]}
    COMPREPLY=()
    case $option in
        --protocol)
            mapfile -t COMPREPLY < <(compgen -W "tcp udp all" -- "$current")
            return
            ;;
        --netns)
            compopt -o filenames
            mapfile -t COMPREPLY < <(
                [[ $current == */* ]] || cd /run/netns 2>/dev/null || exit
                compgen -f -- "$current"
            )
            return
            ;;
        --sampler)
            mapfile -t COMPREPLY < <(compgen -W "auto psutil sock_diag" -- "$current")
            return
            ;;
        --probe)
            mapfile -t COMPREPLY < <(compgen -W "always auto never" -- "$current")
            return
            ;;
        --state-file)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --expect)
            mapfile -t COMPREPLY < <(compgen -W "free used listening open closed filtered" -- "$current")
            return
            ;;
        --recorder)
            mapfile -t COMPREPLY < <(compgen -W "on off status" -- "$current")
            return
            ;;
        -w | --warning | -c | --critical | --free-warning | --free-critical | --bind-warning | --bind-critical | --fast-warning | --fast-critical | --eta-warning | --eta-critical | --failed-warning | --failed-critical | -d | --destination | --source | -p | --port | -H | --hostname | --recorder-group | --top | -t | --timeout)
            return # any text
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "-w --warning -c --critical --free-warning --free-critical --bind-warning --bind-critical --fast-warning --fast-critical --eta-warning --eta-critical --failed-warning --failed-critical -d --destination --source --protocol --netns --all-netns --sampler --probe --state-file -p --port -H --hostname -4 -6 --expect --recorder --recorder-group --no-advice --top -v --verbose -t --timeout --exit-ok -V --version -h --help" -- "$current")
}

complete -F _check_ephemeral_port check_ephemeral_port
