package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dora-exporter/instrumentation/otlptest"
	"dora-exporter/integration/pgserver"
)

// One replica at a time pushes over OTLP. When it is killed or stopped, another one continues: values never go back, and start times stay.
func TestReplicasPush(t *testing.T) {
	t.Parallel()
	receiver := otlptest.NewHTTP(t, "127.0.0.1:0", nil)
	server := pgserver.Start(t)
	r := newReplicas(t, 3, func(int) string { return server.URL("postgres", "postgres") }, "http://"+receiver.Address)
	r.start(t)
	r.load()
	holder := func() (n int) {
		eventually(t, "one replica pushes", func() error {
			n = -1
			for i, e := range r.all {
				value, err := e.sample("dora_exporter_otlp_lease_held ")
				switch {
				case err != nil:
					return err
				case value == "1" && n >= 0:
					return fmt.Errorf("two replicas push")
				case value == "1":
					n = i
				}
			}
			if n < 0 {
				return fmt.Errorf("no replica pushes")
			}
			return nil
		})
		return n
	}
	pushed := func(more int) {
		t.Helper()
		before := len(receiver.Requests())
		eventually(t, "pushes arrive", func() error {
			if now := len(receiver.Requests()); now < before+more {
				return fmt.Errorf("%d arrived, want %d more than %d", now, more, before)
			}
			return nil
		})
	}
	for round, stop := range []func(*exporter){(*exporter).kill, func(e *exporter) { e.terminate(t) }, (*exporter).kill} {
		pushed(8)
		n := holder()
		stop(r.all[n])
		began := time.Now()
		pushed(4)
		t.Logf("round %d: others push %s after replica %d has ended", round, time.Since(began).Round(time.Second), n)
		r.all[n].run(t, binary)
		r.all[n].waitUntilReady(t)
	}
	r.goesOn(t, 30)
	r.check(t)
	sent, _ := r.statuses()
	eventually(t, "the last values are pushed", func() error {
		value := 0.0
		for _, request := range receiver.Requests() {
			if pushed := pushedStatuses(request); pushed > 0 {
				value = pushed
			}
		}
		if value != float64(sent) {
			return fmt.Errorf("%v are pushed, %d were sent", value, sent)
		}
		return nil
	})
	const series = `github.deployments{environment="production",repo="shop-0",status="success",team="Team 0"}`
	var last otlptest.Point
	for n, request := range receiver.Requests() {
		p, ok := request.Points()[series]
		if !ok {
			continue
		}
		if p.Value < last.Value || p.Until <= last.Until || last.Start != 0 && p.Start != last.Start {
			t.Errorf("request %d has %+v after %+v", n, p, last)
		}
		last = p
	}
}

// pushedStatuses returns how many statuses of deployments a push has.
func pushedStatuses(r otlptest.Request) (n float64) {
	for series, p := range r.Points() {
		if strings.HasPrefix(series, "github.deployments{") {
			n += p.Value
		}
	}
	return n
}
