package postgres

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dora-exporter/integration/pgserver"
	"dora-exporter/persistence/postgres"
)

// password needs to be encoded in a URL.
const password = "ge@heim/%40:?#"

// startTLS starts a server with TLS for 127.0.0.1. It lets the role dora in with TLS and a password, plain with a password and without TLS,
// and tls with a client certificate.
func startTLS(t *testing.T, authority *pgserver.Authority) *pgserver.Server {
	t.Helper()
	s := pgserver.Start(t, "fsync=off")
	s.Psql("postgres", "CREATE ROLE dora LOGIN PASSWORD '"+password+"'; CREATE ROLE plain LOGIN PASSWORD '"+password+"'; CREATE ROLE tls LOGIN;"+
		"GRANT CREATE ON DATABASE postgres TO dora, plain, tls")
	certificate, key := authority.Issue(pgserver.ServerCertificate("127.0.0.1"))
	s.UseTLS(certificate, key, authority.Root)
	s.Access("hostssl all dora 127.0.0.1/32 scram-sha-256", "hostnossl all plain 127.0.0.1/32 scram-sha-256", "hostssl all tls 127.0.0.1/32 cert")
	return s
}

// address returns the URL of a server for a role with the password, and with settings such as sslmode=require.
func address(s *pgserver.Server, role string, settings ...string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/postgres?%s", role, url.QueryEscape(password), s.Port, strings.Join(settings, "&"))
}

// checkOpen opens a store as a server does when it starts, and closes it. It fails if the error lacks a text, which is empty for none, or has
// the password.
func checkOpen(t *testing.T, url, want string) {
	t.Helper()
	var s *postgres.Store
	var said strings.Builder
	err := postgres.Await(t.Context(), time.Second, slog.New(slog.NewTextHandler(&said, nil)), func() (err error) {
		s, err = postgres.Open(t.Context(), url, fmt.Sprintf("dora_%d", schemas.Add(1)), slog.New(slog.DiscardHandler))
		return err
	})
	switch {
	case err == nil:
		defer s.Close()
		if want != "" {
			t.Errorf("Open succeeds, want the error %q", want)
		}
	case want == "" || !strings.Contains(err.Error(), want):
		t.Errorf("Open = %v, want %q", err, want)
	case strings.Contains(err.Error(), "check that the server runs"):
		t.Errorf("Open = %v, although the server runs", err)
	}
	if strings.Contains(said.String(), "waiting") {
		t.Errorf("it waits for what never comes: %s", said.String())
	}
	for _, secret := range []string{"heim", "%40:"} { // parts of the password, also if it is encoded
		if strings.Contains(fmt.Sprint(err, said.String()), secret) {
			t.Errorf("the password is in %v, or in %s", err, said.String())
		}
	}
}

// TLS is as the URL says, and what is wrong with it is said at once.
func TestTLS(t *testing.T) {
	authority, stranger := pgserver.NewAuthority(t, "authority"), pgserver.NewAuthority(t, "stranger")
	server := startTLS(t, authority)
	full, root := "sslmode=verify-full", "sslrootcert="+authority.Root
	client := func(by *pgserver.Authority, role string) string {
		certificate, key := by.Issue(pgserver.ClientCertificate(role))
		return "sslcert=" + certificate + "&sslkey=" + key
	}
	certificate, _ := authority.Issue(pgserver.ClientCertificate("tls"))
	_, otherKey := authority.Issue(pgserver.ClientCertificate("tls"))
	for name, test := range map[string]struct{ url, want string }{
		"verify-full":              {address(server, "dora", full, root), ""},
		"require":                  {address(server, "dora", "sslmode=require"), ""},
		"prefer":                   {address(server, "dora"), ""},
		"prefer, no TLS":           {address(server, "plain"), ""},
		"another authority":        {address(server, "dora", full, "sslrootcert="+stranger.Root), "certificate signed by unknown authority"},
		"verify-ca of another":     {address(server, "dora", "sslmode=verify-ca", "sslrootcert="+stranger.Root), "set sslrootcert"},
		"the machine's authority":  {address(server, "dora", full), "set sslrootcert"},
		"no file of the authority": {address(server, "dora", full, "sslrootcert=/nowhere"), "open /nowhere: no such file"},
		"refused without TLS":      {address(server, "dora", "sslmode=disable"), "set sslmode=verify-full"},
		"refused with TLS":         {address(server, "plain", "sslmode=require"), "check the user and password"},
		"wrong password":           {strings.Replace(address(server, "dora", full, root), ":ge", ":gegen", 1), `password authentication failed for user "dora"`},

		"client certificate":               {address(server, "tls", full, root, client(authority, "tls")), ""},
		"no client certificate":            {address(server, "tls", full, root), "set sslcert and sslkey"},
		"client certificate of a stranger": {address(server, "tls", full, root, client(stranger, "tls")), "set sslcert and sslkey"},
		"client certificate of a namesake": {address(server, "tls", full, root, client(pgserver.NewAuthority(t, "authority"), "tls")), "check the client certificate"},
		"client certificate of another":    {address(server, "tls", full, root, client(authority, "dora")), "sslkey in storage.database to one for the user"},
		"no file of the client's key":      {address(server, "tls", full, root, "sslcert="+certificate+"&sslkey=/nowhere"), "open /nowhere: no such file"},
		"the key of another certificate":   {address(server, "tls", full, root, "sslcert="+certificate+"&sslkey="+otherKey), "private key does not match public key"},
		"a certificate instead of the key": {address(server, "tls", full, root, "sslcert="+certificate+"&sslkey="+authority.Root), "found a certificate rather than a key"},
	} {
		t.Run(name, func(t *testing.T) { checkOpen(t, test.url, test.want) })
	}
}

