# What a developer does here, by name. Each recipe is what one would type.

.PHONY: help run test soak release bench lint format clippy docs shell

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: ## Start the sandbox: a small bank behind the gateway, with a portal
	cargo run --locked --release -- sandbox

test: ## Run every test; installs what they need and says so
	@tests/run.sh

soak: ## Everything at once for half an hour (SCOPEGATE_SOAK_SECONDS); `make test` first, it installs what this needs
	@test -n "$$SCOPEGATE_BIN" || cargo build --locked --release
	SCOPEGATE_BIN="$${SCOPEGATE_BIN:-target/release/scopegate}" node tests/e2e/soak.mjs

release: ## Build target/release/scopegate, optimised by a profile of itself; `cargo build --release` builds it without
	@deploy/release/build.sh

bench: ## Measure the stages, the whole path, and all of it beside other proxies: a quarter of an hour
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
shell: SCRIPTS = tests/*.sh .ci/run .ci/dependencies deploy/compose/demo.sh deploy/release/build.sh
shell:
	@for script in $(SCRIPTS); do bash -n "$$script" || exit 1; done
	@if command -v shellcheck >/dev/null; then shellcheck $(SCRIPTS); else echo "shellcheck is not installed: scripts were parsed only"; fi
