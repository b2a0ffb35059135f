package check

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(name string, took time.Duration) Check {
			return func(ctx context.Context) []dora.Finding {
				select {
				case <-time.After(took):
					return []dora.Finding{{Check: name, Status: dora.FindingOK}}
				case <-ctx.Done():
					return []dora.Finding{{Check: name, Status: dora.FindingFailed}}
				}
			}
		}
		start := time.Now()
		found := Run(t.Context(), 10*time.Second, slow("first", 9*time.Second), slow("hangs", time.Hour), slow("last", 0))
		want := []dora.Finding{{Check: "first", Status: "ok"}, {Check: "hangs", Status: "failed"}, {Check: "last", Status: "ok"}}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestWrite(t *testing.T) {
	all := []dora.Finding{
		{Check: "configuration", Status: dora.FindingOK, Text: "config.yml is valid"},
		{Check: "github", Subject: "github.com/acme", Status: dora.FindingWarning, Text: "the token expires\nsoon", Remedy: "renew <it>"},
		{Check: "otlp", Status: dora.FindingFailed, Text: "no answer", Remedy: "start it"},
	}
	for format, want := range map[string]string{
		"text": "✓ configuration: config.yml is valid\n! github github.com/acme: the token expires\\nsoon: renew <it>\n✗ otlp: no answer: start it\n",
		"json": `{
  "ok": false,
  "findings": [
    {
      "check": "configuration",
      "status": "ok",
      "text": "config.yml is valid"
    },
    {
      "check": "github",
      "subject": "github.com/acme",
      "status": "warning",
      "text": "the token expires\nsoon",
      "remedy": "renew <it>"
    },
    {
      "check": "otlp",
      "status": "failed",
      "text": "no answer",
      "remedy": "start it"
    }
  ]
}
`,
	} {
		var out strings.Builder
		if err := Write(&out, all, format); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", format, diff)
		}
	}
}
