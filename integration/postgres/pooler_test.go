package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dora-exporter/dora"
	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
	"dora-exporter/persistence/storetest"
)

// TestPooler runs the contract of several processes through PgBouncer in transaction mode, where no session keeps anything. Older versions of
// it need a mode without prepared statements.
func TestPooler(t *testing.T) {
	server := pgserver.Start(t, "fsync=off", "max_connections=100")
	port := startPooler(t, server)
	for _, mode := range []string{"exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			url := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable&default_query_exec_mode=%s", port, mode)
			storetest.RunShared(t, func(t *testing.T) (a, b storetest.Store) {
				p := place{url, newPlace(server).schema}
				return contractStore{p.open(t), p}, contractStore{p.open(t), p}
			})
			t.Run("deployments", func(t *testing.T) { storesDeployments(t, place{url, newPlace(server).schema}) })
		})
	}
}

// storesDeployments stores and reads one of each kind of record whose columns differ.
func storesDeployments(t *testing.T, p place) {
	s, err := postgres.Open(t.Context(), p.url, p.schema, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(t.Context(), func(tx dora.Tx) error {
		if err := tx.Incidents().Save(dora.Incident{Key: "a\x00\xff'", Name: `\x41`, Created: time.UnixMilli(7)}); err != nil {
			return err
		}
		return tx.Commits().AddLookup(dora.Lookup{Commit: dora.Commit{SHA: "a"}, Inaccessible: true})
	})
	if err != nil {
		t.Fatal(err)
	}
	i, known, err := s.Incident(t.Context(), "a\x00\xff'")
	if err != nil || !known || i.Name != `\x41` {
		t.Errorf("Incident = %+v, %t, %v", i, known, err)
	}
	if err := s.SetPushed(t.Context(), []dora.PushedSeries{{Instrument: "x", Value: 1.5}}); err != nil {
		t.Error(err)
	}
	pushed, _, err := s.Pushed(t.Context())
	if err != nil || len(pushed) != 1 || pushed[0].Value != 1.5 {
		t.Errorf("Pushed = %+v, %v", pushed, err)
	}
}

// startPooler starts PgBouncer before a server and returns its port.
func startPooler(t *testing.T, server *pgserver.Server) int {
	t.Helper()
	folder, err := os.MkdirTemp("", "pgbouncer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	config := strings.Join([]string{
		"[databases]", fmt.Sprintf("postgres = host=127.0.0.1 port=%d user=postgres", server.Port),
		"[pgbouncer]", "listen_addr = 127.0.0.1", "listen_port = " + strconv.Itoa(port), "auth_type = any", "pool_mode = transaction",
		"default_pool_size = 10", "unix_socket_dir =", "logfile = " + filepath.Join(folder, "log"), "",
	}, "\n")
	file := filepath.Join(folder, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	args := []string{file}
	if os.Geteuid() == 0 {
		args = []string{"-u", "nobody", file}
	}
	pooler := exec.CommandContext(ctx, "/usr/sbin/pgbouncer", args...)
	if err := pooler.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = pooler.Wait()
	})
	eventually(t, "the pooler", func() error {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return port
}
