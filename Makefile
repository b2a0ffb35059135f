# `make run`, `make demo` and `make test` need only Go. `make lint` and `make integration` install their tools.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
# Without Gin's support for MessagePack, which nobody uses: a sixth of the binary. Without the debug pages of gRPC, which nobody sees: with their
# templates, the linker keeps all exported methods, a fifth of the rest.
TAGS     := nomsgpack,grpcnotrace
LDFLAGS  := -s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)

GOLANGCI_VERSION := v2.15.0
TOOLS            := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dora-exporter/tools
GOLANGCI         := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
OTELCOL_VERSION  := v0.165.0
OTELCOL          := $(TOOLS)/otelcol-$(OTELCOL_VERSION)
VICTORIA_VERSION := v1.140.0
VICTORIA_METRICS := $(TOOLS)/victoria-metrics-$(VICTORIA_VERSION)

.PHONY: run demo build image test race integration lint bench bench-postgres bench-scale profile torture cover clean

## run: build and start the exporter with config.yml
run: build
	./dora-exporter -config.file=config.yml

## demo: the exporter with made-up data; ARGS are flags of dora-demo, such as ARGS=-once
demo: build
	go run ./cmd/dora-demo $(ARGS)

## build: one static binary, ./dora-exporter
build:
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o dora-exporter ./cmd/dora-exporter

## image: the container image dora-exporter
image:
	docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) -t dora-exporter .

# A folder in memory with 4 GB of room that runs programs, if there is one: on a disk, much of the tests' work is to sync their stores.
# The tests of integration have them on a real disk.
MEMORY = $(shell [ -w /dev/shm ] && grep -q '^[^ ]* /dev/shm ' /proc/mounts && ! grep -q '^[^ ]* /dev/shm [^ ]* .*noexec' /proc/mounts && \
	df -Pk /dev/shm | awk '$$6 == "/dev/shm" && $$4 > 4000000 { print $$6 }')

## test: all tests; those that take longest and those of bench wait much, so the others run beside them
test: export TMPDIR := $(or $(TMPDIR),$(MEMORY),/tmp)
# To collect garbage less often saves a tenth of the work of the linker and the tests. The exporters that these start do not inherit it.
test: export GOGC := $(or $(GOGC),400)
# Arranging the program for default.pgo takes minutes. The tests of integration have it so.
test race: export GOFLAGS := $(GOFLAGS) -pgo=off
test:
	(cd bench && go test -count=1 ./...) & bench=$$!; \
	go test -count=1 -timeout 30m ./story ./dora/pipeline & long=$$!; \
	go test -count=1 -timeout 30m $$(go list ./... | grep -v -e /story$$ -e /pipeline$$); others=$$?; \
	wait $$bench; bench=$$?; wait $$long; long=$$?; exit $$((bench || long || others))

# The story runs the program as another process, and the random histories run it step by step.
## race: all tests but the story and the random histories with the race detector, which needs a C compiler
race:
	go test -count=1 -timeout 60m -race -skip 'ArrivalOrder|LateArrivals|AnswerThatNeverComes|IssueOrder|RetentionChangesNoReport' $(shell go list ./... | grep -v /story$$)

## integration: tests against the real Prometheus, VictoriaMetrics, Chromium and OpenTelemetry Collector; two of them are built once, in about ten minutes
integration: $(OTELCOL) $(VICTORIA_METRICS)
	./integration/install
	cd integration && OTELCOL=$(OTELCOL) VICTORIA_METRICS=$(VICTORIA_METRICS) go test -count=1 -timeout 40m ./...

$(OTELCOL):
	./integration/build-otelcol $@ $(OTELCOL_VERSION)

$(VICTORIA_METRICS):
	mkdir -p $(TOOLS)
	GOBIN=$(TOOLS)/build nice go install github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics@$(VICTORIA_VERSION)
	mv $(TOOLS)/build/victoria-metrics $@

## lint: golangci-lint with the rules of .golangci.yml
lint: $(GOLANGCI)
	$(GOLANGCI) run ./...
	cd integration && $(GOLANGCI) run --config ../.golangci.yml ./...
	cd bench && $(GOLANGCI) run --config ../.golangci.yml ./...
	cd internal/conntrack && $(GOLANGCI) run --config ../../.golangci.yml ./...

$(GOLANGCI):
	mkdir -p $(TOOLS)
	GOBIN=$(TOOLS)/build go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(TOOLS)/build/golangci-lint $@

## bench: benchmarks, those of bench-postgres too; compare figures only within one run
bench:
	go test -run '^$$' -bench . -benchmem ./...
	$(MAKE) bench-postgres

## bench-postgres: what PostgreSQL costs, compared with pgbench on the same server; installs PostgreSQL, as integration does
bench-postgres:
	./integration/install
	cd integration && go test -run '^$$' -bench . -benchtime 1x ./postgres
	cd integration && go test -run '^$$' -bench Replicas -benchtime 1x .

# The compiler arranges the program for what is in default.pgo, https://go.dev/doc/pgo. Only a process that runs for 40 seconds writes a profile.
## profile: record what the CPU does under load as cmd/dora-exporter/default.pgo, which saves a twentieth of the CPU; two minutes, on a machine with nothing else to do
profile:
	rm -rf bench/profiles && mkdir bench/profiles
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -pgo=off -tags $(TAGS),profile -o bench/profiles/dora-exporter ./cmd/dora-exporter
	cd bench && go build -o dora-bench . && ./dora-bench -exporter profiles/dora-exporter -deployments 30000 -series 10
	find bench/profiles -name '*.pprof' -size 0 -delete
	go tool pprof -proto -output cmd/dora-exporter/default.pgo bench/profiles/dora-exporter bench/profiles/*.pprof
	rm -r bench/profiles

# It needs Linux, and with the default sizes a quarter of an hour and 2 GB of disk.
## bench-scale: the cost over the history as a table; ARGS are flags of bench, such as ARGS="-deployments 20000,60000 -o run.json"
bench-scale: build
	cd bench && go build -o dora-bench .
	./bench/dora-bench $(ARGS)

## torture: the long forms of the fault tests, 300 repositories read despite kills, minutes of random histories, and half a minute of fuzzing for each decoder; an hour in all
torture:
	./integration/install
	go test -count=1 -timeout 60m ./story -run 'Kill|Damaged|Stop|Pending|Formats|ManyEnvironments|Outage|GitHub|EveryOrder|Replay|Anonymous|Dense|Foreign|Demo' -v -args -torture
	go test -count=1 -timeout 60m ./story -run '^TestOrganisationWithKills' -v -args -torture -org.repositories 300 -org.kills 20 -org.releases 29 -org.skew 1
	go test -count=1 -timeout 60m ./dora/pipeline -run 'Arrival|NeverComes|IssueOrder|StatusOrder' -v -args -histories 3m
	cd integration && go test -count=1 -timeout 20m -run 'Durable|Kill|Failing|RealDisk|Permission' -v ./...
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		grep -o '^func Fuzz[A-Za-z]*' "$$file" | sed 's/func //' | while read -r target; do \
			echo "fuzzing $$target"; go test "$$(dirname "$$file")" -run '^$$' -fuzz "^$$target$$" -fuzztime 30s </dev/null; \
		done; \
	done

## cover: the coverage of the tests, as a table
cover:
	go test -coverprofile=coverage.out ./...
	go tool cover -func=coverage.out

clean:
	rm -rf dora-exporter bench/dora-bench bench/profiles coverage.out
