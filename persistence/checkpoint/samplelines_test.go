package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlite"
)

// many is a state with n series of each family.
func many(n int) dora.State {
	state := dora.State{}
	for _, f := range dora.Families() {
		for i := range n {
			labels := dora.Labels{}
			for _, name := range f.Labels {
				labels[name] = fmt.Sprintf("%s-%d", name, i)
			}
			series := dora.Series{Labels: labels, Baseline: float64(i) + 0.5}
			if f.Kind == dora.Histogram {
				series.BaselineBuckets = make([]int64, len(f.Bounds)+1)
				for bucket := range series.BaselineBuckets {
					series.BaselineBuckets[bucket] = int64(i + bucket + 1)
				}
			}
			set(state, f.Name, labels.Key(), series)
		}
	}
	return state
}

// A file that is read in parts gives the same values as one that fits into a part, whatever stands between its families.
func TestBaselineInParts(t *testing.T) {
	want := many(3000)
	var text bytes.Buffer
	if err := encodeValues(&text, dora.Families(), want); err != nil {
		t.Fatal(err)
	}
	if text.Len() < 4*parsedAtOnce {
		t.Fatalf("%d bytes are one part", text.Len())
	}
	others := strings.Repeat("# HELP go_x A long text\n# TYPE go_x histogram\ngo_x_bucket{le=\"1\"} 1\ngo_x_bucket{le=\"+Inf\"} 1\ngo_x_sum 1\ngo_x_count 1\n", 1) +
		strings.Repeat("other{a=\"b\"} 1\n", 100_000)
	for name, foreign := range map[string]string{
		"alone": text.String(), "after others": others + text.String(), "before others": text.String() + others,
		"between others": others + strings.ReplaceAll(text.String(), "# HELP", "go_y 1\n# HELP"),
		"sums first":     sumsFirst(text.String()),
		"CRLF comments":  "# x\r\n\r\n" + text.String(),
	} {
		got, n, err := foreignBaseline(strings.NewReader(foreign), dora.FamiliesByName())
		if err != nil || len(n.rejected)+len(n.rebounded) > 0 {
			t.Errorf("%s: %v, %+v", name, err, n.rejected)
			continue
		}
		if !reflect.DeepEqual(want, got) { // cmp.Diff takes seconds
			t.Errorf("%s: -want +got:\n%.2000s", name, cmp.Diff(want, got))
		}
	}
	doubled := text.String() + strings.Repeat("other 1\n", 100_000) +
		`github_deployments_total{environment="environment-1",repo="repo-1",status="status-1",team="team-1"} 1` + "\n"
	if _, _, err := foreignBaseline(strings.NewReader(doubled), dora.FamiliesByName()); err == nil || !strings.Contains(err.Error(), "there twice") {
		t.Errorf("a series in two parts: %v", err)
	}
}

// sumsFirst puts the sum and the count of each histogram's series in front of its buckets.
func sumsFirst(text string) string {
	var out, buckets strings.Builder
	for line := range strings.Lines(text) {
		name := sampleName([]byte(line))
		switch {
		case strings.HasSuffix(name, "_bucket"):
			buckets.WriteString(line)
			continue
		case buckets.Len() > 0 && strings.HasSuffix(name, "_count"):
			line += buckets.String()
			buckets.Reset()
		}
		out.WriteString(line)
	}
	return out.String()
}

// What is no text in Prometheus' format is refused wherever it stands, and so is what would need memory without a limit.
func TestForeignFilesThatAreRefused(t *testing.T) {
	other := strings.Repeat("other 1\n", 100_000)
	for name, test := range map[string]struct{ text, message string }{
		"text":              {"Dear all,\nthis is a letter.\n", "lines 1 to"},
		"text at the end":   {other + "not a number x\n", "100002"},
		"binary":            {"\x00\x01\x02\n", "lines 1 to"},
		"cut":               {other + "other{a=", "lines"},
		"a long line":       {"other{a=\"" + strings.Repeat("x", longestLine) + "\"} 1\n", "line 1: it has more than 1048576 bytes"},
		"a type of nothing": {"# TYPE other nothing\nother 1\n", "unknown metric type"},
		"ungrouped":         {strings.Repeat("dora_x_bucket 1\n", 1), ""},
		"too many series":   {series(mostTakenOver + 1), "more than 100000 series"},
		"labels":            {labels(40), "more than 33554432 bytes"},
	} {
		_, _, err := foreignBaseline(strings.NewReader(test.text), dora.FamiliesByName())
		if test.message == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %v, want %q", name, err, test.message)
		}
	}
	if _, _, err := foreignBaseline(strings.NewReader(series(mostTakenOver)), dora.FamiliesByName()); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
}

func series(n int) string {
	var b strings.Builder
	b.WriteString("# TYPE jira_incidents counter\n")
	for i := range n {
		fmt.Fprintf(&b, "jira_incidents{project=\"P%d\",team=\"t\"} 1\n", i)
	}
	return b.String()
}

