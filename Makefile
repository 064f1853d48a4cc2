# Padan. `make help` lists what can be done; each subject is a file in makefiles/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin

# What a target needs to be set up; here, since make expands prerequisites while it reads, and every part names one.
STAMPS := $(VENV)/stamps
SETUP_RUN := $(STAMPS)/run
SETUP_TEST := $(STAMPS)/test
SETUP_BENCH := $(STAMPS)/bench

include $(sort $(wildcard makefiles/*.mk))

.PHONY: help
help: ## list the targets (this text)
	@echo "Padan: make TARGET [NAME=VALUE ...]"
	@sed -nE 's/^([a-z][a-z-]*):[^#]*## (.*)$$/\1\t\2/p' $(sort $(MAKEFILE_LIST)) \
	    | sort -u | awk -F'\t' '{ printf "  %-14s %s\n", $$1, $$2 }'
