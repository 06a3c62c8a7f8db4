# Annex. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Without the C library all of a worker's threads can be put behind Landlock, and the binary
# runs everywhere. The race detector alone needs it.
export CGO_ENABLED := 0

BIN    := bin/annex
BOARD  := examples/apps/board
ASSETS := internal/assets/dist/sdk.js internal/assets/dist/cldr.bin $(BOARD)/static/index.html
WEBSRC := $(shell find web/packages internal/assets -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
GOSRC  := $(shell find . -name '*.go' -not -path './web/*' -not -path './bench/node_modules/*' 2>/dev/null)
# What is embedded beside sources: pages and their styles.
PAGES  := $(shell find internal/edge/console internal/edge/shell internal/edge/ask examples -path '*/node_modules' -prune -o -path '*/pages/*' -type f -print -o -path '*/static/*' -type f -print 2>/dev/null)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*?## "} {printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: demo
demo: build ## Build and start the platform with the Tracker product and sample apps (Ctrl-C stops it)
	$(BIN) demo $(DEMO_FLAGS)

.PHONY: build
build: $(BIN) ## Build bin/annex with its embedded engine and SDK

$(BIN): $(ASSETS) $(GOSRC) $(PAGES) go.mod go.sum $(wildcard cmd/annex/default.pgo)
	go build -trimpath -ldflags "-X github.com/annexhq/annex.version=$(VERSION)" -o $@ ./cmd/annex

.PHONY: assets
assets: $(ASSETS) ## Build the embedded engine and SDK

# What is as it was is not written again: the time says that all was looked at.
internal/assets/dist/sdk.js: web/node_modules/.done $(WEBSRC)
	go run ./internal/assets/build
	@touch $@

# What is known of the world's locales, made anew only when its sources or its maker change.
internal/assets/dist/cldr.bin: internal/assets/cldr/node_modules/.done $(wildcard internal/assets/cldr/*.go internal/infra/intl/cldr/*.go)
	go run ./internal/assets/cldr

internal/assets/cldr/node_modules/.done: internal/assets/cldr/package.json internal/assets/cldr/package-lock.json | tools-present
	scripts/packages internal/assets/cldr
	@touch $@

# The sample whose pages are built, with the tools that its own package.json names.
$(BOARD)/static/index.html: $(BOARD)/ui/node_modules/.done $(wildcard $(BOARD)/ui/* $(BOARD)/ui/src/*)
	npm --prefix $(BOARD)/ui run build --silent

$(BOARD)/ui/node_modules/.done: $(BOARD)/ui/package.json $(BOARD)/ui/package-lock.json | tools-present
	scripts/packages $(BOARD)/ui --ignore-scripts
	@touch $@

web/node_modules/.done: web/package.json web/package-lock.json | tools-present
	scripts/packages web
	@touch $@

.PHONY: tools-present
tools-present:
	@scripts/require go node npm gcc

.PHONY: test
test: build vet test-web test-go ## Run all tests (unit, both databases, stories, attacks)

.PHONY: test-deps
test-deps:
	@scripts/require go node npm gcc postgres

.PHONY: vet
vet: assets ## go vet and staticcheck
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...

.PHONY: test-web
test-web: web/node_modules/.done ## Tests of the JavaScript that apps see
	npm --prefix web test --silent

# What runs worker processes or the engine is tested without the race detector: the
# worker would be built with it too, and is one goroutine; so are the rules (core), which
# start none, the manifest, and what only reads the source. `make race` runs all with it.
PLAIN = $(shell go list ./internal ./internal/core/... ./manifest/... ./internal/infra/jsvm/... ./internal/feature/runtime/... ./internal/assets/... ./test/... | grep -v /test/attack)
RACED = $(filter-out $(PLAIN) %/test/attack %/test/attack/red %/bench/inside,$(shell go list ./...))

.PHONY: test-go
test-go: build test-deps test/protocol/node_modules/.done ## Go tests, with the race detector where it can say something
	CGO_ENABLED=1 go test -vet=off -race $(RACED)
	go test -vet=off -timeout 20m ./test/attack $(PLAIN) # the one that takes longest first; make vet has looked at all

.PHONY: race
race: build test-deps test/protocol/node_modules/.done ## All Go tests with the race detector (long)
	CGO_ENABLED=1 go test -race -timeout 60m ./...

.PHONY: attack
attack: attack-suite attack-hostile attack-canary ## The attack suite, and a million calls that look for each other's traces (ATTACK_JSON=FILE)

.PHONY: bench-ui
bench-ui: build test-deps test/browser/node_modules/.done ## What people wait for in a browser, and what UI Kit's events, parked sessions and policies cost (SESSIONS=100, BENCH_UI_JSON=FILE)
	@scripts/require chromium
	cd test/browser && BENCH_UI_JSON='$(if $(BENCH_UI_JSON),$(abspath $(BENCH_UI_JSON)))' node bench.js
	go test -run '^$$' -bench 'Event' -benchtime 200x ./test/uikit
	ANNEX_UI_SESSIONS=$(SESSIONS) go test -run '^$$' -bench 'Parked' -benchtime 1x -timeout 60m ./test/uikit
	go test -run '^$$' -bench . ./internal/core/csp

.PHONY: pictures
pictures: build test/browser/node_modules/.done ## The pictures of the demo in README and docs, made anew
	@scripts/require chromium
	cd test/browser && PICTURES='$(abspath docs/img)' node pictures.js

.PHONY: attack-suite
attack-suite: build test-deps ## The attack suite: one file per "cannot", with a short run of the canaries
	go test -count=1 ./test/attack/...

.PHONY: attack-hostile
attack-hostile: build test-deps ## Every row of the table of hostile apps; writes docs/hostile.md
	ANNEX_HOSTILE=all ANNEX_HOSTILE_TABLE='$(abspath docs/hostile.md)' go test -count=1 -timeout 30m -run '^TestAttackStopNeighbours$$' ./test/attack

# The faults that the canaries must find are removals of guards, each in a copy of the tree.
.PHONY: attack-canary
attack-canary: build test-deps ## CALLS (1000000) calls over 108 installations find no trace of each other, and each planted fault (ATTACK_JSON=FILE)
	ANNEX_CANARY_CALLS=$(or $(CALLS),1000000) ATTACK_JSON='$(abspath $(ATTACK_JSON))' go test -count=1 -timeout 120m -run '^TestCanary$$' -v ./test/attack
	go test -count=1 -run '^TestCanaryMemory$$' ./internal/infra/jsvm
	go run ./test/attack/red -run '^canary-' -json '$(abspath $(ATTACK_JSON))'

.PHONY: attack-red
attack-red: assets test/browser/node_modules/.done ## Remove each guard in turn and show that its attack test turns red (an hour or two; RUN=REGEXP for some)
	@scripts/require chromium
	go run ./test/attack/red -limit 5h $(if $(RUN),-run "$(RUN)")

.PHONY: prove
prove: assets ## PAIRS (1000000) random pairs of manifests: what is said of growth is what the decisions say (PROVE_SEED repeats a run)
	PROVE_PAIRS=$(or $(PAIRS),1000000) GOGC=400 go test -count=1 -v -timeout 12h -run '^TestProve$$' ./manifest

.PHONY: test-browser
test-browser: build test/browser/node_modules/.done test/providers/node_modules/.done ## The product and hostile apps in a real browser (BROWSER_JSON=FILE, EXFIL_TABLE=docs/exfiltration.md)
	@scripts/require chromium openssl
	cd test/browser && EXFIL_JSON='$(if $(BROWSER_JSON),$(abspath $(BROWSER_JSON)).exfil)' EXFIL_TABLE='$(abspath $(EXFIL_TABLE))' node --test --test-reporter=spec --test-reporter-destination=stdout \
		$(if $(BROWSER_JSON),--test-reporter=./json.js --test-reporter-destination='$(abspath $(BROWSER_JSON))')
	$(if $(BROWSER_JSON),rm -f '$(abspath $(BROWSER_JSON)).exfil')

test/browser/node_modules/.done: test/browser/package.json test/browser/package-lock.json
	scripts/packages test/browser
	@touch $@

# A second verifier of the platform's tokens, in another language.
.PHONY: test-providers
test-providers: build test-deps test/providers/node_modules/.done ## An account at npm's oidc-provider, renewed by two server processes at the same time
	go test -count=1 ./test/providers

.PHONY: test-mcp
test-mcp: build test/mcp/node_modules/.done ## The official client of the Model Context Protocol for Node is let in and has an app do something
	ANNEX_MCP_CLIENT=1 go test -count=1 -run '^TestOfficialClient$$' ./test/attack

test/mcp/node_modules/.done: test/mcp/package.json test/mcp/package-lock.json
	scripts/packages test/mcp --ignore-scripts
	@touch $@

test/providers/node_modules/.done: test/providers/package.json test/providers/package-lock.json
	scripts/packages test/providers --ignore-scripts
	@touch $@

test/protocol/node_modules/.done: test/protocol/package.json test/protocol/package-lock.json
	scripts/packages test/protocol --ignore-scripts
	@touch $@

.PHONY: compat
compat: build test/compat/node_modules/.done ## The npm packages of docs/compat.md, each at a job in the engine
	ANNEX_COMPAT=1 go test -count=1 ./test/compat $(COMPAT_FLAGS)

test/compat/node_modules/.done: test/compat/package.json test/compat/package-lock.json
	scripts/packages test/compat --ignore-scripts
	@touch $@

.PHONY: test-crash
test-crash: build test-deps ## kill -9 at CRASH_KILLS (500) moments of each database: nothing acknowledged is lost (CRASH_JSON=FILE)
	ANNEX_CRASH_KILLS=$(or $(CRASH_KILLS),500) CRASH_JSON=$(abspath $(CRASH_JSON)) go test -count=1 -v -timeout 180m -run Crash ./test/crash/...

# Gitea is built by examples/gitea/start, once.
GITEA := /tmp/annex-gitea
.PHONY: test-gitea
test-gitea: build ## A product that nobody here wrote: builds Gitea (minutes, once), and its story
	@scripts/require go gcc
	mkdir -p $(GITEA) && chmod 755 $(GITEA)
	examples/gitea/build $(GITEA)
	ANNEX_GITEA='$(GITEA)' go test -count=1 -timeout 20m -v ./test/gitea

.PHONY: conformance
conformance: build ## Web platform tests and test262 (fetches them; docs/conformance.md)
	scripts/conformance

.PHONY: bench
bench: build test-deps bench/node_modules/.done test/browser/node_modules/.done ## The benchmarks of docs/bench.md (ONLY=PART, BENCH_JSON=FILE writes the figures)
	go run ./bench $(if $(ONLY),-only $(ONLY)) $(if $(BENCH_JSON),-json $(BENCH_JSON))

.PHONY: profile
profile: build bench/node_modules/.done ## Take the profile that the compiler is given, cmd/annex/default.pgo, on a quiet machine
	scripts/profile

bench/node_modules/.done: bench/package.json bench/package-lock.json
	scripts/packages bench --ignore-scripts
	@touch $@

.PHONY: apps
apps: assets ## Public apps, fetched into the folder APPS, answer as expected (APPS_JSON=FILE writes what happened)
	@test -n "$(or $(APPS),$(ANNEX_REAL_APPS))" || { echo "make apps APPS=FOLDER: the folder that the apps of docs/compat.md were fetched into, one folder each"; exit 1; }
	ANNEX_REAL_APPS="$(or $(APPS),$(ANNEX_REAL_APPS))" APPS_JSON="$(if $(APPS_JSON),$(abspath $(APPS_JSON)))" go test ./test/apps -count=1 -v -timeout 30m -update

.PHONY: apps-ui
apps-ui: build test/browser/node_modules/.done ## The same apps' pages in the product, in a browser: clicked, typed, reloaded (PICTURES=FOLDER keeps pictures)
	@test -n "$(or $(APPS),$(ANNEX_REAL_APPS))" || { echo "make apps-ui APPS=FOLDER: the folder that the apps of docs/compat.md were fetched into, one folder each"; exit 1; }
	@scripts/require chromium npm
	ANNEX_APPS_UI="$(abspath $(or $(APPS),$(ANNEX_REAL_APPS)))" PICTURES="$(if $(PICTURES),$(abspath $(PICTURES)))" go test ./test/apps -count=1 -v -timeout 60m -run '^TestRealAppsFaces$$' -update

.PHONY: fuzz
fuzz: assets ## Run each fuzz target for FUZZTIME (default 20s)
	scripts/fuzz $(or $(FUZZTIME),20s)

.PHONY: lint
lint: vet ## All linters
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin $(BOARD)/static internal/assets/dist/*.js internal/assets/dist/*.json internal/assets/dist/*.css internal/assets/dist/*.wasm internal/assets/dist/*.bin