// The certificate of a server may be for another host, or too old, and a server may have none.
func TestServerCertificates(t *testing.T) {
	authority := pgserver.NewAuthority(t, "authority")
	server := startTLS(t, authority)
	full, root := "sslmode=verify-full", "sslrootcert="+authority.Root
	present := func(host string, expired bool) {
		template := pgserver.ServerCertificate(host)
		if expired {
			template.NotBefore, template.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		}
		certificate, key := authority.Issue(template)
		server.UseTLS(certificate, key, authority.Root)
	}
	present("db.example.com", false)
	checkOpen(t, address(server, "dora", full, root), "certificate of the server is for another host")
	checkOpen(t, address(server, "dora", "sslmode=verify-ca", root), "")
	present("127.0.0.1", true)
	checkOpen(t, address(server, "dora", full, root), "the server needs another certificate")
	server.Psql("postgres", "ALTER SYSTEM SET ssl = off")
	server.Stop()
	server.Boot()
	checkOpen(t, address(server, "dora", full, root), "set ssl = on there")
}

// libpq's variables set what the URL leaves out.
func TestVariables(t *testing.T) {
	authority := pgserver.NewAuthority(t, "authority")
	server := startTLS(t, authority)
	port := fmt.Sprint(server.Port)
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	passwords := file(`127.0.0.1:` + port + `:postgres:dora:` + strings.ReplaceAll(password, ":", `\:`) + "\n")
	certificate, key := authority.Issue(pgserver.ClientCertificate("tls"))
	for name, test := range map[string]struct {
		url       string
		variables map[string]string
		want      string
	}{
		"all": {"postgres://", map[string]string{
			"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "dora", "PGPASSWORD": password, "PGDATABASE": "postgres",
			"PGSSLMODE": "verify-full", "PGSSLROOTCERT": authority.Root,
		}, ""},
		"a file with passwords": {"postgres://dora@127.0.0.1:" + port + "/postgres", map[string]string{"PGPASSFILE": passwords}, ""},
		"the user and password": {"postgres://127.0.0.1:" + port + "/postgres?sslmode=require", map[string]string{"PGUSER": "dora", "PGPASSWORD": password}, ""},
		"the URL comes first": {address(server, "dora", "sslmode=require"), map[string]string{
			"PGHOST": "nowhere.invalid", "PGPORT": "1", "PGUSER": "nobody", "PGPASSWORD": "x", "PGDATABASE": "none", "PGSSLMODE": "disable",
		}, ""},
		"a client certificate": {"postgres://tls@127.0.0.1:" + port + "/postgres", map[string]string{
			"PGSSLMODE": "verify-full", "PGSSLROOTCERT": authority.Root, "PGSSLCERT": certificate, "PGSSLKEY": key,
		}, ""},
		"a service": {"postgres://dora@/", map[string]string{
			"PGSERVICEFILE": file("[dora]\nhost=127.0.0.1\nport=" + port + "\ndbname=postgres\nsslmode=require\n"), "PGSERVICE": "dora", "PGPASSWORD": password,
		}, ""},
		"options":              {address(server, "dora"), map[string]string{"PGOPTIONS": "-c nonsense=1"}, "nonsense"},
		"a wrong password":     {"postgres://dora@127.0.0.1:" + port + "/postgres", map[string]string{"PGPASSWORD": "geheim"}, "check the user and password"},
		"TLS that is required": {"postgres://plain@127.0.0.1:" + port + "/postgres", map[string]string{"PGPASSWORD": password, "PGSSLMODE": "require"}, "check the user and password"},
		"another authority": {address(server, "dora", "sslmode=verify-full"), map[string]string{
			"PGSSLROOTCERT": pgserver.NewAuthority(t, "stranger").Root,
		}, "set sslrootcert"},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range test.variables {
				t.Setenv(variable, value)
			}
			checkOpen(t, test.url, test.want)
		})
	}
}
