package markdown

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const text = "# Title\n\n" +
	"| key | default | |\n|---|:-:|---|\n| `a`, `b` | `x\\|y` | first |\n| plain | | |\n\n" +
	"```\n| key | default |\n|---|---|\n| `fenced` | |\n```\n\n" +
	"Text\n| key | meaning |\n| --- | --- |\n| `c` | third |\n"

// recorder keeps the failure of a test that is expected to fail.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(string, ...any) {
	r.failed = true
	panic(r)
}

func TestRows(t *testing.T) {
	d := Parse(t, "x.md", text)
	var keys [][]string
	for _, row := range d.Rows("key") {
		keys = append(keys, row.Code("key"))
	}
	if diff := cmp.Diff([][]string{{"a", "b"}, nil, {"c"}}, keys); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	rows := d.Rows("default", "key") // in any order
	if len(rows) != 2 || rows[0].Name("default") != "x|y" || rows[0].Cell("") != "first" || rows[1].Name("key") != "" || rows[1].Cell("key") != "plain" {
		t.Errorf("got %v", rows)
	}
}

func TestRowsFailures(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		read func(d *Document)
	}{
		"no table":    {text, func(d *Document) { d.Rows("key", "unit") }},
		"only fenced": {"```\n| key |\n|---|\n| `a` |\n```\n", func(d *Document) { d.Rows("key") }},
		"no column":   {text, func(d *Document) { d.Rows("default")[0].Cell("meaning") }},
		"short row":   {"| a | b |\n|---|---|\n| 1 |\n", func(d *Document) { d.Rows("a") }},
		"long row":    {"| a | b |\n|---|---|\n| 1 | 2 | 3 |\n", func(d *Document) { d.Rows("a") }},
		"no header":   {"|---|---|\n| 1 | 2 |\n", func(d *Document) { d.Rows() }},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			defer func() {
				if recover(); !r.failed {
					t.Error("no failure")
				}
			}()
			test.read(Parse(r, "x.md", test.text))
		})
	}
}

func TestRead(t *testing.T) {
	if rows := Read(t, "docs/metrics.md").Rows("Prometheus", "OTLP"); len(rows) < 30 {
		t.Errorf("%d rows", len(rows))
	}
}
