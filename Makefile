# What a developer does here, by name. Each recipe is what one would type.

.PHONY: help run test bench lint format clippy docs shell

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: ## Start the sandbox: a small bank behind the gateway, with a portal
	cargo run --locked --release -- sandbox

test: ## Run every test; installs what they need and says so
	@tests/run.sh

bench: ## Measure the stages and the whole path
	cargo bench --locked

lint: format clippy docs shell ## Check form, code, documentation and scripts

format:
	cargo fmt --check
	cargo fmt --check --manifest-path tests/audit/Cargo.toml
	cargo fmt --check --manifest-path tests/fuzz/Cargo.toml

clippy:
	cargo clippy --locked --all-targets --all-features -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features --document-private-items

# shellcheck is welcome where it is installed; the syntax is checked everywhere.
shell:
	@for script in tests/*.sh .ci/run .ci/dependencies; do bash -n "$$script" || exit 1; done
	@if command -v shellcheck >/dev/null; then shellcheck tests/*.sh .ci/run .ci/dependencies; else echo "shellcheck is not installed: scripts were parsed only"; fi
