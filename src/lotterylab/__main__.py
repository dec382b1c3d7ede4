"""``python -m lotterylab``."""

from lotterylab.cli import program

if __name__ == "__main__":
    raise SystemExit(program())
