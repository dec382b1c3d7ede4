"""Completion in the shell, from the options as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args, get_origin

import tyro

from lotterylab.commands.fields import Option, options
from lotterylab.commands.table import COMMANDS, OF_A_STUDY, STUDIES, kind_of


@dataclass(frozen=True, kw_only=True)
class Completion:
    """Print a completion script: eval "$(lotterylab completion bash)"."""

    shell: Annotated[Literal["bash", "zsh", "fish"], tyro.conf.Positional]
    """bash, zsh or fish."""

    def __call__(self) -> int:
        """Print the script."""
        of = {name: options(kind_of(name)) for name in COMMANDS}
        flags = {name: [option.flag for option in own if not option.positional] for name, own in of.items()}
        words = {name: found for name, own in of.items() if (found := _words(own))} | dict.fromkeys(OF_A_STUDY, STUDIES)
        print(SCRIPTS[self.shell](flags, words), end="")
        return 0


def _words(own: Iterable[Option]) -> tuple[str, ...]:
    """What may stand without a flag, where it is one of a few words."""
    hints = [option.hint for option in own if option.positional]
    return tuple(word for hint in hints if get_origin(hint) is Literal for word in get_args(hint))


def bash(flags: Mapping[str, list[str]], words: Mapping[str, tuple[str, ...]]) -> str:
    """For bash: commands, then studies, then options, then files."""
    cases = "\n".join(f'    {name}) words="{" ".join((*words.get(name, ()), *own))}" ;;' for name, own in flags.items())
    return f"""\
_lotterylab() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="{" ".join(flags)}"
  else
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ "${{#COMPREPLY[@]}}" -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}}
complete -F _lotterylab lotterylab
"""


def zsh(flags: Mapping[str, list[str]], words: Mapping[str, tuple[str, ...]]) -> str:
    """For zsh, by its own reading of bash's completion."""
    return f"autoload -U +X compinit && compinit -u\nautoload -U +X bashcompinit && bashcompinit\n{bash(flags, words)}"


def fish(flags: Mapping[str, list[str]], words: Mapping[str, tuple[str, ...]]) -> str:
    """For fish: one line for each word."""
    lines = [f"complete -c lotterylab -n __fish_use_subcommand -a '{' '.join(flags)}' -f"]
    for name, own in flags.items():
        within = f"complete -c lotterylab -n '__fish_seen_subcommand_from {name}'"
        lines += [f"{within} -a '{' '.join(words[name])}'"] if name in words else []
        lines += [f"{within} -l {flag.removeprefix('--')}" for flag in own]
    return "\n".join(lines) + "\n"


SCRIPTS = {"bash": bash, "zsh": zsh, "fish": fish}
