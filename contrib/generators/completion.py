"""Completion of the command line in bash, zsh and fish."""

import re

from .options import Option, options

NAMESPACES = "/run/netns"
"""The folder with the names of ``ip netns``."""

BASH = """\
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
BASH_CASE = """\
        {pattern})
            {complete}
            return
            ;;
"""
BASH_FILES = """\
compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")"""
BASH_NAMESPACES = f"""\
compopt -o filenames
            mapfile -t COMPREPLY < <(
                [[ $current == */* ]] || cd {NAMESPACES} 2>/dev/null || exit
                compgen -f -- "$current"
            )"""

ZSH = """\
#compdef check_ephemeral_port
# zsh: completion of the options of check_ephemeral_port.
#
# Goes to: /usr/local/share/zsh/site-functions/_check_ephemeral_port
# (or any folder in fpath).
#
# Made by `make generated` from the options of the program.

_check_ephemeral_port_namespaces()
{{
    local -a names=({namespaces}/*(N:t))
    _alternative 'names:network namespace:compadd -a names' 'files:path:_files'
}}

_arguments -s -S \\
{specs}
"""

FISH = """\
# fish: completion of the options of check_ephemeral_port.
#
# Goes to: /usr/local/share/fish/vendor_completions.d/check_ephemeral_port.fish
# (or ~/.config/fish/completions).
#
# Made by `make generated` from the options of the program.

complete -c check_ephemeral_port -f
{lines}
"""


def bash() -> str:
    """The file for bash."""
    flags = " ".join(flag for option in options() for flag in option.flags)
    listed = [option for option in options() if option.takes_value]
    free = [option for option in listed if not _bash_values(option)]
    cases = "".join(
        BASH_CASE.format(pattern=_pattern(option), complete=_bash_values(option))
        for option in listed
        if _bash_values(option)
    )
    return BASH.format(cases=cases, free=_pattern(*free), flags=flags)


def _bash_values(option: Option) -> str:
    if option.choices:
        words = " ".join(option.choices)
        return f'mapfile -t COMPREPLY < <(compgen -W "{words}" -- "$current")'
    if option.takes_namespace:
        return BASH_NAMESPACES
    return BASH_FILES if option.takes_path else ""


def _pattern(*alternatives: Option) -> str:
    return " | ".join(flag for option in alternatives for flag in option.flags)


def zsh() -> str:
    """The file for zsh."""
    specs = [spec for option in options() for spec in _zsh_specs(option)]
    lines = " \\\n".join(f"    {spec}" for spec in specs)
    return ZSH.format(namespaces=NAMESPACES, specs=lines)


def _zsh_specs(option: Option) -> list[str]:
    others = ""
    if option.repeatable or option.counted:
        others = "*"
    elif len(option.flags) > 1:
        others = f"({' '.join(option.flags)})"
    summary = _zsh_text(option.summary)
    return [
        _quoted(f"{others}{_zsh_flag(flag, option)}[{summary}]{_zsh_values(option)}")
        for flag in option.flags
    ]


def _zsh_flag(flag: str, option: Option) -> str:
    if not option.takes_value:
        return flag
    return f"{flag}=" if flag.startswith("--") else f"{flag}+"


def _zsh_values(option: Option) -> str:
    if option.choices:
        colon = "::" if option.value_is_optional else ":"
        return f"{colon}{option.name}:({' '.join(option.choices)})"
    if option.takes_namespace:
        return ":namespace:_check_ephemeral_port_namespaces"
    if option.takes_path:
        return ":path:_files"
    return f":{_zsh_text(option.metavar)}: " if option.metavar else ""


def _zsh_text(text: str) -> str:
    return re.sub(r"[][:]", r"\\\g<0>", text)


def fish() -> str:
    """The file for fish."""
    return FISH.format(lines="\n".join(map(_fish_line, options())))


def _fish_line(option: Option) -> str:
    words = ["complete -c check_ephemeral_port"]
    for flag in option.flags:
        kind = "-l" if flag.startswith("--") else "-s"
        words.append(f"{kind} {flag.lstrip('-')}")
    words += [*_fish_values(option), f"-d {_quoted(option.summary)}"]
    return " ".join(words)


def _fish_values(option: Option) -> list[str]:
    if option.choices:
        return [f"-xa {_quoted(' '.join(option.choices))}"]
    if option.takes_namespace:
        return [f"-rFa '(command ls {NAMESPACES} 2>/dev/null)'"]
    if option.takes_path:
        return ["-rF"]
    return ["-x"] if option.takes_value else []


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
