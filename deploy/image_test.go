package deploy

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The Dockerfile compiles what .dockerignore lets through, so every folder of this module that the program imports must be listed there.
func TestImageHasAllPackages(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if .Main}}{{$.ImportPath}}{{end}}{{end}}", "./cmd/dora-exporter")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 20 {
		t.Fatalf("the program has only %d packages", len(packages))
	}
	ignore := strings.Split(read(t, "../.dockerignore"), "\n")
	for _, name := range packages {
		folder, _, _ := strings.Cut(strings.TrimPrefix(name, "dora-exporter/"), "/")
		if !slices.Contains(ignore, "!"+folder) {
			t.Errorf(".dockerignore keeps %s out of the image", name)
		}
	}
	for _, file := range []string{"go.mod", "go.sum", "config.yml", "LICENSE", "deploy/image"} {
		if !slices.Contains(ignore, "!"+file) {
			t.Errorf(".dockerignore keeps %s out of the image", file)
		}
	}
}
