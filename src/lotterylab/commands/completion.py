"""The command that prints a completion script for a shell, made from the options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args, get_origin

from lotterylab.asking.catalogue import STUDIES, study_named
from lotterylab.asking.options import Declared, all_lines, lines, option
from lotterylab.commands.table import COMMANDS, FORMS, OF_A_STUDY, kind_of
from lotterylab.own_code.options import Option


@dataclass(frozen=True, kw_only=True)
class Completion(Declared):
    """Print a completion script: eval "$(lotterylab completion bash)"."""

    shell: Literal["bash", "zsh", "fish"] = option(help="The shell", positional=True)

    def __call__(self) -> int:
        """Print the script."""
        of_studies = [line for name in STUDIES for line in lines(study_named(name).options) if not line.hidden]
        of = {name: [*all_lines(kind_of(name)), *(of_studies if name in OF_A_STUDY else ())] for name in COMMANDS}
        flags = {name: list(dict.fromkeys([*_flags(options), *_flags_of_forms(name)])) for name, options in of.items()}
        words = {name: choices for name, options in of.items() if (choices := _words(options))}
        words |= dict.fromkeys(OF_A_STUDY, tuple(STUDIES))
        print(SCRIPTS[self.shell](flags, words), end="")
        return 0


def _flags(options: Iterable[Option]) -> Iterator[str]:
    return (option.flag for option in options if not option.positional)


def _flags_of_forms(command: str) -> Iterator[str]:
    """Yield the flags that ask for another form of a command, and the flags of that form."""
    for form in FORMS.get(command, ()):
        if form.startswith("-"):
            yield from (form, *_flags(all_lines(kind_of(command, form))))


def _words(options: Iterable[Option]) -> tuple[str, ...]:
    """Return the words that may stand without a flag, if they are a choice of a few."""
    kinds = [option.type for option in options if option.positional]
    return tuple(word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind))


def bash(flags: Mapping[str, list[str]], words: Mapping[str, tuple[str, ...]]) -> str:
    """Return the script for bash, which completes commands, then studies, then options, then files."""
    cases = "\n".join(
        f'    {name}) words="{" ".join((*words.get(name, ()), *of_command))}" ;;' for name, of_command in flags.items()
    )
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
    """Return the script for zsh, which can read bash's completion."""
    return f"autoload -U +X compinit && compinit -u\nautoload -U +X bashcompinit && bashcompinit\n{bash(flags, words)}"


def fish(flags: Mapping[str, list[str]], words: Mapping[str, tuple[str, ...]]) -> str:
    """Return the script for fish, with one line for each word."""
    lines = [f"complete -c lotterylab -n __fish_use_subcommand -a '{' '.join(flags)}' -f"]
    for name, of_command in flags.items():
        within = f"complete -c lotterylab -n '__fish_seen_subcommand_from {name}'"
        lines += [f"{within} -a '{' '.join(words[name])}'"] if name in words else []
        lines += [f"{within} -l {flag.removeprefix('--')}" for flag in of_command]
    return "\n".join(lines) + "\n"


SCRIPTS = {"bash": bash, "zsh": zsh, "fish": fish}
