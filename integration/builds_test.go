package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// buildWith builds the exporter with some files of the repository replaced or added; overlay has the paths of the others.
func buildWith(t *testing.T, overlay map[string]string, flags ...string) (binary string) {
	t.Helper()
	absolute := map[string]string{}
	for path, other := range overlay {
		absolute[absolutePath(t, filepath.Join("..", path))] = absolutePath(t, other)
	}
	text, err := json.Marshal(map[string]any{"Replace": absolute})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	binary = filepath.Join(folder, "dora-exporter")
	file := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	arguments := append([]string{"build", "-buildvcs=false", "-overlay", file, "-o", binary}, flags...)
	build := exec.Command("go", append(arguments, "./cmd/dora-exporter")...)
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the exporter: %v\n%s", err, out)
	}
	return binary
}

func absolutePath(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
