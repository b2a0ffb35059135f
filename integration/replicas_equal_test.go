package integration

import (
	"fmt"
	"sync"
	"testing"

	"dora-exporter/integration/pgserver"
)

// As soon as one replica counts a status, the next scrape of any replica has the same facts.
func TestReplicasAreEqualAtOnce(t *testing.T) {
	t.Parallel()
	server := pgserver.Start(t)
	r := newReplicas(t, 3, func(int) string { return server.URL("postgres", "postgres") }, "")
	for _, e := range r.all {
		e.settleIn(t, "1h") // an evaluation would add facts between two scrapes
	}
	r.start(t)
	for id := 1; id <= 60; id++ {
		first := r.all[id%len(r.all)]
		first.send(t, "deployment_status", status(id, id, "success"))
		eventually(t, "the replica that got it counts it", func() error {
			counted, err := first.counted()
			if err == nil && counted != id {
				err = fmt.Errorf("%d are counted, want %d", counted, id)
			}
			return err
		})
		texts := make([]string, len(r.all))
		var scrapes sync.WaitGroup
		for n, e := range r.all {
			scrapes.Go(func() { texts[n] = e.nextFacts(t) })
		}
		scrapes.Wait()
		for n, text := range texts {
			if text != texts[0] {
				t.Fatalf("after status %d, replica %d has\n%s\nand replica 0\n%s", id, n, text, texts[0])
			}
		}
	}
}

// nextFacts returns the facts of the next scrape that has any: a replica that can't have the newest ones within a second leaves all out.
func (e *exporter) nextFacts(t *testing.T) string {
	for range 100 {
		text, err := e.facts()
		if err != nil {
			t.Error(err)
			return ""
		}
		if text != "" {
			return text
		}
	}
	t.Error("no scrape has facts")
	return ""
}
