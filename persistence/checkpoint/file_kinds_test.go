package checkpoint

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dora-exporter/dora"
	"dora-exporter/persistence/sqlite"
)

// A checkpoint that is no file is refused at once, and so is a database.
func TestCheckpointThatIsNoFile(t *testing.T) {
	for _, suffix := range []string{"", ".prev"} {
		for kind, create := range map[string]func(path string) error{
			"a FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
			"a device":    func(path string) error { return os.Symlink("/dev/zero", path) },
			"a socket": func(path string) error {
				l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
				if err == nil {
					l.SetUnlinkOnClose(false)
					err = l.Close()
				}
				return err
			},
		} {
			s := newSite(t)
			if suffix != "" {
				s.put("dora-exporter.prom", nil) // damaged, so that the previous one is read
				s.add(1)
			}
			if err := create(s.path() + suffix); err != nil {
				t.Fatal(err)
			}
			_, _, err := s.checkpoint(false).Restore(t.Context())
			if suffix == "" && (err == nil || !strings.Contains(err.Error(), kind) || !strings.Contains(err.Error(), "storage.file.path")) {
				t.Errorf("%s: %v", kind, err)
			}
			if suffix != "" && err != nil {
				t.Errorf("%s as the previous one: %v", kind, err)
			}
		}
	}
	folder := t.TempDir()
	path := folder + "/x.db"
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path, newSite(t).logger()); err == nil || !strings.Contains(err.Error(), "storage.database") {
		t.Errorf("a database: %v", err)
	}
}

func TestPlacesThatWillNotDo(t *testing.T) {
	s := newSite(t)
	for path, part := range map[string]string{
		filepath.Join(s.folder, "missing", "a.prom"): "make its folder with: mkdir -p " + filepath.Join(s.folder, "missing"),
		s.folder: "set the path of a file",
	} {
		c := New(path, s.store, dora.Families(), false, s.logger())
		_, _, err := s.restore(c)
		if err == nil {
			err = c.Write(t.Context(), dora.State{}, nil, 0)
		}
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: error %v does not say %q", path, err, part)
		}
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
				c := New(path, s.store, dora.Families(), false, s.logger())
				if _, _, err := s.restore(c); err != nil {
					t.Fatal(err)
				}
				if err := c.Write(t.Context(), dora.State{}, nil, 0); err != nil {
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
