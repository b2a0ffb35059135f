package localfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReplaceFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.prom")
	// Left by another user's program that was killed.
	if err := os.WriteFile(path+".tmp", []byte("left over, and longer than what comes"), 0o400); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{"one", "two", "three"} {
		if err := Replace(path, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(data)
		if info, err := e.Info(); err != nil || info.Mode() != 0o644 {
			t.Errorf("%s: mode %v, %v; want one that other tools can read", e.Name(), info.Mode(), err)
		}
	}
	if diff := cmp.Diff(map[string]string{"a.prom": "three", "a.prom.prev": "two"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is half-written and left over may be a link: it is not followed.
func TestReplaceFileLinks(t *testing.T) {
	folder := t.TempDir()
	path, other := filepath.Join(folder, "a.prom"), filepath.Join(folder, "other")
	if err := os.WriteFile(other, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, path+".tmp"); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(other); err != nil || string(data) != "precious" {
		t.Errorf("the file of another is now %q, %v", data, err)
	}
}

func TestReplaceFileCleansUp(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.prom")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil { // can't be replaced by a file
		t.Fatal(err)
	}
	if err := Replace(path, []byte("one")); err == nil {
		t.Error("no error")
	}
	if _, err := os.Lstat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file was left: %v", err)
	}
}
