"""``python -m lotterylab``."""

from lotterylab.commands.main import program

if __name__ == "__main__":
    raise SystemExit(program())
