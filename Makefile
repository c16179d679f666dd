# Commands for developers. `make` alone lists them; all tools are installed on first use (see .ci/install).

.DEFAULT_GOAL := help
SECONDS ?= 600

.PHONY: help run test screenshots bench hostile chaos days cluster soak build lint openapi clean

TARGET := $(abspath $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target))
# rustup's own directory may not be on the PATH yet; tools installed for the tests come first.
export PATH := $(TARGET)/tools:$(PATH):$(HOME)/.cargo/bin

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Install what is missing, build quickly and start the server; `make build` is for servers that stay
	@.ci/install run
	@cargo run --locked --profile quick -- serve

test: ## Install what the tests need and run all of them
	@.ci/install test
	cargo test --locked

screenshots: ## Show every page in Chromium and take the documents' pictures anew
	@.ci/install test
	cargo test --locked --test it web::pages::
	@for picture in tests/browser/screenshots/*.png; do cp $(TARGET)/screenshots/$${picture##*/} $$picture; done

bench: ## Measure everything beside its limit and write benches/RESULTS.md; or some: make bench WORKLOADS="reads writes"
	@.ci/install bench
	cargo bench --locked --bench limits -- $(WORKLOADS)

hostile: ## Attack the server while honest clients work and write benches/HOSTILE.md; or a little: make hostile ATTACKS="taken-address"
	@.ci/install hostile
	cargo bench --locked --bench hostile -- $(ATTACKS)

chaos: ## Torment three nodes on two databases and write benches/CHAOS.md; or a little: make chaos ROUNDS=2 FAULTS="freeze stall"
	@.ci/install chaos
	cargo bench --locked --bench chaos -- $(if $(ROUNDS),rounds=$(ROUNDS)) $(FAULTS)

days: ## Play an operator's worst days on the release binary and write benches/DAYS.md
	@.ci/install test
	@rm -rf $(TARGET)/tmp/days
	cargo test --locked --release --test it days:: -- --test-threads=1
	@cat benches/days.md $(TARGET)/tmp/days/*.md > benches/DAYS.md

cluster: ## Start three nodes, nginx and two databases here, until Ctrl-C
	@.ci/install chaos
	@cargo bench --locked --quiet --bench chaos -- cluster

soak: ## Rotate keys every few seconds under the eyes of jose: make soak SECONDS=600
	@.ci/install test
	@.ci/install build
	cargo build --locked --release
	@.ci/soak $(SECONDS)

build: ## Build in release
	@.ci/install build
	cargo build --locked --release

lint: ## Check formatting, clippy and rustdoc, with warnings denied
	@.ci/install build
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

openapi: ## Write the OpenAPI document to openapi/openapi.json
	@.ci/install build
	@mkdir -p openapi
	cargo run --locked --quiet -- openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json

clean: ## Remove what was built and installed here; the data directory stays
	cargo clean
	rm -rf tests/clients/node_modules tests/browser/node_modules tests/postgres/node_modules
