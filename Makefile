# Thin: everything is in dev.py, which also works where there is no make.
#   make                          the list of commands
#   make test ARGS="-k select"    arguments for pytest

PYTHON ?= python3
COMMANDS := study pages test nightly bench check setup

.PHONY: help $(COMMANDS)

help:
	@$(PYTHON) dev.py --help

$(COMMANDS):
	@$(PYTHON) dev.py $@ $(if $(ARGS),-- $(ARGS))
