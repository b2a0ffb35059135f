package pgserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"dora-exporter/internal/testexporter"
)

// Disk is a small file system in memory with a part of a server's data.
type Disk struct {
	tb   testing.TB
	path string
}

// SmallDisk restarts the server with a folder of its data, such as base (the tables) or pg_wal, on a file system of so many megabytes. It needs
// root.
func (s *Server) SmallDisk(folder string, megabytes int) *Disk {
	s.tb.Helper()
	s.Stop()
	path := filepath.Join(s.data(), folder)
	info, err := os.Stat(path)
	if err != nil {
		s.tb.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // on Linux
	testexporter.AsRoot(s.tb, "mv", path, path+".moved")
	testexporter.AsRoot(s.tb, "mkdir", path)
	options := fmt.Sprintf("size=%dm,mode=0700,uid=%d,gid=%d", megabytes, owner.Uid, owner.Gid)
	testexporter.AsRoot(s.tb, "mount", "-t", "tmpfs", "-o", options, "tmpfs", path)
	s.tb.Cleanup(func() {
		s.Kill()
		testexporter.AsRoot(s.tb, "umount", "-l", path)
	})
	testexporter.AsRoot(s.tb, "cp", "-a", path+".moved/.", path)
	s.Boot()
	return &Disk{s.tb, path}
}

// Fill writes to the disk until nothing fits any more.
func (d *Disk) Fill() {
	d.tb.Helper()
	file, err := os.Create(d.filler())
	if err != nil {
		d.tb.Fatal(err)
	}
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.tb.Error(err)
	}
	_ = file.Close()
}

// Free removes what Fill has written.
func (d *Disk) Free() {
	d.tb.Helper()
	if err := os.Remove(d.filler()); err != nil {
		d.tb.Error(err)
	}
}

func (d *Disk) filler() string { return filepath.Join(d.path, "filler") }
