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
