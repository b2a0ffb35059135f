package dora

import "testing"

func TestIncidentFilter(t *testing.T) {
	labels := []string{"Outage", "customer"}
	for name, test := range map[string]struct {
		filter IncidentFilter
		want   bool
	}{
		"none":                    {IncidentFilter{}, true},
		"type":                    {IncidentFilter{Types: []string{"bug", "incident"}}, true},
		"type with the prefix":    {IncidentFilter{Types: []string{"[system] INCIDENT"}}, true},
		"another type":            {IncidentFilter{Types: []string{"[System]"}}, false},
		"project":                 {IncidentFilter{Projects: []string{" inc "}}, true},
		"another project":         {IncidentFilter{Projects: []string{"INC-1"}}, false},
		"label":                   {IncidentFilter{Labels: []string{"outage"}}, true},
		"priority":                {IncidentFilter{Priorities: []string{"Highest", "high"}}, true},
		"all of them but one":     {IncidentFilter{Types: []string{"Incident"}, Projects: []string{"INC"}, Labels: []string{"x"}}, false},
		"a status is no property": {IncidentFilter{Statuses: []string{"Open"}}, true},
	} {
		if got := test.filter.Matches("[System] Incident", "INC", "High", labels); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	var none IncidentFilter
	if none.Ignores("") || none.Resolves("") || none.Ignores("Done") || none.Resolves("Done") || !none.MatchesStatus("Done") {
		t.Error("without lists, every resolution counts, and a category alone resolves")
	}
	some := IncidentFilter{IgnoredResolutions: []string{"Won't Do"}, ResolvedStatuses: []string{"Mitigated"}, Statuses: []string{"Open"}}
	if !some.Ignores("won't do") || some.Ignores("") || !some.Resolves("MITIGATED") || some.Resolves("") || some.MatchesStatus("Closed") {
		t.Error("names are not compared as they should be")
	}
}
