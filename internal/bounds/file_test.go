package bounds

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOpenTakesFilesAlone(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	if err := syscall.Mkfifo(in("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", in("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := os.Symlink("fifo", in("link-to-fifo")); err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]string{
		in("fifo"): "a FIFO", in("link-to-fifo"): "a FIFO", in("socket"): "a socket", folder: "a directory",
		"/dev/zero": "a device", "/dev/null": "a device",
	} {
		for name, open := range map[string]func() error{
			"Open":      func() error { _, err := Open(path); return err },
			"CheckFile": func() error { return CheckFile(path) },
			"ReadFile":  func() error { _, err := ReadFile(path, 10); return err },
		} {
			if err := open(); !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), kind) {
				t.Errorf("%s %s: %v, want %s", name, path, err, kind)
			}
		}
	}
	if err := CheckFile(in("missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestReadFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "file")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(folder, "link")
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, link} {
		if data, err := ReadFile(path, 10); err != nil || string(data) != "0123456789" {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	if _, err := ReadFile(path, 9); err == nil || !strings.Contains(err.Error(), "more than 9 bytes") {
		t.Errorf("above the limit: %v", err)
	}
}
