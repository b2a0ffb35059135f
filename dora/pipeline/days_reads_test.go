package pipeline_test

import (
	"fmt"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/dora/rules"
)

// countedReads counts the incidents that making days reads.
type countedReads struct {
	dora.DayReads
	incidents int
}

func (c *countedReads) Get(key string) (dora.Incident, error) {
	c.incidents++
	return c.DayReads.Get(key)
}

func (c *countedReads) IncidentsFrom(from time.Time, limit int) ([]dora.Incident, time.Time, error) {
	all, until, err := c.DayReads.IncidentsFrom(from, limit)
	c.incidents += len(all)
	return all, until, err
}

// An edit of an old issue costs what it changes, however many issues followed.
func TestDaysAfterAnEditOfAnOldIssue(t *testing.T) {
	store := openStore(t)
	issues := make([]dora.Incident, 100)
	save := func(all ...dora.Incident) {
		t.Helper()
		update(t, store, func(tx dora.Tx) error {
			for _, i := range all {
				if err := tx.Incidents().Save(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	makeDays := func() int {
		t.Helper()
		var reads countedReads
		update(t, store, func(tx dora.Tx) error {
			reads.DayReads = tx.Days()
			days := rules.NewDays(dora.Policy{}, &reads, 20)
			if err := days.MakeAll(); err != nil {
				return err
			}
			return tx.Days().Save(days.Changes())
		})
		return reads.incidents
	}
	for n := range issues {
		named := hourly(int64(n))
		named.InProduction = true
		update(t, store, func(tx dora.Tx) error { return tx.Deployments().Save(named) })
		issues[n] = dora.Incident{
			Key: fmt.Sprint("jira.example.com/", n), Created: named.When().Add(time.Minute), IsIncident: n%2 == 1,
			References: []dora.Reference{{Deployment: named.ID}},
		}
	}
	save(issues...)
	makeDays()
	issues[1].References, issues[3].IsIncident = nil, false
	for _, test := range []struct {
		name   string
		edited int
		read   int
	}{
		{"nothing", -1, 0},
		{"an issue that is no incident", 0, 0},
		{"an incident", 1, 1},
		{"an incident no more", 3, 1},
		{"an incident no more, again", 3, 0},
	} {
		if test.edited >= 0 {
			save(issues[test.edited])
		}
		if read := makeDays(); read != test.read {
			t.Errorf("%s: making days read %d incidents, want %d", test.name, read, test.read)
		}
	}
}
