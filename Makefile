# tandem: `make run` for a first call, `make test` for everything CI runs.

SHELL      := /bin/bash
.DEFAULT_GOAL := help
GO         ?= go
BIN        := bin
TOOLS      := $(CURDIR)/$(BIN)/tools
LINT       := $(TOOLS)/golangci-lint
LINT_VERSION := v2.15.0
FUZZTIME   ?= 5s
BENCHTIME  ?= 1s
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT     ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS    := -X main.version=$(VERSION) -X main.commit=$(COMMIT)
PREFIX     ?= /usr
DESTDIR    ?=

# What building (gcc: SQLite), running (espeak-ng) and testing (the rest) need.
PACKAGES := gcc libc6-dev git ca-certificates espeak-ng \
	sip-tester baresip-core sipsak sox systemd

.PHONY: help
help: ## what there is to make
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install the Debian packages that building, running and testing need
	@deploy/setup.sh $(PACKAGES)

.PHONY: build
build: ## bin/tandem and bin/tandem-voice
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/tandem ./cmd/tandem
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/tandem-voice ./cmd/tandem-voice

.PHONY: run
run: setup build ## set up, build, and answer calls with examples/demo.yaml
	@echo
	@echo 'In a second terminal:  bin/tandem call --say "hello" --digits "1" --record heard.wav sip:100@127.0.0.1:5060'
	@echo
	$(BIN)/tandem serve -c examples/demo.yaml

.PHONY: test
test: setup build check race fuzz e2e ## everything CI runs

.PHONY: check
check: fmt-check vet lint ## format, vet, lint

.PHONY: fmt
fmt: ## format the code
	gofmt -w $$(git ls-files '*.go')

.PHONY: fmt-check
fmt-check:
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "not formatted (make fmt):"; echo "$$out"; exit 1; fi

.PHONY: vet
vet:
	$(GO) vet ./...
	$(GO) vet -tags e2e ./cmd/tandem/e2e

$(LINT):
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

.PHONY: lint
lint: $(LINT) ## golangci-lint
	$(LINT) run ./...

.PHONY: race
race: ## unit tests with the race detector
	$(GO) test -race -timeout 15m ./...

.PHONY: e2e
e2e: build ## end-to-end tests: the built binary against SIPp and baresip
	TANDEM_BIN=$(CURDIR)/$(BIN)/tandem $(GO) test -tags e2e -count=1 -timeout 20m ./cmd/tandem/e2e

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each
	@deploy/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: build ## the figures of docs/benchmarks.md
	$(GO) test -run '^$$' -bench . -benchtime $(BENCHTIME) ./codec ./media/... ./sip/... ./flow/...
	TANDEM_BIN=$(CURDIR)/$(BIN)/tandem $(GO) test -tags e2e -count=1 -timeout 30m -run '^$$' -bench . -benchtime 1x ./cmd/tandem/e2e

.PHONY: install
# Under sudo there is often no Go in PATH: what is built already is installed.
install: $(if $(shell command -v $(GO)),build) ## install under DESTDIR and PREFIX, with the systemd unit
	DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) deploy/install.sh

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN) tmp
