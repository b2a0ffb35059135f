package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var sample = Run{
	Date: "2026-03-02", Machine: "2 × x",
	Results: []Result{
		{Deployments: 1000, Accepted: 1750.4, CPU: 0.0048, Disk: 5120, Memory: 64 << 20},
		{Deployments: 1_000_000, Accepted: 999.6, CPU: 0.25, Disk: 2 << 20, Memory: 65 << 20},
	},
	Restored: []Restored{{10_000, 45 << 20}},
}

func TestTable(t *testing.T) {
	before := Run{Results: []Result{{Deployments: 1000, Accepted: 880, CPU: 0.0056, Disk: 12_700, Memory: 80 << 20}}, Restored: []Restored{{10_000, 74 << 20}}}
	text := table(sample, before)
	for _, want := range []string{
		"| deployments | 1,000 | 1,000,000 |\n|---|---|---|\n",
		"| webhooks accepted a second | 880 → 1,750 | 1,000 |\n",
		"| CPU for a deployment | 5.6 ms → 4.8 ms | 0.25 s |\n",
		"| disk for a deployment | 12.4 KiB → 5.0 KiB | 2 MiB |\n",
		"| memory of the server | 80 MiB → 64 MiB | 65 MiB |\n",
		"\n| 10,000 | 74 MiB → 45 MiB |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestRunFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.json")
	if err := writeRun(path, sample); err != nil {
		t.Fatal(err)
	}
	got, err := readRun(path)
	if diff := cmp.Diff(sample, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestNumbers(t *testing.T) {
	for list, want := range map[string][]int{"": nil, "200": {200}, "1000,200,1000": {200, 1000}} {
		got, err := numbers(list, 100)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v %s", list, err, diff)
		}
	}
	for list, want := range map[string]string{"200,20": `"20" must be a number of at least 100`, "1k": `"1k" must be a number of at least 100`} {
		if _, err := numbers(list, 100); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", list, err, want)
		}
	}
}

func TestPlot(t *testing.T) {
	for name, results := range map[string][]Result{"two sizes": sample.Results, "one size": sample.Results[:1]} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "plot.svg")
			if err := drawPlot(path, results); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"<svg", ">webhooks a second<", ">explain metric<", ">1,000<"} {
				if !strings.Contains(string(text), want) {
					t.Errorf("the plot has no %s", want)
				}
			}
		})
	}
}
