package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// stop matches a row of the walk in architecture.md: its number, the file and the functions.
var stop = regexp.MustCompile("(?m)^\\| [0-9]+ \\| `([^`]+\\.go)`: ([^|]+) \\|")

// The functions of the walk from a stored delivery to its facts are in the files that architecture.md names.
func TestWalk(t *testing.T) {
	text, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	stops := stop.FindAllStringSubmatch(string(text), -1)
	if len(stops) < 5 || len(stops) > 8 {
		t.Errorf("%d stops, want 5 to 8", len(stops))
	}
	for _, s := range stops {
		source, err := os.ReadFile(filepath.Join("..", s[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		for name := range strings.SplitSeq(s[2], ", ") {
			name = strings.Trim(name, "`")
			name = name[strings.LastIndexByte(name, '.')+1:]
			if !regexp.MustCompile(`(?m)^func (\(\w+ \*?\w+\) )?` + name + `\(`).Match(source) {
				t.Errorf("%s has no function %s", s[1], name)
			}
		}
	}
}
