package app

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlite"
)

// The same change of an issue at an earlier time is stored beside the first, any other redelivery is not.
func TestEarlierChange(t *testing.T) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	c := newConflictInbox(s, s, func() { t.Error("a conflict") }, slog.New(slog.DiscardHandler))
	for n, test := range []struct {
		second    int64
		duplicate bool
	}{{10, false}, {10, true}, {11, true}, {8, false}, {8, true}, {9, false}, {12, true}} {
		d := dora.Delivery{Source: dora.Jira, Key: "jira/x/7/jira:issue_updated/9", Received: time.Unix(1, 0)}
		d.Event.Incident = &dora.IncidentChange{ID: "7", Changelog: "9", Timestamp: time.Unix(test.second, 0)}
		if duplicate, err := c.Accept(t.Context(), d); err != nil || duplicate != test.duplicate {
			t.Errorf("%d, at second %d: a duplicate %t, %v", n, test.second, duplicate, err)
		}
	}
}

// A redelivery that says something else is logged and counted, and changes nothing, whatever has become of the stored event.
func TestConflicts(t *testing.T) {
	var log strings.Builder
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	counted := 0
	c := newConflictInbox(s, s, func() { counted++ }, NewLogger(&log, slog.LevelInfo, "logfmt"))
	accept := func(state string, duplicate bool) {
		t.Helper()
		again, err := c.Accept(t.Context(), dora.Delivery{
			Source: dora.GitHub, Key: "github/x/deployment_status/3", Received: time.Unix(1, 0),
			Event: dora.Event{Status: &dora.Status{ID: 3, State: state, CreatedAt: time.Unix(0, 0), Deployment: dora.Deployment{ID: 2}}},
		})
		if err != nil || again != duplicate {
			t.Errorf("Accept(%s) = %v, %v", state, again, err)
		}
	}
	accept("success", false)
	accept("success", true)
	if counted != 0 || log.Len() != 0 {
		t.Errorf("a redelivery is a conflict: %d\n%s", counted, log.String())
	}
	accept("failure", true)
	if err := s.Update(t.Context(), func(tx dora.Tx) error { return tx.Deliveries().Done(1) }); err != nil {
		t.Fatal(err)
	}
	accept("error", true)
	c.report.Flush()
	if counted != 2 || strings.Count(log.String(), "\n") != 2 {
		t.Errorf("%d conflicts counted, want 2:\n%s", counted, log.String())
	}
	if want := "level=warn msg=\"redelivery differs from the stored event of the same id, keeping the stored one\" " +
		"key=github/x/deployment_status/3 requests=1 stored_state=success received_state=failure\n"; !strings.Contains(log.String(), want) {
		t.Errorf("the log lacks %s\n%s", want, log.String())
	}
}
