package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Nothing in the program calls methods by a name that the linker does not know, such as templates do: it would keep all exported methods,
// a quarter more to download and 5 MiB more memory. The chain of calls to the first line says who does.
func TestLinkerLeavesOutMethods(t *testing.T) {
	places := map[string]string{"Makefile": `(?m)^TAGS +:= (\S+)$`, "Dockerfile": `-tags (\S+)`, "internal/testexporter/build.go": `tags = "(\S+)"`}
	var tags string
	for file, pattern := range places {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s has no build tags", file)
		}
		if other := tags; other != "" && other != string(found[1]) {
			t.Fatalf("%s has the build tags %s, another file %s", file, found[1], other)
		}
		tags = string(found[1])
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-tags", tags, "-ldflags", "-dumpdep", "-o", filepath.Join(t.TempDir(), "dora-exporter"), "./cmd/dora-exporter")
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	var dependencies bytes.Buffer
	build.Stderr = &dependencies
	if err := build.Run(); err != nil {
		t.Fatalf("build the exporter: %v", err)
	}
	all := strings.Split(dependencies.String(), "\n")
	if len(all) < 10_000 {
		t.Fatalf("the linker listed only %d dependencies: %s", len(all), dependencies.String())
	}
	for _, line := range all {
		if strings.HasSuffix(line, "<ReflectMethod>") {
			t.Errorf("all exported methods are kept: %s", line)
		}
	}
}
