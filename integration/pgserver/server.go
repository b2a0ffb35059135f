// Package pgserver runs real PostgreSQL servers for tests, each in a temporary folder and as an unprivileged user.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dora-exporter/internal/process"
	"dora-exporter/internal/testexporter"
)

// Server is a PostgreSQL server.
type Server struct {
	// Port is its port on 127.0.0.1.
	Port int
	// Folder has its data.
	Folder string

	tb       testing.TB
	settings []string
	command  *exec.Cmd
	output   testexporter.Buffer
	ended    chan struct{}
}

// Start starts a new server with settings such as fsync=off, and stops it at the end of the test.
func Start(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s := newServer(tb, settings)
	s.run("initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
	s.Boot()
	return s
}

func newServer(tb testing.TB, settings []string) *Server {
	tb.Helper()
	folder, err := os.MkdirTemp("", "pgserver")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{Port: freePort(tb), Folder: folder, tb: tb, settings: settings}
	tb.Cleanup(func() {
		s.Kill()
		_ = os.RemoveAll(folder)
	})
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		uid, gid := nobody(tb)
		if err := os.Chown(folder, uid, gid); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// Promote makes a standby the server.
func (s *Server) Promote() {
	s.tb.Helper()
	s.Psql("postgres", "SELECT pg_promote(true, 60)")
}

// Address returns the address that the server listens at.
func (s *Server) Address() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// CPUTime returns the CPU time that the server's processes have used.
func (s *Server) CPUTime() time.Duration {
	s.tb.Helper()
	used, err := process.TreeCPUTime(s.command.Process.Pid)
	if err != nil {
		s.tb.Fatal(err)
	}
	return used
}

// URL returns the URL of a database for a user.
func (s *Server) URL(user, database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", user, s.Port, database)
}

// Boot starts the server after Stop or Kill, and waits until it accepts connections.
func (s *Server) Boot() {
	s.tb.Helper()
	args := []string{"-D", s.data(), "-p", strconv.Itoa(s.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	s.command = s.as("postgres", args...)
	s.command.Stdout, s.command.Stderr = &s.output, &s.output
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.command.Start(); err != nil {
		s.tb.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func(c *exec.Cmd, ended chan struct{}) { _ = c.Wait(); close(ended) }(s.command, s.ended)
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if exec.Command(Program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port)).Run() == nil { //nolint:noctx // it ends at once
			return
		}
		select {
		case <-s.ended:
			s.tb.Fatalf("PostgreSQL ended:\n%s", s.output.String())
		default:
		}
		if time.Now().After(end) {
			s.tb.Fatalf("PostgreSQL does not start:\n%s", s.output.String())
		}
	}
}

// Stop shuts the server down, ending all sessions.
func (s *Server) Stop() { s.signal(syscall.SIGINT) }

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	if s.command == nil {
		return
	}
	children, _ := exec.Command("pgrep", "-P", strconv.Itoa(s.command.Process.Pid)).Output() //nolint:noctx // it ends at once
	s.signal(syscall.SIGKILL)
	for _, child := range strings.Fields(string(children)) {
		if pid, err := strconv.Atoi(child); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func (s *Server) signal(signal syscall.Signal) {
	if s.command == nil {
		return
	}
	if err := s.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Error(err)
	}
	<-s.ended
	s.command = nil
}

// Output returns what the server has logged.
func (s *Server) Output() string { return s.output.String() }

// Save copies the data of a stopped server, and returns a function that puts the copy back.
func (s *Server) Save() (restore func()) {
	s.tb.Helper()
	saved := s.data() + ".saved"
	s.run("cp", "-a", s.data(), saved)
	return func() {
		s.tb.Helper()
		s.run("rm", "-rf", s.data())
		s.run("cp", "-a", saved, s.data())
	}
}

// Psql runs statements as the superuser and returns what they print.
func (s *Server) Psql(database, statements string) string {
	s.tb.Helper()
	out, err := exec.Command(Program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statements, s.URL("postgres", database)).CombinedOutput() //nolint:noctx // it ends at once
	if err != nil {
		s.tb.Fatalf("psql: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// Trust lets everybody in from a network.
func (s *Server) Trust(network string) {
	s.tb.Helper()
	file, err := os.OpenFile(filepath.Join(s.data(), "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprintf(file, "host all all %s trust\n", network) //nolint:dupword // databases and roles
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		s.tb.Fatal(err)
	}
	s.Psql("postgres", "SELECT pg_reload_conf()")
}

func (s *Server) data() string { return filepath.Join(s.Folder, "data") }

func (s *Server) run(name string, args ...string) {
	s.tb.Helper()
	if out, err := s.as(name, args...).CombinedOutput(); err != nil {
		s.tb.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// as returns a command of PostgreSQL that runs as an unprivileged user.
func (s *Server) as(name string, args ...string) *exec.Cmd {
	all := append([]string{Program(name)}, args...)
	if os.Geteuid() == 0 {
		uid, gid := nobody(s.tb)
		all = append([]string{"setpriv", fmt.Sprintf("--reuid=%d", uid), fmt.Sprintf("--regid=%d", gid), "--clear-groups", "--"}, all...)
	}
	c := exec.CommandContext(context.Background(), all[0], all[1:]...)
	c.Dir = s.Folder
	return c
}

// Program returns the path of a program of the PostgreSQL whose folder is in the variable POSTGRES_BIN, or, if that is unset or lacks it,
// of the newest one: Debian does not put them into PATH.
func Program(name string) string {
	if folder := os.Getenv("POSTGRES_BIN"); folder != "" { //nolint:forbidigo // of tests alone
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return name
	}
	return slices.Max(found)
}

func nobody(tb testing.TB) (uid, gid int) {
	tb.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		tb.Fatal(err)
	}
	uid, _ = strconv.Atoi(u.Uid)
	gid, _ = strconv.Atoi(u.Gid)
	return uid, gid
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends at once
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
