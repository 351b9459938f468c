# Two commands: `sudo ./vauban up examples/cloud-ids` runs it, `sudo ./test/run` (or `sudo make test`) proves it.
.PHONY: test unit check

test: ## Sets everything up and runs every test; without root the unit tests run and it says what was left out.
	./test/run

unit:
	./vauban --version >/dev/null && ./test/run unit

check: ## Types, lint, unit tests and generated files, in under a minute.
	./test/run check
