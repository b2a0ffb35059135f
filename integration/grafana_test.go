package integration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// panelQuery is a query of a panel, and how Grafana asks it: as of now, or over a time that ends now, step by step.
type panelQuery struct {
	expr       string
	step, span time.Duration // the step is 0 when it is asked as of now
}

// soFar is the query as of the end of what its points stand for, a day that begins with them.
func (q panelQuery) soFar() string { return strings.ReplaceAll(q.expr, " offset -1d", "") }

// weekly says whether its points are counts of seven days.
func (q panelQuery) weekly() bool { return strings.Contains(q.expr, "[1w] offset -1d") }

// aligned is a time rounded down to a multiple of the step on the clock of its zone, as Grafana's data source does with the
// ends of a range (pkg/promlib/models/query.go).
func (q panelQuery) aligned(at time.Time) time.Time {
	_, ahead := at.Zone()
	zone := time.Duration(ahead) * time.Second
	return time.Unix(0, int64(math.Floor(float64(at.UnixNano()+int64(zone))/float64(q.step)))*int64(q.step)-int64(zone)).In(at.Location())
}

// shown is what a panel shows as the newest to somebody in the time's zone, and the points before that. What has no value there is
// not in it.
func (p prometheus) shown(q panelQuery, now time.Time) (newest answer, before map[time.Time]answer, err error) {
	newest, before = answer{}, map[time.Time]answer{}
	if q.step == 0 {
		results, err := p.ask(q.expr, now)
		for _, r := range results {
			newest[r.labels()] = r.Value.value
		}
		return newest, nil, err
	}
	text, err := get(fmt.Sprintf("%s/api/v1/query_range?step=%g&start=%d&end=%d&query=%s", p.url, q.step.Seconds(),
		q.aligned(now.Add(-q.span)).Unix(), q.aligned(now).Unix(), url.QueryEscape(q.expr)))
	if err != nil {
		return nil, nil, err
	}
	var got struct{ Data struct{ Result []result } }
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		return nil, nil, fmt.Errorf("%s answers %s: %w", q.expr, text, err)
	}
	for _, r := range got.Data.Result {
		for _, point := range r.Values {
			at := point.at.In(now.Location())
			if before[at] == nil {
				before[at] = answer{}
			}
			before[at][r.labels()] = point.value
		}
	}
	if last := q.aligned(now); before[last] != nil {
		newest = before[last]
		delete(before, last)
	}
	return newest, before, nil
}

// panelQueries are the queries of the dashboards, as "dashboard: title/target", with their variables as Grafana fills them in for
// one instance of the exporter, and those of the variables.
func panelQueries(t *testing.T, instance string) map[string]panelQuery {
	t.Helper()
	fill := strings.NewReplacer("$window", "28d", "$team", ".*", "$repository", ".*", "$environment", "(production)", "$instance", instance, "$__rate_interval", "5m")
	all := map[string]panelQuery{}
	for _, dashboard := range []string{"dora", "dora-exporter"} {
		data, err := os.ReadFile("../deploy/grafana/dashboards/" + dashboard + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Time       struct{ From string }
			Templating struct {
				List []struct{ Name, Type, Definition string }
			}
			Panels []struct {
				Title, Interval string
				MaxDataPoints   int
				Targets         []struct {
					RefID, Expr string
					Instant     bool
				}
			}
		}
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatal(err)
		}
		values := regexp.MustCompile(`^label_values\((.*), ([a-z]+)\)$`)
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				all[dashboard+": $"+v.Name] = panelQuery{expr: fill.Replace(values.ReplaceAllString(v.Definition, "group by ($2) ($1)"))}
			}
		}
		span := duration(t, strings.TrimPrefix(d.Time.From, "now-"))
		for _, panel := range d.Panels {
			for _, target := range panel.Targets {
				name := dashboard + ": " + panel.Title + "/" + target.RefID
				if all[name].expr != "" {
					t.Errorf("%s stands there twice", name)
				}
				q := panelQuery{expr: fill.Replace(target.Expr)}
				if !target.Instant {
					// Without a limit there are as many points as a panel is wide.
					q.span, q.step = span, (span / time.Duration(cmp.Or(panel.MaxDataPoints, 1000))).Truncate(time.Second)
					if panel.Interval != "" {
						q.step = max(q.step, duration(t, panel.Interval))
					}
				}
				all[name] = q
			}
		}
	}
	return all
}

// duration reads a number of weeks, days, or what Go knows.
func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	for unit, of := range map[string]time.Duration{"w": 7 * 24 * time.Hour, "d": 24 * time.Hour} {
		if n, is := strings.CutSuffix(text, unit); is {
			if n, err := strconv.Atoi(n); err == nil {
				return time.Duration(n) * of
			}
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%q is no duration: %v", text, err)
	}
	return d
}
