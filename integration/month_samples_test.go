package integration

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// rising are the families that only rise, whatever type they have: sums of durations do.
func (m *month) rising() []string {
	gauges := []string{"dora_incidents_open", "dora_deployment_timestamp_seconds", "github_deployments_duration"}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m.values)), func(family string) bool { return slices.Contains(gauges, family) })
}

// checkSeries checks each series of what only rises: it was never reset, no rate was ever negative, and its increase is what
// the events say.
func (m *month) checkSeries(t *testing.T, p prometheus, begin, end time.Time) {
	t.Helper()
	for _, family := range m.rising() {
		p.checkWithin(t, family, fmt.Sprintf("count(resets(%s[1h]) > 0)", family), end, answer{}, exact)
		p.checkWithin(t, family, fmt.Sprintf("count(min_over_time(rate(%s[5s])[1h:1s]) < 0)", family), end, answer{}, exact)
		p.checkWithin(t, family, fmt.Sprintf("sum without (job, instance) (increase(%s[%dms]))", family, end.Sub(begin).Milliseconds()), end,
			m.increase(family, allWeeks), exact)
		m.checkSamples(t, p, family, end)
	}
}

// checkSamples checks the samples themselves, from the very first one on: what is started at 0 was scraped so before it rose,
// and no sample is less than the one before. So nothing is lost, whatever the window.
func (m *month) checkSamples(t *testing.T, p prometheus, family string, end time.Time) {
	t.Helper()
	results, err := p.ask(family+"[1h]", end)
	if err != nil {
		t.Fatal(err)
	}
	seen := answer{}
	for _, series := range results {
		labels := series.own()
		first, last := series.Values[0].value, series.Values[len(series.Values)-1].value
		if !slices.IsSortedFunc(series.Values, func(a, b reading) int { return cmp.Compare(a.value, b.value) }) {
			t.Errorf("%s{%s} falls: %v", family, labels, series.Values)
		}
		if m.first[family][labels] == 0 && first != 0 && !strings.HasSuffix(family, "_bucket") {
			t.Errorf("%s{%s} appears with %g and was to be started at 0", family, labels, first)
		}
		seen[labels] = last
	}
	if !seen.near(m.values[family], exact) {
		t.Errorf("%s ends with\n%v, want\n%v", family, seen, m.values[family])
	}
}
