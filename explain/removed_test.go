package explain_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/pipeline"
	"dora-exporter/story/shop"
)

// Explanations have the values of /metrics when all, some or most facts have been removed.
func TestExplainedValuesAfterARemoval(t *testing.T) {
	s := shop.Day(t)
	last, err := s.Store.LastPosition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, position := range []int64{1, last / 2, last - 1} {
		err := s.Store.Update(t.Context(), func(tx dora.Tx) error {
			_, err := tx.Removal().RemoveFacts(position, shop.Minute(900), int(last))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		compareMetrics(t, s)
	}
}

func TestExplainWhatWasRemoved(t *testing.T) {
	s := shop.Day(t)
	for round := range 2 {
		s.Deliver(shop.Status(int64(100+round), "staging", "V6", "success", 1000+round*800*24*60))
		s.Process()
		retention := pipeline.Retention{
			Store: s.Store, Rules: s.Rules, Logger: slog.New(slog.DiscardHandler), Keep: 90 * dora.Day,
			Now: func() time.Time { return shop.Minute(1001 + round*800*24*60) }, OnRemoved: func(dora.Removed) {},
		}
		days := pipeline.Days{Store: s.Store, Policy: s.Rules.Policy, Logger: slog.New(slog.DiscardHandler), AtOnce: 100}
		if err := days.Make(t.Context()); err != nil { // nothing is removed before
			t.Fatal(err)
		}
		for range 2 { // what an incident is evidence against goes after it
			if _, err := retention.RemoveOld(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"deployment", []string{"deployment", "acme/web#2"}, "the deployment acme/web#2 was removed by storage.retention"},
		{"incident", []string{"incident", "INC-7"}, "the issue INC-7 was removed by storage.retention"},
		{"newest of a scope", []string{"deployment", "acme/web#9"}, "delivery no longer in the store"},
		{"its facts", []string{"deployment", "acme/web#9"}, "storage.retention has removed facts about it"},
		{"unknown deployment", []string{"deployment", "acme/web#77"}, "no event names the deployment acme/web#77"},
		{"counter", []string{"metric", `dora_deployments_total{environment="production",outcome="success"}`}, "8 from events that arrived before"},
		{"histogram", []string{"metric", `dora_deployment_run_seconds{environment="production"}`}, "from events that arrived before"},
		{"gauge", []string{"metric", `dora_deployment_timestamp_seconds{environment="production"}`}, "at least from events that arrived before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := run(t, s, tt.args...)
			if err != nil {
				text = err.Error()
			}
			if !strings.Contains(text, tt.want) {
				t.Errorf("%q is not in\n%s", tt.want, text)
			}
		})
	}
}
