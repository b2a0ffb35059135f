package receivers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCandidates(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"The shop is down.":      "",
		"since acme/web#12 and":  "acme/web#12 \n",
		"Deployment id: 98765":   "Deployment id: 98765\n",
		"deployment of 98765 at": "deployment \n98765 \n",
		"DEPLOYMENT\n98765":      "DEPLOYMENT\n98765\n",
		"(7fd1a60)":              "(7fd1a60)\n",
	} {
		if got := candidates([]string{text}); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := candidates([]string{"a 1", "b", "2 c"}); got != "1\n2 \n" {
		t.Errorf("several: %q", got)
	}
	if got := candidates([]string{strings.Repeat("1", 2*maxCandidates), "x/1"}); len(got) != maxCandidates {
		t.Errorf("%d bytes", len(got))
	}
}

// FuzzCandidates compares the references in the candidates with those in the whole text.
func FuzzCandidates(f *testing.F) {
	for _, text := range []string{
		"see acme/web#12, acme/web@7fd1a60b and 7fd1a60b01f91b314f59955a4e4d4e80d8edf11d", "deployment of 98765", "Deployment id 98765 ",
		"deployment: 98765 #98765", "https://github.com/acme/web/pull/12/files", "[x|https://ghe.example.com/a/b/commit/7FD1A60]", "deployment  = 98765",
		"deployment_id=98765", "deployment\tid 98765", "a deployment- id: 98765",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		want := references(text)
		for i := range want {
			if r := want[i]; len(r.Commit) >= 40 && !strings.ContainsAny(r.Commit, "0123456789") {
				return // forty letters and no digit
			}
		}
		if diff := cmp.Diff(want, references(candidates([]string{text}))); diff != "" {
			t.Errorf("%q, candidates %q: -want +got:\n%s", text, candidates([]string{text}), diff)
		}
	})
}
