"""``python -m lotterylab``."""

from lotterylab.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
