package checkpoint

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"dora-exporter/dora"
)

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
				c := New(path, s.store, dora.Families(), false, s.logger())
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
