package dora

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A status may be about another environment than the one that the deployment was created for.
func TestEnvironmentsApply(t *testing.T) {
	rules := Environments{{Match: regexp.MustCompile(`^pr-\d+$`), Name: "preview"}, {Transient: true, Name: "short-lived"}}
	type result struct {
		Environment          string
		Promoted, Production bool
	}
	for name, test := range map[string]struct {
		status               string
		environment, created string
		production           bool
		transient            bool
		want                 result
	}{
		"its own":                           {"production", "production", "production", true, false, result{"production", false, true}},
		"no environment in the status":      {"", "production", "production", true, false, result{"production", false, true}},
		"none was created for":              {"production", "production", "", true, false, result{"production", false, true}},
		"other case":                        {"Production", "production", "PRODUCTION", true, false, result{"Production", false, true}},
		"promoted":                          {"production", "production", "staging", true, false, result{"production", true, true}},
		"promoted, GitHub says it later":    {"eu", "staging", "staging", true, false, result{"eu", true, false}},
		"promoted, no environment":          {"", "eu", "staging", true, false, result{"eu", true, true}},
		"a late status of the former":       {"staging", "eu", "staging", true, false, result{"staging", false, false}},
		"renamed":                           {"pr-7", "pr-7", "pr-7", false, false, result{"preview", false, false}},
		"promoted to a renamed one":         {"pr-7", "pr-7", "staging", false, false, result{"preview", true, false}},
		"promoted from a renamed one":       {"staging", "staging", "pr-7", false, false, result{"staging", true, false}},
		"promoted from and to one name":     {"pr-8", "pr-8", "pr-7", false, false, result{"preview", false, false}},
		"transient":                         {"x", "x", "x", false, true, result{"short-lived", false, false}},
		"promoted, another one's transient": {"y", "x", "x", false, true, result{"y", true, false}},
	} {
		s := Status{Environment: test.status, Deployment: Deployment{
			Environment: test.environment, OriginalEnvironment: test.created, Production: test.production, Transient: test.transient,
		}}
		rules.Apply(Event{Status: &s})
		got := result{s.Deployment.Environment, s.Deployment.Promoted, s.Deployment.Production}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
		if s.Deployment.OriginalEnvironment != test.created {
			t.Errorf("%s: created for %q", name, s.Deployment.OriginalEnvironment)
		}
	}
	d := Deployment{Environment: "pr-1"}
	rules.Apply(Event{Deployment: &d})
	if d.Environment != "preview" || d.Promoted {
		t.Errorf("%+v", d)
	}
}

func TestFoldName(t *testing.T) {
	for _, equal := range [][]string{
		{"production", "Production", "PRODUCTION"}, {"zürich/eu", "ZÜRICH/EU"}, {"σ", "ς", "Σ"}, {"k", "K", "\u212a"}, {"s/eu", "S/EU", "\u017f/eu"}, {"", ""}, {"名前", "名前"},
	} {
		for _, name := range equal {
			if got := FoldName(name); got != FoldName(equal[0]) {
				t.Errorf("%q is %q, and %q is %q", name, got, equal[0], FoldName(equal[0]))
			}
		}
	}
	for _, other := range [][2]string{{"a", "á"}, {"prod", "prod "}, {"ß", "ss"}, {"i", "ı"}, {"a/b", "a"}} {
		if FoldName(other[0]) == FoldName(other[1]) {
			t.Errorf("%q and %q are the same", other[0], other[1])
		}
	}
}

func TestNeedsFlags(t *testing.T) {
	live := regexp.MustCompile("^live$")
	for name, test := range map[string]struct {
		all         Environments
		policy      Policy
		environment string
		want        bool
	}{
		"a usual name":                    {nil, Policy{UsualProduction: true}, "production", false},
		"another name":                    {nil, Policy{UsualProduction: true}, "staging", true},
		"a usual name that is not one":    {nil, Policy{Production: []*regexp.Regexp{live}}, "production", true},
		"a configured name":               {nil, Policy{Production: []*regexp.Regexp{live}}, "live", false},
		"a name that is changed to one":   {Environments{{Match: regexp.MustCompile("^blue$"), Name: "live"}}, Policy{Production: []*regexp.Regexp{live}}, "blue", false},
		"a name that is changed":          {Environments{{Match: regexp.MustCompile("^production$"), Name: "main"}}, Policy{UsualProduction: true}, "production", true},
		"a rule for transient ones alone": {Environments{{Transient: true, Name: "preview"}}, Policy{UsualProduction: true}, "production", true},
	} {
		if got := test.all.NeedsFlags(test.policy, test.environment); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
