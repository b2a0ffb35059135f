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
	task := shop.Incident("created", 47, 0)
	task.Incident.ID, task.Incident.Key, task.Incident.Project, task.Incident.Type = "20005", "TASK-5", "TASK", "Task"
	s.Deliver(task, shop.Status(21, "staging", "V6", "in_progress", 161), shop.Status(22, "staging", "V6", "waiting", 162))
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
	const counted, uncounted = "nothing is known of it but that it was counted", "nothing is known of it but that it counted in no dora_* family"
	explained(t, s, []removedCase{
		{"deployment", []string{"deployment", "acme/web#2"}, "the deployment acme/web#2 was removed by storage.retention: " + counted},
		{"deployment without an outcome", []string{"deployment", "acme/web#21"}, "the deployment acme/web#21 was removed by storage.retention: " + uncounted},
		{"deployment that never ran", []string{"deployment", "acme/web#22"}, "the deployment acme/web#22 was removed by storage.retention: " + uncounted},
		{"incident", []string{"incident", "INC-7"}, "the issue INC-7 was removed by storage.retention: " + counted},
		{"issue that is no incident", []string{"incident", "TASK-5"}, "the issue TASK-5 was removed by storage.retention: " + uncounted},
		{"newest of a scope", []string{"deployment", "acme/web#9"}, "delivery no longer in the store"},
		{"its facts", []string{"deployment", "acme/web#9"}, "storage.retention has removed facts about it"},
		{"unknown deployment", []string{"deployment", "acme/web#77"}, "no event names the deployment acme/web#77"},
		{"counter", []string{"metric", `dora_deployments_total{environment="production",outcome="success"}`}, "8 from events that arrived before"},
		{"histogram", []string{"metric", `dora_deployment_run_seconds{environment="production"}`}, "from events that arrived before"},
		{"gauge", []string{"metric", `dora_deployment_timestamp_seconds{environment="production"}`}, "at least from events that arrived before"},
	})
	const late = 810 * 24 * 60
	statusOf := func(deployment int64, environment, state string, minute int) dora.Event {
		e := shop.Status(deployment, environment, "V2", state, minute)
		e.Status.Deployment.CreatedAt = shop.Minute(20)
		return e
	}
	s.Deliver(shop.Incident("updated", 1000+late, 0), statusOf(2, "production", "failure", 1001+late), statusOf(21, "staging", "success", 1002+late))
	s.Process()
	const inGitHub = "the deployment: storage.retention had removed it before these events arrived: they count in github_* only"
	explained(t, s, []removedCase{
		{"late event of a deployment", []string{"deployment", "acme/web#2"}, inGitHub},
		{"late success of one without an outcome", []string{"deployment", "acme/web#21"}, inGitHub},
		{"late event of an incident", []string{"incident", "INC-7"}, "the issue: storage.retention had removed it before these events arrived: they count nowhere"},
	})
}

// removedCase is a command and part of what it says.
type removedCase struct {
	name string
	args []string
	want string
}

func explained(t *testing.T, s *shop.Shop, all []removedCase) {
	t.Helper()
	for _, tt := range all {
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
