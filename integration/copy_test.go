package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dora-exporter/integration/pgserver"
)

// A store moves from SQLite to PostgreSQL and back: values and reports stay the same, it goes on from there, and redeliveries count nothing.
func TestStoreMoves(t *testing.T) {
	t.Parallel()
	server := pgserver.Start(t)
	e := newExporter(t, "http://127.0.0.1:1/")
	e.start(t)
	sent := 0
	send := func(n int) {
		for range n {
			sent++
			e.send(t, "deployment", deployment(sent))
			e.send(t, "deployment_status", status(sent, sent, "success"))
		}
		e.counts(t, sent)
	}
	send(30)
	out, err := e.command(t, "copy", "-to", server.URL("postgres", "postgres"))
	if err == nil || !strings.Contains(out, "is running with this database") {
		t.Errorf("copied beside a server: %v\n%s", err, out)
	}
	before, report := e.stopped(t)

	e.copy(t, "-to", server.URL("postgres", "postgres"))
	out, err = e.command(t, "copy", "-to", server.URL("postgres", "postgres"))
	if err == nil || !strings.Contains(out, "has records") {
		t.Errorf("copied over records: %v\n%s", err, out)
	}
	e.copy(t, "-to", server.URL("postgres", "postgres"), "-schema", "another")
	sqlite := e.config(t)
	e.setDatabase(t, sqlite, server.URL("postgres", "postgres"))
	e.same(t, "in PostgreSQL", before, report)
	for id := 1; id <= sent; id++ {
		e.send(t, "deployment_status", status(id, id, "success"))
	}
	e.same(t, "after redeliveries", before, report)
	send(5)
	out, err = e.command(t, "copy", "-to", filepath.Join(e.folder, "early.db"))
	if err == nil || !strings.Contains(out, "is running with PostgreSQL database") {
		t.Errorf("copied beside a server: %v\n%s", err, out)
	}
	before, report = e.stopped(t)
	eventually(t, "the store counts as stopped", func() error {
		out, err := e.command(t, "copy", "-to", filepath.Join(e.folder, "back.db"))
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	out, err = e.command(t, "copy", "-to", filepath.Join(e.folder, "back.db"))
	if err == nil || !strings.Contains(out, "already exists") {
		t.Errorf("copied over a file: %v\n%s", err, out)
	}
	e.setDatabase(t, sqlite, filepath.Join(e.folder, "back.db"))
	e.same(t, "in SQLite again", before, report)
	send(5)
}

// counts waits until a number of statuses is counted.
func (e *exporter) counts(t *testing.T, want int) {
	t.Helper()
	eventually(t, "all are counted", func() error {
		counted, err := e.counted()
		if err == nil && counted != want {
			err = fmt.Errorf("%d are counted, want %d", counted, want)
		}
		return err
	})
}

// command runs a subcommand with the exporter's configuration.
func (e *exporter) command(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary, arguments...)
	c.Dir = e.folder
	out, err := c.CombinedOutput()
	return string(out), err
}

// copy copies the store.
func (e *exporter) copy(t *testing.T, arguments ...string) {
	t.Helper()
	out, err := e.command(t, append([]string{"copy"}, arguments...)...)
	if err != nil || !strings.Contains(out, " records to postgres://127.0.0.1:") || !strings.Contains(out, "and compared them") {
		t.Fatalf("copy: %v\n%s", err, out)
	}
}

// stopped returns the facts and the report of an exporter, and stops it.
func (e *exporter) stopped(t *testing.T) (facts, report string) {
	t.Helper()
	facts, err := e.facts()
	if err != nil {
		t.Fatal(err)
	}
	report = e.report(t)
	e.terminate(t)
	return facts, report
}

// report returns a report without what depends on the time at which it is made.
func (e *exporter) report(t *testing.T) string {
	t.Helper()
	out, err := e.command(t, "report", "-since", "1000d", "-o", "csv")
	if err != nil || !strings.Contains(out, "Platform") {
		t.Fatalf("report: %v\n%s", err, out)
	}
	out = regexp.MustCompile(`(?m),[^,\n]*$`).ReplaceAllString(out, "")
	return regexp.MustCompile(`(deployment_frequency,0\.\d{3})\d*`).ReplaceAllString(out, "$1")
}

// setDatabase adds a database to a configuration, and starts the exporter with it.
func (e *exporter) setDatabase(t *testing.T, config, database string) {
	t.Helper()
	e.setConfig(t, config+fmt.Sprintf("storage: {database: %q}\n", database))
	e.start(t)
}

// same checks that the exporter shows what it has shown before.
func (e *exporter) same(t *testing.T, when, facts, report string) {
	t.Helper()
	eventually(t, when, func() error {
		now, err := e.facts()
		if err == nil && now != facts {
			err = fmt.Errorf("the metrics were\n%s\nand are\n%s", facts, now)
		}
		return err
	})
	if now := e.report(t); now != report {
		t.Errorf("%s: the report was\n%s\nand is\n%s", when, report, now)
	}
}
