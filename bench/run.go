package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Run has the measurements of a run, with the machine and the time.
type Run struct {
	Date     string     `json:"date"`
	Machine  string     `json:"machine"`
	Results  []Result   `json:"results"`
	Restored []Restored `json:"restored"`
}

// runOptions are how a run measures.
type runOptions struct {
	// turns is how often a store is compared with a new one.
	turns int
	// second is a second of what takes a fixed number of them, or less in tests.
	second time.Duration
}

// measureAll measures histories of some sizes, and servers with some numbers of restored series, in subfolders.
func measureAll(ctx context.Context, program, folder string, sizes, series []int, o runOptions) (Run, error) {
	run := Run{Date: time.Now().UTC().Format(time.DateOnly), Machine: machine()}
	var err error
	if run.Results, err = measureEach(ctx, program, folder, "deployments", sizes, o, measure); err == nil {
		run.Restored, err = measureEach(ctx, program, folder, "series", series, o, restored)
	}
	return run, err
}

// measureEach measures with each number of what, in a subfolder of its own. With an error it returns what was measured before.
func measureEach[T any](
	ctx context.Context, program, folder, what string, numbers []int, o runOptions,
	measure func(ctx context.Context, program, folder string, n int, o runOptions) (T, error),
) (all []T, err error) {
	for _, n := range numbers {
		own, err := newFolder(folder, fmt.Sprintf("%d-%s", n, what))
		if err != nil {
			return all, err
		}
		measured, err := measure(ctx, program, own, n, o)
		if err != nil {
			return all, fmt.Errorf("measure %d %s: %w", n, what, err)
		}
		all = append(all, measured)
	}
	return all, nil
}

// newFolder makes a subfolder, which must not exist: a store in it would be measured with it.
func newFolder(folder, name string) (string, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	own := filepath.Join(folder, name)
	return own, os.Mkdir(own, 0o700)
}

// machine returns the number and the model of the CPUs.
func machine() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // other systems have none
	_, rest, _ := bytes.Cut(text, []byte("model name"))
	line, _, _ := strings.Cut(string(rest), "\n")
	model := strings.TrimLeft(line, "\t: ")
	return strings.TrimSuffix(fmt.Sprintf("%d × %s", runtime.NumCPU(), model), " × ")
}

// writeRun writes a run to a file, for readRun.
func writeRun(path string, run Run) error {
	text, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

func readRun(path string) (run Run, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return run, err
	}
	if err := json.Unmarshal(text, &run); err != nil {
		return run, fmt.Errorf("%s: %w", path, err)
	}
	return run, nil
}

// numbers returns the numbers of a comma-separated list in ascending order.
func numbers(list string, least int) (all []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < least {
			return nil, fmt.Errorf("%q must be a number of at least %d", text, least)
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
