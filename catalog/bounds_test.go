package catalog

import (
	"strings"
	"testing"
)

// An answer that exceeds a limit is an outage, which is retried, and no team.
func TestAnswersThatExceedALimit(t *testing.T) {
	for name, test := range map[string]struct{ body, message string }{
		"one list":  {"[" + strings.Repeat("0,", 10_000) + "0]", "more than 10000 elements in one list"},
		"elements":  {`[{"a":[` + strings.Repeat("["+strings.Repeat("0,", 9_999)+"0],", 11) + "0]}]", "more than 100000 list elements"},
		"depth":     {strings.Repeat("[", 201), "more than 200 levels of nesting"},
		"members":   {"[{" + strings.Repeat(`"a":0,`, 500_000) + `"a":0}]`, "more than 500000 object members"},
		"bytes":     {"[" + strings.Repeat(" ", maxAnswer) + "]", "more than 8388608 bytes"},
		"long name": {`[{"kind":"Component","spec":{"owner":"` + strings.Repeat("a", maxName+1) + `"}}]`, "more than 500 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, replies(200, test.body))
			if team, err := b.RepositoryTeam(t.Context(), "api.github.com", "acme", "web"); err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("team %q, error %v; want %q", team, err, test.message)
			}
			if !strings.Contains(b.log.String(), test.message) {
				t.Errorf("the log does not have %q:\n%s", test.message, b.log.String())
			}
		})
	}
	large := newBench(t, replies(200, "["+strings.Repeat(" ", 4<<20)+platform[1:]))
	large.want(t, "platform")
	if team, err := large.ProjectTeam(t.Context(), "WEB"); err != nil || team != "platform" {
		t.Errorf("a second large answer: %q, %v", team, err)
	}
}
