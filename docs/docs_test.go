package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dora-exporter/internal/markdown"
)

// longestREADME is its limit in bytes: what does not fit belongs on a page of its own.
const longestREADME = 10_000

func TestREADMESize(t *testing.T) {
	if size := len(markdown.Read(t, "README.md").Text); size > longestREADME {
		t.Errorf("README.md has %d bytes, more than %d", size, longestREADME)
	}
}

// documents returns the paths of all Markdown files for people.
func documents(t *testing.T) []string {
	t.Helper()
	root, paths := markdown.Root(t), []string(nil)
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			relative, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, relative)
		}
	}
	if len(paths) < 10 {
		t.Fatalf("only %d documents were found", len(paths))
	}
	return paths
}

var (
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fence     = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	namedTest = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")
)

// TestLinks checks that each relative link leads to a file of the repository, and each anchor to a heading.
func TestLinks(t *testing.T) {
	for _, path := range documents(t) {
		text := fence.ReplaceAllString(markdown.Read(t, path).Text, "")
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(found[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(filepath.Join(markdown.Root(t), target)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", path, found[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(markdown.Read(t, target).Text), anchor) {
				t.Errorf("%s: %s has no heading #%s", path, target, anchor)
			}
		}
	}
}

// anchors returns the anchors that GitHub gives to the headings of a document.
func anchors(text string) []string {
	var all []string
	for _, found := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := strings.ToLower(strings.ReplaceAll(found[1], " ", "-"))
		all = append(all, regexp.MustCompile(`[^\w-]`).ReplaceAllString(name, ""))
	}
	return all
}

// TestNamedTestsExist checks that each test that a document names is in the repository.
func TestNamedTestsExist(t *testing.T) {
	existing := map[string]bool{}
	err := filepath.WalkDir(markdown.Root(t), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			existing[found[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, path := range documents(t) {
		for _, found := range namedTest.FindAllStringSubmatch(markdown.Read(t, path).Text, -1) {
			named++
			if !existing[found[1]] {
				t.Errorf("%s: there is no test %s", path, found[1])
			}
		}
	}
	if named < 30 {
		t.Errorf("the documents name only %d tests", named)
	}
}

// namedFile matches the path of a file or folder of Go code in a document.
var namedFile = regexp.MustCompile("`([a-z]\\w*(?:/\\w+)*/\\w+\\.go)`")

// TestNamedFilesExist checks that each Go file that a document names is in the repository. A folder that is not there yet is
// no error.
func TestNamedFilesExist(t *testing.T) {
	root, named := markdown.Root(t), 0
	for _, path := range documents(t) {
		for _, found := range namedFile.FindAllStringSubmatch(markdown.Read(t, path).Text, -1) {
			named++
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(found[1]))); err != nil {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, found[1])); err != nil {
				t.Errorf("%s: there is no file %s", path, found[1])
			}
		}
	}
	if named < 20 {
		t.Errorf("the documents name only %d files", named)
	}
}
