package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"dora-exporter/internal/process"
)

// usage has the time and memory that a command needed.
type usage struct {
	took   time.Duration
	memory float64 // the most that one of its processes used, in bytes
	output string
}

// run runs a command beside the server. The memory is polled, since the kernel's own figure includes that of this process.
func (e *exporter) run(ctx context.Context, args ...string) (usage, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := e.Command(ctx, args...)
	var output, problems bytes.Buffer
	c.Stdout, c.Stderr = &output, &problems
	began := time.Now()
	if err := c.Start(); err != nil {
		return usage{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	var u usage
	for {
		select {
		case err := <-ended:
			u.took, u.output = time.Since(began), output.String()
			if err != nil {
				err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, problems.String())
			}
			return u, err
		case <-time.After(2 * time.Millisecond):
			for _, pid := range process.Descendants(c.Process.Pid) {
				u.memory = max(u.memory, process.PeakMemory(pid))
			}
		}
	}
}

// median runs a command three times and returns the usage of the run of the median time, with the most memory of all.
func (e *exporter) median(ctx context.Context, args ...string) (usage, error) {
	var all []usage
	var memory float64
	for range 3 {
		u, err := e.run(ctx, args...)
		if err != nil {
			return usage{}, err
		}
		all = append(all, u)
		memory = max(memory, u.memory)
	}
	slices.SortFunc(all, func(a, b usage) int { return int(a.took - b.took) })
	u := all[len(all)/2]
	u.memory = memory
	return u, nil
}
