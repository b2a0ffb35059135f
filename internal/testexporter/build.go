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
	if err := Build(*binary, ""); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := flag.Set("test.parallel", parallel); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Build builds the exporter with a version, or without one if it is empty. The working directory must be as for Run.
func Build(path, version string) error {
	var flags []string
	if version != "" {
		flags = []string{"-ldflags", "-X main.version=" + version}
	}
	return BuildCommand(path, "dora-exporter", flags...)
}

// tags are those that the Makefile and the Dockerfile build with.
const tags = "nomsgpack,grpcnotrace"

// BuildCommand builds a command of cmd with flags of go run, which takes it from the build cache when nothing has changed; go build
// links it again for each path. The working directory must be as for Run.
func BuildCommand(path, name string, flags ...string) error {
	build := exec.Command("go", append(append([]string{"run", "-exec", "cp", "-tags", tags}, flags...), "./cmd/"+name, path)...)
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return nil
}
