package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"dora-exporter/internal/process"
	"dora-exporter/internal/workload"
)

// Restored is the memory of a server that took over series from a file of the existing exporter, and was started again.
type Restored struct {
	Series int `json:"series"`
	// Memory is the most that it used during some scrapes, in bytes.
	Memory float64 `json:"memory"`
}

// families are those of deployments in a file of the existing exporter, with their types.
var families = [...][2]string{
	{"github_deployments_total", "counter"}, {"github_deployments_duration", "gauge"}, {"github_deployments_duration_sum", "gauge"},
}

// existing returns a file of the existing exporter with a number of series.
func existing(series int) []byte {
	var b bytes.Buffer
	for i, family := range families {
		fmt.Fprintf(&b, "# HELP %s Deployments.\n# TYPE %s %s\n", family[0], family[0], family[1])
		for n := i; n < series; n += len(families) {
			set := n / len(families)
			environment, status := [...]string{"staging", "production"}[set%2], [...]string{"success", "failure", "in_progress", "inactive"}[set/2%4]
			fmt.Fprintf(&b, "%s{environment=%q,repo=\"service-%04d\",status=%q,team=%q} %d\n", family[0], environment, set/8, status, workload.TeamName(set/8%workload.Teams), 1+n%97)
		}
	}
	return b.Bytes()
}

// restored measures a server with restored series.
func restored(ctx context.Context, program, folder string, series int, o runOptions) (r Restored, err error) {
	e, err := newExporter(ctx, program, folder, "http://127.0.0.1:1/")
	if err != nil {
		return r, err
	}
	if err := os.WriteFile(e.path(checkpoint), existing(series), 0o600); err != nil {
		return r, err
	}
	defer e.end(syscall.SIGKILL)
	if _, err := e.start(ctx); err != nil {
		return r, err
	}
	e.end(syscall.SIGTERM)
	if _, err := e.start(ctx); err != nil {
		return r, err
	}
	for range 5 {
		text, err := e.get(ctx, "/metrics")
		if err != nil {
			return r, err
		}
		if n := strings.Count(text, "\ngithub_deployments_"); n < series {
			return r, fmt.Errorf("%s has %d of %d series", filepath.Join(folder, checkpoint), n, series)
		}
		wait(ctx, o.second)
	}
	return Restored{series, process.PeakMemory(e.pid())}, nil
}
