package persistence

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestReplaceFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.prom")
	// Left by another user's program that was killed.
	if err := os.WriteFile(path+".tmp", []byte("left over, and longer than what comes"), 0o400); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{"one", "two", "three"} {
		if err := replaceFile(path, []byte(data)); err != nil {
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
func TestReplaceFileDoesNotFollowTheTemporary(t *testing.T) {
	folder := t.TempDir()
	path, other := filepath.Join(folder, "a.prom"), filepath.Join(folder, "other")
	if err := os.WriteFile(other, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, path+".tmp"); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(other); err != nil || string(data) != "precious" {
		t.Errorf("the file of another is now %q, %v", data, err)
	}
}

// The path may be a link, to a file that is there or is still to be written: the link stays.
func TestCheckpointBehindALink(t *testing.T) {
	for name, link := range map[string]string{"absolute": "", "relative": "../data/b.prom"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			for _, name := range []string{"data", "textfile"} {
				if err := os.Mkdir(filepath.Join(s.folder, name), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			path, target := filepath.Join(s.folder, "textfile", "a.prom"), filepath.Join(s.folder, "data", "b.prom")
			if link == "" {
				link = target
			}
			if err := os.Symlink(link, path); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				c := NewCheckpoint(path, s.store, dora.Families(), false, s.logger())
				if _, _, err := s.restore(c); err != nil {
					t.Fatal(err)
				}
				if err := c.Write(t.Context(), dora.State{}, 0); err != nil {
					t.Fatal(err)
				}
				if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSymlink {
					t.Fatalf("the link is now %v, %v", info, err)
				}
				if _, err := os.Lstat(target); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestReplaceFileCleansUp(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.prom")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil { // can't be replaced by a file
		t.Fatal(err)
	}
	if err := replaceFile(path, []byte("one")); err == nil {
		t.Error("no error")
	}
	if _, err := os.Lstat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file was left: %v", err)
	}
}
