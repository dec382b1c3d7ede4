"""Completion in the shell, from the options as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args, get_origin

from lotterylab.asking.catalogue import STUDIES, study_named
from lotterylab.asking.options import Declared, all_lines, lines, option
from lotterylab.commands.table import COMMANDS, OF_A_STUDY, kind_of
from lotterylab.own_code.options import Option


@dataclass(frozen=True, kw_only=True)
class Completion(Declared):
    """Print a completion script: eval "$(lotterylab completion bash)"."""

    shell: Literal["bash", "zsh", "fish"] = option(help="Which shell", positional=True)

    def __call__(self) -> int:
        """Print the script."""
        of_studies = [one for name in STUDIES for one in lines(study_named(name).options) if not one.hidden]
        of = {name: [*all_lines(kind_of(name)), *(of_studies if name in OF_A_STUDY else ())] for name in COMMANDS}
        flags = {name: list(dict.fromkeys(one.flag for one in own if not one.positional)) for name, own in of.items()}
        words = {name: found for name, own in of.items() if (found := _words(own))}
        words |= dict.fromkeys(OF_A_STUDY, tuple(STUDIES))
        print(SCRIPTS[self.shell](flags, words), end="")
        return 0


def _words(own: Iterable[Option]) -> tuple[str, ...]:
    """What may stand without a flag, where it is one of a few words."""
    kinds = [one.type for one in own if one.positional]
    return tuple(word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind))


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
