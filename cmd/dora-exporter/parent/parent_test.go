package parent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFirstWord(t *testing.T) {
	for args, want := range map[string]string{
		"":                                  "",
		"-config.file=a.yml":                "",
		"-config.file a.yml":                "",
		"--config.file a.yml --log debug":   "",
		"-config.file report":               "",
		"-config.file":                      "",
		"-version":                          "",
		"-h report":                         "",
		"report":                            "report",
		"report -since 90d":                 "report",
		"--config.file a.yml report":        "report",
		"-config.file=a.yml explain metric": "explain",
		"-accept-store report":              "report",
		"-version report":                   "report",
		"--healthcheck=true report":         "report",
		"-healthcheck report":               "report",
		"-- report":                         "report",
		"serve":                             "serve",
		"-":                                 "-",
	} {
		if got, ok := FirstWord(strings.Fields(args)); got != want || ok != (want != "") {
			t.Errorf("%s: word %q, %t", args, got, ok)
		}
	}
	if word, ok := FirstWord([]string{""}); word != "" || !ok {
		t.Errorf("an empty argument: word %q, %t", word, ok)
	}
}

func TestWithProgress(t *testing.T) { // stderr of tests is no terminal
	for _, args := range [][]string{{"backfill", "-since", "1d"}, {"report"}} {
		if diff := cmp.Diff(args, withProgress(args[0], args)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}
