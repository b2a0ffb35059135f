package testexporter

import (
	"context"
	"os"
	"os/exec"
	"testing"
)

// AsRoot runs a command as root, with sudo if need be.
func AsRoot(t testing.TB, command ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		command = append([]string{"sudo", "-n"}, command...)
	}
	// A test that has ended runs it, too, to clean up.
	if out, err := exec.CommandContext(context.Background(), command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v: %s", command, err, out)
	}
}
