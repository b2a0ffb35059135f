// Package testexporter has what tests need around the processes of the built program: the binary, addresses, the output, and
// waiting.
package testexporter

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Run builds the exporter, runs the tests, which find its path in *binary, and returns the exit status for TestMain. The
// package's folder must be in the root of the repository. Tests of processes wait most of the time, so that parallel of them run
// at once whatever the number of CPUs.
func Run(m *testing.M, binary *string, parallel string) int {
	folder, err := os.MkdirTemp("", "dora-exporter")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	*binary = filepath.Join(folder, "dora-exporter")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", *binary, "./cmd/dora-exporter") // linking takes less long without debug information
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the exporter: %v\n%s", err, out)
		return 1
	}
	if err := flag.Set("test.parallel", parallel); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
