package export

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

// created is when the store of the tests was created: on a Friday at 10:02:30.
var created = time.Date(2026, time.March, 6, 10, 2, 30, 0, time.UTC)

// before returns the time so long before created, counted from 10:00.
func before(d time.Duration) time.Time { return created.Truncate(time.Hour).Add(-d) }

// memory is a Reader of facts, by family.
type memory struct {
	facts        map[string][]dora.Fact
	incidents    []dora.Incident
	environments []dora.Environment
	baselines    []dora.Baseline
	removal      dora.Removal
	unsettled    int
}

func (m *memory) StoreCreated(context.Context) (time.Time, error) { return created, nil }

func (m *memory) HistorySeries(_ context.Context, family string) (all []dora.HistorySeries, _ error) {
	for _, f := range m.facts[family] {
		i := slices.IndexFunc(all, func(s dora.HistorySeries) bool { return s.Labels.Key() == f.Labels.Key() })
		if i < 0 {
			all = append(all, dora.HistorySeries{Labels: f.Labels.With("", ""), First: f.At})
			delete(all[len(all)-1].Labels, "")
		} else if f.At.Before(all[i].First) {
			all[i].First = f.At
		}
	}
	return all, nil
}

func (m *memory) HistoryFacts(_ context.Context, family string, labels dora.Labels, add func(dora.Fact) error) error {
	all := slices.Clone(m.facts[family])
	slices.SortStableFunc(all, func(a, b dora.Fact) int { return a.At.Compare(b.At) })
	for _, f := range all {
		if f.Labels.Key() == labels.Key() {
			if err := add(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) EachIncident(_ context.Context, add func(dora.Incident) error) error {
	for _, i := range m.incidents {
		if err := add(i); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Environments(context.Context, int) ([]dora.Environment, error) {
	return m.environments, nil
}
func (m *memory) Baselines(context.Context) ([]dora.Baseline, error) { return m.baselines, nil }
func (m *memory) Removal(context.Context) (dora.Removal, error)      { return m.removal, nil }
func (m *memory) CountEvaluations(context.Context) (int, error)      { return m.unsettled, nil }

// facts makes facts of a family with a team, each of a value at a time before created.
func facts(team string, changes ...any) (all []dora.Fact) {
	for i := 0; i < len(changes); i += 2 {
		all = append(all, dora.Fact{Labels: dora.Labels{"team": team}, At: before(changes[i].(time.Duration)), Value: int64(changes[i+1].(int)), ID: int64(i)})
	}
	return all
}

// written exports the facts of a family and returns the samples of its series: day and time, and the value.
func written(t *testing.T, o Options, m *memory) map[string][]string {
	t.Helper()
	var out bytes.Buffer
	if o.Every == 0 {
		o.Every = 6 * time.Hour
	}
	if _, err := Run(t.Context(), m, o, NewOpenMetrics(&out, nil)); err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		series, rest, _ := strings.Cut(line, "} ")
		var value, at float64
		if _, err := fmt.Sscan(rest, &value, &at); err != nil {
			t.Fatal(err)
		}
		all[series+"}"] = append(all[series+"}"], fmt.Sprintf("%s %g", time.UnixMilli(int64(at*1000)).UTC().Format("2 15:04:05"), value))
	}
	return all
}

func TestSamplesOfACounter(t *testing.T) {
	const family = dora.IncidentsOpened
	for name, test := range map[string]struct {
		facts        []dora.Fact
		since, until time.Time
		want         []string
	}{
		"one change, from 0 to its value, repeated at 6 and at the end, and 0 when the live series begin": {
			facts: facts("a", 7*time.Hour+3*time.Minute, 2), // at 02:57
			want:  []string{"6 02:55:00 0", "6 03:00:00 2", "6 06:00:00 2", "6 10:02:29 2", "6 10:02:30 0"},
		},
		"a change on the grid": {
			facts: facts("a", time.Hour, 1),
			want:  []string{"6 08:55:00 0", "6 09:00:00 1", "6 10:02:29 1", "6 10:02:30 0"},
		},
		"two changes in one step": {
			facts: facts("a", time.Hour+4*time.Minute, 1, time.Hour+time.Minute, 1),
			want:  []string{"6 08:55:00 0", "6 09:00:00 2", "6 10:02:29 2", "6 10:02:30 0"},
		},
		"the value before a change a step earlier, unless there is a sample": {
			facts: facts("a", 3*time.Hour, 1, 2*time.Hour, 1, 115*time.Minute, 1),
			want:  []string{"6 06:55:00 0", "6 07:00:00 1", "6 07:55:00 1", "6 08:00:00 2", "6 08:05:00 3", "6 10:02:29 3", "6 10:02:30 0"},
		},
		"a change in the last step": {
			facts: facts("a", time.Hour, 1, -time.Minute, 1), // at 10:01
			want:  []string{"6 08:55:00 0", "6 09:00:00 1", "6 09:57:29 1", "6 10:02:29 2", "6 10:02:30 0"},
		},
		"what followed after the installation from what happened before is in the last value": {
			facts: facts("a", time.Hour, 1, -2*time.Hour, 1),
			want:  []string{"6 08:55:00 0", "6 09:00:00 1", "6 09:57:29 1", "6 10:02:29 2", "6 10:02:30 0"},
		},
		"all of it after the installation": {
			facts: facts("a", -2*time.Hour, 1),
			want:  []string{"6 09:57:30 0", "6 10:02:29 1", "6 10:02:30 0"},
		},
		"what happened before since counts": {
			facts: facts("a", 50*time.Hour, 5, time.Hour, 1), since: before(10*time.Hour + time.Minute), // 5 Mar 23:59
			want: []string{"6 00:00:00 5", "6 06:00:00 5", "6 08:55:00 5", "6 09:00:00 6", "6 10:02:29 6", "6 10:02:30 0"},
		},
		"everything before since": {
			facts: facts("a", 50*time.Hour, 5), since: before(2 * time.Hour),
			want: []string{"6 08:00:00 5", "6 10:02:29 5", "6 10:02:30 0"},
		},
		"an earlier end has no 0": {
			facts: facts("a", 5*time.Hour, 1, time.Hour, 1), until: before(3 * time.Hour), // 7:00
			want: []string{"6 04:55:00 0", "6 05:00:00 1", "6 06:00:00 1", "6 06:59:59 1"},
		},
		"everything after the end": {facts: facts("a", time.Hour, 1), until: before(3 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			got := written(t, Options{Since: test.since, Until: test.until}, &memory{facts: map[string][]dora.Fact{family: test.facts}})
			if diff := cmp.Diff(test.want, got[family+`{team="a"}`]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A histogram has all of its series in each sample, so that percentiles compare like with like.
func TestSamplesOfAHistogram(t *testing.T) {
	m := &memory{facts: map[string][]dora.Fact{dora.LeadTime: facts("a", time.Hour, 600_000, 30*time.Minute, 3_600_001)}} // at 9:00 10 min, at 9:30 a bit over an hour
	got := written(t, Options{}, m)
	const name = dora.LeadTime
	for series, want := range map[string][]string{
		name + `_bucket{le="600",team="a"}`:       {"6 08:55:00 0", "6 09:00:00 1", "6 09:25:00 1", "6 09:30:00 1", "6 10:02:29 1", "6 10:02:30 0"},
		name + `_bucket{le="3600",team="a"}`:      {"6 08:55:00 0", "6 09:00:00 1", "6 09:25:00 1", "6 09:30:00 1", "6 10:02:29 1", "6 10:02:30 0"},
		name + `_bucket{le="7200",team="a"}`:      {"6 08:55:00 0", "6 09:00:00 1", "6 09:25:00 1", "6 09:30:00 2", "6 10:02:29 2", "6 10:02:30 0"},
		name + `_bucket{le="7.776e+06",team="a"}`: {"6 08:55:00 0", "6 09:00:00 1", "6 09:25:00 1", "6 09:30:00 2", "6 10:02:29 2", "6 10:02:30 0"},
		name + `_bucket{le="+Inf",team="a"}`:      {"6 08:55:00 0", "6 09:00:00 1", "6 09:25:00 1", "6 09:30:00 2", "6 10:02:29 2", "6 10:02:30 0"},
		name + `_count{team="a"}`:                 {"6 08:55:00 0", "6 09:00:00 1", "6 09:25:00 1", "6 09:30:00 2", "6 10:02:29 2", "6 10:02:30 0"},
		name + `_sum{team="a"}`:                   {"6 08:55:00 0", "6 09:00:00 600", "6 09:25:00 600", "6 09:30:00 4200.001", "6 10:02:29 4200.001", "6 10:02:30 0"},
	} {
		if diff := cmp.Diff(want, got[series]); diff != "" {
			t.Errorf("%s: -want +got:\n%s", series, diff)
		}
	}
	if len(got) != 16+3 {
		t.Errorf("%d series, want 16 buckets with a bound, one without, sum and count", len(got))
	}
}

// A gauge of the newest value begins with it, not with 0, and keeps it to the end.
func TestSamplesOfTheNewest(t *testing.T) {
	m := &memory{facts: map[string][]dora.Fact{dora.DeploymentTimestamp: facts("a", 2*time.Hour, 5000, time.Hour, 7000)}}
	want := []string{"6 08:00:00 5", "6 08:55:00 5", "6 09:00:00 7", "6 10:02:29 7"}
	if diff := cmp.Diff(want, written(t, Options{}, m)[dora.DeploymentTimestamp+`{team="a"}`]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want = []string{"6 08:30:00 5", "6 08:55:00 5", "6 09:00:00 7", "6 10:02:29 7"}
	if diff := cmp.Diff(want, written(t, Options{Since: before(90 * time.Minute)}, m)[dora.DeploymentTimestamp+`{team="a"}`]); diff != "" {
		t.Errorf("since half past eight: -want +got:\n%s", diff)
	}
}

// A resolution that turns out to have been earlier takes time off a sum before the time was added: the sum never falls.
func TestSumOfDurationsNeverFalls(t *testing.T) {
	m := &memory{facts: map[string][]dora.Fact{dora.IncidentsDurationSum: facts("a", 3*time.Hour, 10_000, time.Hour, 7_200_000, 2*time.Hour, -3_600_000, 30*time.Minute, 60_000)}}
	// 10 s at 7:00, less an hour at 8:00, two hours at 9:00, a minute at 9:30: 10, 10, 3610, 3670.
	want := []string{"6 06:55:00 0", "6 07:00:00 10", "6 07:55:00 10", "6 08:00:00 10", "6 08:55:00 10", "6 09:00:00 3610", "6 09:25:00 3610", "6 09:30:00 3670", "6 10:02:29 3670", "6 10:02:30 0"}
	if diff := cmp.Diff(want, written(t, Options{}, m)[dora.IncidentsDurationSum+`{team="a"}`]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
