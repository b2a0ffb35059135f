package story

import (
	"os/exec"
	"strings"
	"testing"
)

// The process that a person starts does not initialize the whole program before it starts the one that reads.
func TestCommandStartsOnce(t *testing.T) {
	t.Parallel()
	c := exec.CommandContext(t.Context(), binary, "report", "-config.file=missing.yml")
	c.Env = []string{"GODEBUG=inittrace=1"} // https://pkg.go.dev/runtime#hdr-Environment_Variables
	text, _ := c.CombinedOutput()
	if code := c.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(text), "missing.yml") {
		t.Errorf("exit status %d: %s", code, text)
	}
	for name, want := range map[string]int{"main": 1, "dora-exporter/app": 1, "modernc.org/sqlite": 1, "os": 2} {
		if n := strings.Count(string(text), "init "+name+" @"); n != want {
			t.Errorf("package %s was initialized %d times, want %d", name, n, want)
		}
	}
}
