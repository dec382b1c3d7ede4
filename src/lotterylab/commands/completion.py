"""Completion in the shell, from the options as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True, kw_only=True)
class Completion:
    """Print a completion script: eval "$(lotterylab completion bash)"."""

    shell: Annotated[Literal["bash", "zsh", "fish"], tyro.conf.Positional]
    """bash, zsh or fish."""

    def __call__(self) -> int:
        """Print the script."""
        from lotterylab.cli import COMMANDS, OF_A_STUDY, STUDIES, kind_of
        from lotterylab.commands.fields import options

        flags = {name: [option.flag for option in options(kind_of(name)) if not option.positional] for name in COMMANDS}
        print(SCRIPTS[self.shell](flags, dict.fromkeys(OF_A_STUDY, STUDIES)), end="")
        return 0


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
