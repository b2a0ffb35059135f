package integration

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"dora-exporter/demo"
)

// replay is an exporter between the Prometheus that scrapes it and a stand-in for GitHub, with what it was told so far.
type replay struct {
	exporter   *exporter
	prometheus prometheus
	github     *counted
	told       []event
	// sent are the webhooks by their labels in dora_exporter_deliveries_total.
	sent answer
}

// mark is a scrape at which all has been counted, with what had been sent and asked until then.
type mark struct {
	at          time.Time
	sent, calls answer
}

func newReplay(t *testing.T, m *month) *replay {
	t.Helper()
	github := &counted{GitHub: m.github(), calls: answer{}}
	server := httptest.NewServer(github)
	t.Cleanup(server.Close)
	e := newExporter(t, server.URL)
	e.setConfig(t, m.configuration(e.address, server.URL))
	e.start(t)
	p := runPrometheus(t, withRules(t)+e.scrapeConfig(), t.TempDir())
	return &replay{exporter: e, prometheus: p, github: github, sent: answer{"event=unknown,result=unauthorized,source=jira": 0}}
}

// target is the labels that Prometheus gives to what it scrapes.
func (r *replay) target() string {
	return labelled("instance="+r.exporter.address, "job=dora-exporter")
}

// tell sends webhooks for the first time.
func (r *replay) tell(t *testing.T, events []event) {
	t.Helper()
	for _, e := range events {
		r.deliver(t, e, "accepted")
		r.told = append(r.told, e)
	}
}

// tellAgain sends all webhooks again, each as it was and under another id.
func (r *replay) tellAgain(t *testing.T) {
	t.Helper()
	for _, e := range r.told {
		r.deliver(t, e, "duplicate")
		other := e
		other.Header = maps.Clone(e.Header)
		other.Header["X-GitHub-Delivery"] = "another"
		r.deliver(t, other, "duplicate")
	}
}

// deliver sends a webhook, which must be taken.
func (r *replay) deliver(t *testing.T, e event, result string) {
	t.Helper()
	if code := r.deliverTo(t, e.Webhook); code != http.StatusAccepted {
		t.Fatalf("%s: status %d", e.name, code)
	}
	r.sent[labelled("source="+e.source, "event="+e.name, "result="+result)]++
}

// deliverForged sends a webhook with a wrong signature.
func (r *replay) deliverForged(t *testing.T, e event) {
	t.Helper()
	e.Header = maps.Clone(e.Header)
	e.Header["X-Hub-Signature-256"] = "sha256=" + strings.Repeat("0", 64)
	if code := r.deliverTo(t, e.Webhook); code != http.StatusUnauthorized {
		t.Fatalf("a wrong signature: status %d", code)
	}
	r.sent[labelled("source="+e.source, "event="+e.name, "result=unauthorized")]++
}

func (r *replay) deliverTo(t *testing.T, w demo.Webhook) int {
	t.Helper()
	q, err := w.Request(context.Background(), "http://"+r.exporter.address)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// scrapes waits for so many scrapes that begin from now on, and returns the time of the last one.
func (r *replay) scrapes(t *testing.T, n int) (last time.Time) {
	t.Helper()
	now := time.Now()
	eventually(t, fmt.Sprintf("%d scrapes are done", n), func() error {
		results, err := r.prometheus.ask(fmt.Sprintf(`up{instance=%q}[1m]`, r.exporter.address), time.Now())
		if err != nil || len(results) != 1 {
			return fmt.Errorf("%v, %w", results, err)
		}
		done := 0
		for _, s := range results[0].Values {
			if s.value == 1 && s.at.After(now) {
				done, last = done+1, s.at
			}
		}
		if done < n {
			return fmt.Errorf("there are %d", done)
		}
		return nil
	})
	return last
}

// settled waits until a scrape has exactly what is wanted of all series, and three scrapes later still has: by then all has
// been settled. It returns that scrape.
func (r *replay) settled(t *testing.T, want map[string]answer) mark {
	t.Helper()
	has := func() (at time.Time, err error) {
		at = r.scrapes(t, 1)
		results, err := r.prometheus.ask(`{__name__=~"(dora|github|jira)_.+", __name__!~"dora_exporter_.+"}`, at)
		if err != nil {
			return at, err
		}
		got := map[string]answer{}
		for _, one := range results {
			name := one.Metric["__name__"]
			if got[name] == nil {
				got[name] = answer{}
			}
			got[name][one.own()] = one.Value.value
		}
		return at, difference(got, want)
	}
	eventually(t, "all is counted", func() error { _, err := has(); return err })
	r.scrapes(t, 3)
	at, err := has()
	if err != nil {
		t.Fatalf("it was counted, and some scrapes later: %v", err)
	}
	return mark{at, maps.Clone(r.sent), r.github.counts()}
}

// difference says which series differ.
func difference(got, want map[string]answer) error {
	var all []string
	for name := range want {
		for labels, value := range want[name] {
			if has, ok := got[name][labels]; !ok || !(answer{"": has}).near(one(value), exact) {
				all = append(all, fmt.Sprintf("%s{%s} is %v (there: %t), want %v", name, labels, has, ok, value))
			}
		}
	}
	for name := range got {
		for labels, value := range got[name] {
			if _, ok := want[name][labels]; !ok {
				all = append(all, fmt.Sprintf("%s{%s} is %v, want none", name, labels, value))
			}
		}
	}
	if len(all) > 0 {
		return fmt.Errorf("%d series differ:\n%s", len(all), strings.Join(all[:min(len(all), 20)], "\n"))
	}
	return nil
}

// counted is a GitHub that counts its answers by route and status code.
type counted struct {
	*demo.GitHub
	mu    sync.Mutex
	calls answer
}

// ServeHTTP implements http.Handler.
func (c *counted) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	recorder := httptest.NewRecorder()
	c.GitHub.ServeHTTP(recorder, q)
	// The router notes what matched. The documents call the last part of a comparison so.
	route := strings.NewReplacer("GET ", "", "{range}", "{basehead}").Replace(q.Pattern)
	c.mu.Lock()
	c.calls[fmt.Sprintf("code=%d,route=%s", recorder.Code, route)]++
	c.mu.Unlock()
	maps.Copy(w.Header(), recorder.Header())
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes())
}

func (c *counted) counts() answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.calls)
}
