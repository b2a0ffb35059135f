package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
)

// client gives up soon, as GitHub does.
var client = &http.Client{Timeout: 10 * time.Second}

// load sends the teams' events to all replicas in turn until stopLoad is called. What is not answered is sent again to the next replica, as
// a load balancer does, and then again until it is, as people do.
func (r *replicas) load() {
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for team := range r.events {
		senders.Go(func() { r.sendTeam(team, stop) })
	}
	r.stopLoad = func() {
		close(stop)
		senders.Wait()
		r.stopLoad = func() {}
	}
}

// sendTeam sends the events of a team that were not answered yet, one after the other.
func (r *replicas) sendTeam(team int, stop <-chan struct{}) {
	turn := team
	for wait := pace; ; {
		select {
		case <-stop:
			return
		case <-time.After(wait):
		}
		turn++
		n := r.answered[team]
		r.noteSent(team)
		if !r.post(r.all[turn%len(r.all)], r.events[team][n]) {
			r.noteRefused()
			wait = 10 * time.Millisecond
			if turn%len(r.all) == 0 {
				wait = pace
			}
			continue
		}
		r.noteAnswered(team)
		wait = pace
	}
}

func (f *traffic) noteSent(team int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent[team] = f.answered[team] + 1
}

func (f *traffic) noteAnswered(team int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answered[team]++
}

func (f *traffic) noteRefused() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused++
}

// isRefused waits until so many requests were refused and none is answered meanwhile. It calls again each time before it looks.
func (r *replicas) isRefused(t *testing.T, requests int, again ...func() error) {
	t.Helper()
	state := func() (refused, answered int) {
		_, answered = r.counts()
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.refused, answered
	}
	before, answeredBefore := state()
	eventually(t, "webhooks are refused", func() error {
		for _, f := range again {
			if err := f(); err != nil {
				return err
			}
		}
		refused, answered := state()
		if answered > answeredBefore {
			before, answeredBefore = refused, answered
		}
		if refused < before+requests {
			return fmt.Errorf("%d were refused since the last one was answered, want %d", refused-before, requests)
		}
		return nil
	})
}

// sendAgain sends all events again, each to one of the replicas, until it is answered.
func (r *replicas) sendAgain(t *testing.T) {
	t.Helper()
	var senders sync.WaitGroup
	for team, events := range r.events {
		senders.Go(func() {
			for n, e := range events[:r.sent[team]] {
				for start := time.Now(); !r.post(r.all[(team+n)%len(r.all)], e); time.Sleep(50 * time.Millisecond) {
					if time.Since(start) > testexporter.Patience {
						t.Errorf("event %d of team %d is not answered", n, team)
						return
					}
				}
			}
		})
	}
	senders.Wait()
	copy(r.answered, r.sent)
}

// post sends an event to a replica and reports whether it was answered with 202.
func (*traffic) post(e *exporter, event teamEvent) bool {
	q, err := event.Request(context.Background(), "http://"+e.address)
	if err != nil {
		panic(err) // the address is right
	}
	return accepts(client, q)
}

// accepts sends a webhook and reports whether it was answered with 202.
func accepts(c *http.Client, q *http.Request) bool {
	answer, err := c.Do(q)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusAccepted
}

// goesOn waits until so many more events are answered than now.
func (r *replicas) goesOn(t *testing.T, more int) {
	t.Helper()
	_, before := r.counts()
	eventually(t, "webhooks are answered", func() error {
		if _, now := r.counts(); now < before+more {
			return fmt.Errorf("%d were answered, want %d more than %d", now, more, before)
		}
		return nil
	})
}