func labels(n int) string {
	var b strings.Builder
	b.WriteString("# TYPE jira_incidents counter\n")
	for i := range n {
		fmt.Fprintf(&b, "jira_incidents{project=\"%d%s\",team=\"t\"} 1\n", i, strings.Repeat("x", longestLine-1000))
	}
	return b.String()
}

// A comment may have any length, and the names of other families take no memory without a limit.
func TestForeignFilesOfAnySize(t *testing.T) {
	text := io.MultiReader(strings.NewReader("# "), io.LimitReader(&repeated{text: "x"}, 8<<20), strings.NewReader("\njira"),
		strings.NewReader("_x 1\n"), &names{n: 200_000}, strings.NewReader("# TYPE jira_incidents counter\njira_incidents{project=\"P\",team=\"t\"} 7\n# EOF\n"))
	state, n, err := foreignBaseline(text, dora.FamiliesByName())
	if err != nil || len(state) != 1 || len(n.ignored) != 1000 {
		t.Errorf("%v, %d families, %d ignored", err, len(state), len(n.ignored))
	}
	openMetrics := "# TYPE github_deployments counter\ngithub_deployments_total{" + successText + "} 7\n# EOF\n"
	state, n, err = foreignBaseline(strings.NewReader(openMetrics), dora.FamiliesByName())
	if err != nil || state[dora.DeploymentsTotal][success.Key()].Baseline != 7 {
		t.Errorf("OpenMetrics: %v, %v, %+v", state, err, n)
	}
}

type repeated struct{ text string }

func (r *repeated) Read(p []byte) (int, error) { return copy(p, strings.Repeat(r.text, len(p))), nil }

type names struct{ i, n int }

func (n *names) Read(p []byte) (int, error) {
	if n.i++; n.i > n.n {
		return 0, io.EOF
	}
	return copy(p, fmt.Sprintf("other_%d 1\n", n.i)), nil
}

// A file of another program that ends as OpenMetrics does is taken over, and no damaged checkpoint.
func TestForeignFileWithAnEnd(t *testing.T) {
	for name, text := range map[string]string{
		"end":           string(metricText(dora.DeploymentsTotal, "counter", 7)) + "# EOF\n",
		"end alone":     "# EOF\n",
		"end, no break": string(metricText(dora.DeploymentsTotal, "counter", 7)) + "# EOF",
		"a label":       "# TYPE x gauge\nx{a=\"# checksum sha256=\"} 1\n" + string(metricText(dora.DeploymentsTotal, "counter", 7)) + "# EOF\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.put("dora-exporter.prom", []byte(text))
			state, _ := s.mustRestore()
			if want := float64(7 * strings.Count(text, "} 7")); state[dora.DeploymentsTotal][success.Key()].Baseline != want {
				t.Errorf("%v", state)
			}
			if strings.Contains(s.log.String(), "damaged") || !strings.Contains(s.log.String(), "taken over") {
				t.Errorf("log:\n%s", s.log.String())
			}
			s.reopen()
			again, _ := s.mustRestore() // from the store, since the file is known
			wantState(t, state, again)
		})
	}
}

// A checkpoint that is no file is refused at once, and so is a database.
func TestCheckpointThatIsNoFile(t *testing.T) {
	for _, suffix := range []string{"", ".prev"} {
		for what, create := range map[string]func(path string) error{
			"a FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
			"a device":    func(path string) error { return os.Symlink("/dev/zero", path) },
			"a socket": func(path string) error {
				l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
				if err == nil {
					l.SetUnlinkOnClose(false)
					err = l.Close()
				}
				return err
			},
		} {
			s := newSite(t)
			if suffix != "" {
				s.put("dora-exporter.prom", nil) // damaged, so that the previous one is read
				s.add(1)
			}
			if err := create(s.path() + suffix); err != nil {
				t.Fatal(err)
			}
			_, _, err := s.checkpoint(false).Restore(t.Context())
			if suffix == "" && (err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "storage.file.path")) {
				t.Errorf("%s: %v", what, err)
			}
			if suffix != "" && err != nil {
				t.Errorf("%s as the previous one: %v", what, err)
			}
		}
	}
	folder := t.TempDir()
	path := folder + "/x.db"
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path, newSite(t).logger()); err == nil || !strings.Contains(err.Error(), "storage.database") {
		t.Errorf("a database: %v", err)
	}
}

// FuzzInspect checks that nothing passes for a whole checkpoint without its seal.
func FuzzInspect(f *testing.F) {
	whole, err := encode(header{store: "5f0c", position: 7, start: noon}, dora.Families(), two(0))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{whole, whole[1:], whole[:len(whole)-1], append(whole[:len(whole):len(whole)], '\n'), []byte("# EOF\n"), nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := inspect(bytes.NewReader(data))
		if int64(len(data)) != found.size {
			t.Errorf("size %d, want %d", found.size, len(data))
		}
		_, sealed := unseal(data)
		if err == nil && !sealed {
			t.Errorf("accepted without a seal: %q", data)
		}
		if errors.Is(err, errForeign) && bytes.HasPrefix(data, []byte(headerPrefix)) {
			t.Errorf("foreign: %q", data)
		}
	})
}
