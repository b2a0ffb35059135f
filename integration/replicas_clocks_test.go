package integration

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
)

// The clocks of the replicas may be ten minutes apart: time comes from the database. Nothing is counted twice, no deployment is evaluated
// before deployments.settle has passed, and no lease lapses early.
func TestReplicasClocksApart(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the clock of a process can be shifted on amd64 alone")
	}
	t.Parallel()
	shifted := buildWith(t, map[string]string{
		"cmd/dora-exporter/clock.go": "testdata/clock/clock.go", "cmd/dora-exporter/clock_amd64.s": "testdata/clock/clock_amd64.s",
	}, "-ldflags=-s -w -checklinkname=0")
	server := pgserver.Start(t)
	r := newReplicas(t, 3, func(int) string { return server.URL("postgres", "postgres") }, "")
	offsets := []time.Duration{-10 * time.Minute, 0, 10 * time.Minute}
	run := func(n int) {
		t.Helper()
		r.all[n].run(t, "env", fmt.Sprintf("CLOCK_OFFSET=%d", int(offsets[n].Seconds())), shifted)
		r.all[n].waitUntilReady(t)
	}
	for n, e := range r.all {
		e.settleIn(t, "5m")
		run(n)
		if offset := time.Until(e.clock(t)); (offset - offsets[n]).Abs() > time.Minute {
			t.Fatalf("the clock of replica %d is %s ahead, want %s", n, offset, offsets[n])
		}
	}
	r.load()
	for _, victim := range []int{2, 0} {
		r.goesOn(t, 30)
		r.all[victim].kill()
		r.goesOn(t, 30)
		run(victim)
	}
	r.goesOn(t, 30)
	r.check(t)
	for n, e := range r.all {
		eventually(t, "evaluations wait and none is due", func() error { // gauges are left out while the store is slow
			due, err := e.sample("dora_exporter_evaluations_due ")
			waiting, err2 := e.sample("dora_exporter_evaluations_waiting ")
			if due != "0" || waiting == "0" || waiting == "" {
				return errors.Join(fmt.Errorf("replica %d has %q evaluations due and %q waiting; want none and some", n, due, waiting), err, err2)
			}
			return nil
		})
	}
}

// The database's clock is set back and forward while replicas work, and one is killed each time. Its leases lapse and all go on; no deployment
// is evaluated before deployments.settle has passed.
func TestReplicasDatabaseClockSet(t *testing.T) {
	t.Parallel()
	server := pgserver.Start(t)
	url := server.SettableClock()
	r := newReplicas(t, 3, func(int) string { return url }, "")
	for _, e := range r.all {
		e.settleIn(t, "1h")
	}
	r.start(t)
	r.load()
	for victim, ahead := range []time.Duration{-2 * time.Hour, 0} {
		r.goesOn(t, 60)
		r.all[victim].kill()
		server.SetClock(ahead)
		eventually(t, "a replica saves the store's clock", func() error {
			if apart := server.Psql("postgres", "SELECT round(extract(epoch FROM settable.clock_timestamp()) - wall / 1000) FROM dora_exporter.clock"); len(apart) > 2 {
				return fmt.Errorf("it was saved %s seconds ago", apart)
			}
			return nil
		})
		r.goesOn(t, 30)
		r.all[victim].run(t, binary)
		r.all[victim].waitUntilReady(t)
	}
	r.goesOn(t, 30)
	r.check(t)
	deployments := fmt.Sprint(r.successes())
	if untried := server.Psql("postgres", "SELECT count(*) FROM dora_exporter.evaluations WHERE kind = 'deployment' AND attempts = 0"); untried != deployments {
		t.Errorf("%s evaluations wait for deployments.settle, want those of all %s deployments", untried, deployments)
	}
}

// settleIn sets deployments.settle.
func (e *exporter) settleIn(t *testing.T, settle string) {
	t.Helper()
	e.setConfig(t, strings.Replace(e.config(t), "settle: 1s", "settle: "+settle, 1))
}

// clock returns the time that a replica tells in its answers.
func (e *exporter) clock(t *testing.T) time.Time {
	t.Helper()
	answer, err := http.Get("http://" + e.address + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	at, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}
