package main

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dora-exporter/config"
	"dora-exporter/dora"
	"dora-exporter/persistence/sqlite"
)

func TestExportFlags(t *testing.T) {
	checkFlags(t, map[string]string{
		"export -since 2025-01-01 -until 2025-02-01 -o openmetrics -label job=a -label instance=b:1 -every 1h a.om": "",
		"export -o remote-write -http.config.file h.yml -float-le http://a/api/v1/write":                            "",
		"export":                    "usage: dora-exporter export [-since DATE]",
		"export a b":                "usage: dora-exporter export [-since DATE]",
		"export -o text a":          "must be one of: openmetrics, remote-write",
		"export -every 4m a":        "must be a time from 5m to 1d",
		"export -every 25h a":       "must be a time from 5m to 1d",
		"export -label job a":       "must be a name and a value, such as job=dora-exporter",
		"export -label 1=a a":       "must be a name and a value, such as job=dora-exporter",
		"export -since yesterday a": "must be a date such as 2025-01-01",
	})
}

// The command writes the whole file or none, beside whoever writes the database.
func TestExportCommand(t *testing.T) {
	folder := t.TempDir()
	c := &config.Config{Policy: config.DefaultPolicy()}
	c.Storage.Database = filepath.Join(folder, "dora-exporter.db")
	store, err := sqlite.Open(t.Context(), c.Storage.Database, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	run := func(args ...string) (string, error) {
		set := flag.NewFlagSet("", flag.ContinueOnError)
		do := exportCommand(set)
		if err := set.Parse(args); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err := do(t.Context(), c, set.Args(), &out)
		return out.String(), err
	}
	file := filepath.Join(folder, "a.om")
	if out, err := run(file); err != nil || !strings.Contains(out, "nothing to export") {
		t.Errorf("an empty store: %v, %s", err, out)
	}
	at := store.Created().Add(-time.Hour)
	err = store.Update(t.Context(), func(tx dora.Tx) error {
		_, err := tx.Facts().Add(dora.Fact{Family: dora.Changes, Labels: dora.Labels{"team": "a"}.OfHistory(), Value: 2, At: at, Subject: "change:1"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run("-label", "job=x", file); err != nil || !strings.Contains(out, "series: 1\nsamples: ") {
		t.Errorf("%v, %s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), `dora_changes_total{job="x",team="a"} 2 `) || !strings.HasSuffix(string(text), "# EOF\n") {
		t.Errorf("%v, %s", err, text)
	}
	target, link := filepath.Join(folder, "target.om"), filepath.Join(folder, "link.om")
	if err := errors.Join(os.WriteFile(target, bytes.Repeat([]byte("longer than before\n"), 1000), 0o600), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	_, err = run("-label", "job=x", link)
	linked, readErr := os.ReadFile(target)
	if err != nil || readErr != nil || !bytes.Equal(linked, text) {
		t.Errorf("by a link: %v, %v, %s", err, readErr, linked)
	}
	for _, test := range []struct{ args, want string }{
		{folder, "is a directory"},
		{"-o remote-write a.om", "is not a URL"},
		{"-since 2999-01-01 " + file, "-since must be before"},
		{"-until 2999-01-01 " + file, "-until must not be after"},
		{"-o remote-write -http.config.file missing.yml http://127.0.0.1:1/", "missing.yml"},
		{folder + "/missing/a.om", "no such file or directory"},
	} {
		if _, err := run(strings.Fields(test.args)...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.args, err, test.want)
		}
	}
	again, err := os.ReadFile(file)
	left, globErr := filepath.Glob(filepath.Join(folder, "*.tmp"))
	if err != nil || globErr != nil || !bytes.Equal(again, text) || len(left) > 0 {
		t.Errorf("after a failed export: %v, %v are left, the file has\n%s", err, left, again)
	}
}
