"""Completion of the command line in bash."""

from .options import Option, options

TEXT = """\
# bash: completion of the options of check_ephemeral_port.
#
# Goes to: /usr/share/bash-completion/completions/check_ephemeral_port
# (or anywhere that bash sources at its start).
#
# Made by `make generated` from the options of the program.

_check_ephemeral_port()
{{
    local current=${{COMP_WORDS[COMP_CWORD]}} option=${{COMP_WORDS[COMP_CWORD - 1]}}
    # readline takes the '=' of --option=value for a word of its own
    [[ $current == "=" ]] && current=
    [[ $option == "=" ]] && option=${{COMP_WORDS[COMP_CWORD - 2]}}
    COMPREPLY=()
    case $option in
{cases}\
        {free})
            return # any text
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "{flags}" -- "$current")
}}

complete -F _check_ephemeral_port check_ephemeral_port
"""


def completion() -> str:
    """The file."""
    flags = " ".join(flag for option in options() for flag in option.flags)
    free = [o for o in options() if o.takes_value and not o.choices]
    cases = "".join(_case(option) for option in options() if option.choices)
    return TEXT.format(cases=cases, free=_pattern(*free), flags=flags)


def _case(option: Option) -> str:
    words = " ".join(option.choices)
    return f"""\
        {_pattern(option)})
            mapfile -t COMPREPLY < <(compgen -W "{words}" -- "$current")
            return
            ;;
"""


def _pattern(*alternatives: Option) -> str:
    return " | ".join(flag for option in alternatives for flag in option.flags)
