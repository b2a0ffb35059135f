package explain_test

import (
	"strings"
	"testing"

	"dora-exporter/dora"
	"dora-exporter/story/shop"
)

// A status that looks like evidence, and is none, has a reason.
func TestExplainNoEvidence(t *testing.T) {
	ship := func(id int64, sha string, created, at int) dora.Event {
		e := shop.Status(id, "production", sha, "success", at)
		e.Status.Deployment.CreatedAt = shop.Minute(created)
		return e
	}
	const replaced, rollback = "  a failed change by its status: another deployment had succeeded before", "  a rollback at 2026-03-02T"
	for name, test := range map[string]struct {
		events     []dora.Event
		deployment string
		want, not  []string
	}{
		"it had been replaced": {
			events:     []dora.Event{ship(1, "V1", 5, 10), ship(2, "V2", 15, 20), shop.Status(1, "production", "V1", "error", 30)},
			deployment: "1", want: []string{replaced}, not: []string{"Failed change"},
		},
		"it had been replaced, then ran again and failed": {
			events: []dora.Event{
				ship(1, "V1", 5, 10), ship(2, "V2", 15, 20), shop.Status(1, "production", "V1", "error", 30), ship(1, "V1", 5, 40),
				shop.Status(1, "production", "V1", "error", 50),
			},
			deployment: "1", not: []string{replaced, rollback},
			want: []string{
				"2026-03-02T09:50:00Z status: acme/web#1 had the status error after its success",
				"rollback: acme/web#1 runs again with V1, by another status of success",
				"acme/web#2 was repaired by acme/web#1 at 2026-03-02T09:40:00Z",
			},
		},
		"it repaired itself": {
			events:     []dora.Event{ship(1, "V1", 5, 10), shop.Status(1, "production", "V1", "failure", 30), ship(1, "V1", 5, 40)},
			deployment: "1", want: []string{"acme/web#1 was repaired by its own next success at 2026-03-02T09:40:00Z"},
		},
		"it goes forward again": {
			events:     []dora.Event{ship(1, "V1", 5, 10), ship(2, "V2", 15, 20), ship(3, "V1", 25, 30), ship(4, "V2", 35, 40)},
			deployment: "4", want: []string{rollback + "09:40:00Z: its commit first ran after the one that was running: it goes forward again"},
		},
		"an old deployment goes forward again": {
			events:     []dora.Event{ship(1, "V1", 5, 10), ship(2, "V2", 15, 20), ship(1, "V1", 5, 30), ship(2, "V2", 15, 40)},
			deployment: "2", want: []string{rollback + "09:40:00Z: its commit first ran after the one that was running: it goes forward again"},
		},
		"a slow job": {
			events:     []dora.Event{ship(1, "V1", 5, 10), ship(2, "V2", 15, 20), ship(3, "V1", 12, 30)},
			deployment: "3", want: []string{rollback + "09:30:00Z: it was created before what it would take back had succeeded"},
		},
		"a redeployment": {
			events:     []dora.Event{ship(1, "V1", 5, 10), ship(2, "V1", 15, 20)},
			deployment: "2", not: []string{rollback},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop.New(t)
			s.GitHub.Line = []string{"V1", "V2"}
			s.Deliver(test.events...)
			s.Process()
			text, err := run(t, s, "deployment", "acme/web#"+test.deployment)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing in\n%s", want, text)
				}
			}
			for _, not := range test.not {
				if strings.Contains(text, not) {
					t.Errorf("%q is in\n%s", not, text)
				}
			}
		})
	}
}
