// Package parent runs subcommands in a child process; package child says why. It does so while the program's packages are initialized,
// which takes most of the CPU of a start: this process needs few of them. Go initializes packages in the order of their paths as soon as
// those that they import are initialized (https://go.dev/ref/spec#Program_initialization), so this one imports few, and comes before
// nearly all dependencies.
package parent

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"dora-exporter/internal/child"
)

func init() {
	args := os.Args[1:]
	word, ok := FirstWord(args)
	if !ok || child.IsChild() {
		return // main runs
	}
	status, err := child.Run(withProgress(word, args))
	if err != nil {
		PrintError(err)
		status = 1
	}
	os.Exit(status)
}

// PrintError prints each line of an error with the program's name before it.
func PrintError(err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(os.Stderr, "dora-exporter:", line)
	}
}

// booleans are the program's flags without a value.
var booleans = []string{"accept-store", "healthcheck", "version"}

// FirstWord returns the first word of a subcommand; false if there is none, as for the server. Flags of subcommands come after it, and
// the child reports wrong flags.
func FirstWord(args []string) (string, bool) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		name, isFlag := strings.CutPrefix(arg, "-")
		switch {
		case arg == "--":
			continue
		case !isFlag || name == "":
			return arg, true
		}
		name = strings.TrimPrefix(name, "-")
		if !strings.Contains(name, "=") && !slices.Contains(booleans, name) && len(args) > 0 {
			args = args[1:]
		}
	}
	return "", false
}

// ProgressFlag is the flag that says how to show the progress of a backfill. The child has no terminal.
const ProgressFlag = "progress"

// withProgress adds the flag to the arguments of a backfill if the progress is shown on a terminal.
func withProgress(word string, args []string) []string {
	if word == "backfill" && !slices.Contains(args, "-"+ProgressFlag) && term.IsTerminal(int(os.Stderr.Fd())) {
		return append(slices.Clip(args), "-"+ProgressFlag, "bar")
	}
	return args
}
