package export

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"dora-exporter/dora"
)

// receiver takes remote write, and answers the first requests with other codes than 204.
type receiver struct {
	*httptest.Server
	requests [][]string
	codes    []int
	message  string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if len(r.codes) > 0 {
			code := r.codes[0]
			r.codes = r.codes[1:]
			w.Header().Set("Retry-After", "0")
			http.Error(w, r.message, code)
			return
		}
		if q.URL.Path != "/api/v1/write" || q.Header.Get("X-Prometheus-Remote-Write-Version") != "0.1.0" || q.Header.Get("Content-Encoding") != "snappy" {
			t.Errorf("%s %v", q.URL, q.Header)
		}
		body, _ := io.ReadAll(q.Body)
		text, err := snappy.Decode(nil, body)
		if err != nil {
			t.Error(err)
		}
		var lines []string
		for _, series := range fieldsOf(t, text, 1) {
			lines = append(lines, seriesOf(t, series)...)
		}
		r.requests = append(r.requests, lines)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

// fieldsOf returns the values of a field of a message, of which each is a message or a string.
func fieldsOf(t *testing.T, message []byte, number protowire.Number) (all [][]byte) {
	t.Helper()
	for len(message) > 0 {
		n, _, size := protowire.ConsumeField(message)
		if size < 0 {
			t.Fatalf("no message: %v", protowire.ParseError(size))
		}
		if n == number {
			_, _, tag := protowire.ConsumeTag(message)
			if value, length := protowire.ConsumeBytes(message[tag:size]); length >= 0 {
				all = append(all, value)
			}
		}
		message = message[size:]
	}
	return all
}

// seriesOf returns a TimeSeries as lines.
func seriesOf(t *testing.T, series []byte) (lines []string) {
	t.Helper()
	var labels []string
	for _, pair := range fieldsOf(t, series, 1) {
		labels = append(labels, fmt.Sprintf("%s=%s", fieldsOf(t, pair, 1)[0], fieldsOf(t, pair, 2)[0]))
	}
	if !slices.IsSorted(labels) {
		t.Errorf("the labels %q are not sorted", labels)
	}
	for _, sample := range fieldsOf(t, series, 2) {
		bits, n := protowire.ConsumeFixed64(sample[1:])
		at, _ := protowire.ConsumeVarint(sample[1+n+1:])
		lines = append(lines, fmt.Sprintf("%s %g %s", strings.Join(labels, ","), math.Float64frombits(bits), time.UnixMilli(int64(at)).UTC().Format(time.TimeOnly)))
	}
	return lines
}

func (r *receiver) send(t *testing.T, m *memory, change func(*RemoteWrite)) error {
	t.Helper()
	sink, err := NewRemoteWrite(t.Context(), r.URL+"/api/v1/write", r.Client())
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(sink)
	}
	_, err = Run(t.Context(), m, Options{Every: 6 * time.Hour}, sink)
	return err
}

func TestRemoteWriteSendsSeries(t *testing.T) {
	r := newReceiver(t)
	r.codes = []int{http.StatusServiceUnavailable} // it is asked again
	m := &memory{facts: map[string][]dora.Fact{dora.Changes: append(facts("a", time.Hour, 1), facts("b", 2*time.Hour, 3)...)}}
	err := r.send(t, m, func(w *RemoteWrite) { w.Labels = dora.Labels{"job": "dora-exporter"} })
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{
		"__name__=dora_changes_total,job=dora-exporter,team=a 0 08:55:00",
		"__name__=dora_changes_total,job=dora-exporter,team=a 1 09:00:00",
		"__name__=dora_changes_total,job=dora-exporter,team=a 1 10:02:29",
		"__name__=dora_changes_total,job=dora-exporter,team=a 0 10:02:30",
		"__name__=dora_changes_total,job=dora-exporter,team=b 0 07:55:00",
		"__name__=dora_changes_total,job=dora-exporter,team=b 3 08:00:00",
		"__name__=dora_changes_total,job=dora-exporter,team=b 3 10:02:29",
		"__name__=dora_changes_total,job=dora-exporter,team=b 0 10:02:30",
	}}
	if diff := cmp.Diff(want, r.requests); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Many samples go in several requests, each series in the order of time.
func TestRemoteWriteSendsBatches(t *testing.T) {
	r := newReceiver(t)
	var changes []any
	for n := range 1000 { // each with a sample before it
		changes = append(changes, time.Duration(20*n)*time.Minute, 60_000)
	}
	if err := r.send(t, &memory{facts: map[string][]dora.Fact{dora.LeadTime: facts("a", changes...)}}, nil); err != nil {
		t.Fatal(err)
	}
	// The first, two for each change, and the last two, of 19 series; the changes leave no time to repeat a value in between.
	total := 0
	for _, lines := range r.requests {
		if total += len(lines); len(lines) > batch+19 {
			t.Errorf("%d samples in a request", len(lines))
		}
	}
	if want := 19 * (1000 + 1000 + 2); total < want || len(r.requests) != (total+batch-1)/batch {
		t.Errorf("%d samples in %d requests, want at least %d samples", total, len(r.requests), want)
	}
}

func TestRemoteWriteBounds(t *testing.T) {
	for float, want := range map[bool][]string{
		false: {"600", "7.776e+06", "+Inf"}, true: {"600.0", "7.776e+06", "+Inf"},
	} {
		r := newReceiver(t)
		if err := r.send(t, &memory{facts: map[string][]dora.Fact{dora.LeadTime: facts("a", time.Hour, 1)}}, func(w *RemoteWrite) { w.FloatBounds = float }); err != nil {
			t.Fatal(err)
		}
		sent := strings.Join(r.requests[0], "\n")
		for _, bound := range want {
			if !strings.Contains(sent, "le="+bound+",") {
				t.Errorf("no le=%s in\n%s", bound, sent)
			}
		}
	}
}

func TestRemoteWriteErrors(t *testing.T) {
	for name, test := range map[string]struct{ message, want string }{
		"too old":      {"out of bounds", "out_of_order_time_window"},
		"out of order": {"out of order sample", "out_of_order_time_window"},
		"other":        {"no such tenant", "no such tenant"},
	} {
		r := newReceiver(t)
		r.codes, r.message = []int{http.StatusBadRequest, http.StatusBadRequest}, test.message
		err := r.send(t, &memory{facts: map[string][]dora.Fact{dora.Changes: facts("a", time.Hour, 1)}}, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.message) || len(r.codes) != 1 {
			t.Errorf("%s: %v after %d requests, want %q at once", name, err, 2-len(r.codes), test.want)
		}
	}
}
