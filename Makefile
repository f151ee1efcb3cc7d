# make setup | demo | test | bench | lint | compose-demo
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
