package workload

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/demo"
)

// receiver collects the states of the signed webhooks by the id of their deployment, in the order of their arrival.
type receiver struct {
	mu     sync.Mutex
	states map[int][]string
	// hosts are the addresses that the webhooks were sent to.
	hosts map[string]bool
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	var p struct {
		Deployment       struct{ ID int }
		DeploymentStatus struct{ State string } `json:"deployment_status"`
	}
	if err := json.Unmarshal(body, &p); err != nil || q.Header.Get("X-Hub-Signature-256") != demo.Sign(Secret, body) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states[p.Deployment.ID] = append(r.states[p.Deployment.ID], q.Header.Get("X-GitHub-Event")+" "+p.DeploymentStatus.State)
	r.hosts[q.Host] = true
	w.WriteHeader(http.StatusAccepted)
}

func TestSender(t *testing.T) {
	r := &receiver{states: map[int][]string{}, hosts: map[string]bool{}}
	s := &Sender{History: NewHistory(100, christmas), Connections: 32}
	for range 2 {
		server := httptest.NewServer(r)
		defer server.Close()
		s.Addresses = append(s.Addresses, strings.TrimPrefix(server.URL, "http://"))
	}
	for _, until := range []int{70, 100} { // goes on where it stopped
		if err := s.Send(t.Context(), until); err != nil {
			t.Fatal(err)
		}
		if len(r.states) != until {
			t.Errorf("%d deployments were sent up to %d", len(r.states), until)
		}
	}
	if s.Sent() != 100 || len(r.hosts) != 2 {
		t.Errorf("%d deployments were sent to %d exporters, want 100 to 2", s.Sent(), len(r.hosts))
	}
	for id, got := range r.states {
		if diff := cmp.Diff([]string{"deployment ", "deployment_status in_progress", "deployment_status success"}, got); diff != "" {
			t.Errorf("deployment %d: %s", id, diff)
		}
	}
}

func TestSenderFails(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(20 * time.Millisecond)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	s := &Sender{History: NewHistory(100, christmas), Addresses: []string{strings.TrimPrefix(server.URL, "http://")}, Connections: 32}
	err := s.Send(t.Context(), 1)
	if want := "send a webhook of deployment 0: 503 Service Unavailable"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if longest := s.Longest(); longest < 20*time.Millisecond {
		t.Errorf("the longest wait is %s", longest)
	}
}
