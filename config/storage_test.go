package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Messages name a database without its user, password and settings.
func TestDatabaseName(t *testing.T) {
	for database, want := range map[string]string{
		"/data/dora-exporter.db":                "/data/dora-exporter.db",
		"postgres://":                           "postgres://",
		"postgres:///dora?host=/run/postgresql": "postgres:///dora",
		"postgres://db.example.com/dora":        "postgres://db.example.com/dora",
		"postgresql://dora:canary@db.example.com:5433/dora?sslmode=verify-full":   "postgres://db.example.com:5433/dora",
		"postgres://dora:canary@canary@db.example.com/dora":                       "postgres://…",
		"postgres://dora:12/canary@db.example.com/dora?user=a@b":                  "postgres://…",
		"postgres://db.example.com/dora?user=dora@canary":                         "postgres://…",
		"postgres://dora:c%40nary@[2001:db8::1]:5432/dora":                        "postgres://[2001:db8::1]:5432/dora",
		"postgres://dora:canary@a.example.com:5432,b.example.com:5433/dora":       "postgres://a.example.com:5432,b.example.com:5433/dora",
		"postgres://db.example.com/dora?user=dora&password=canary":                "postgres://db.example.com/dora",
		"postgres://db.example.com/dora?password=1@canary":                        "postgres://…",
		"postgres://dora:12/canary@db.example.com/dora":                           "postgres://…",
		"postgres://dora:12?canary@db.example.com/dora":                           "postgres://…",
		"postgres://dora:12#canary@db.example.com/dora":                           "postgres://…",
		"postgres://dora:100%-canary@db.example.com/dora":                         "postgres://…",
		"postgres://dora:canary@db.example.com/dora?sslmode=require#canary":       "postgres://…",
		"postgres://dora:canary@db.example.com/dora?options=-c%20search_path%3Dx": "postgres://db.example.com/dora",
	} {
		if got := (&Storage{Database: database}).Name(); got != want {
			t.Errorf("%s is called %s, want %s", database, got, want)
		}
	}
}

func TestStorage(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(secret, []byte("postgres://dora:canary@db.example.com/dora\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		file        string
		environment map[string]string
		want        Storage
	}{
		"SQLite beside the checkpoint": {
			file: "storage: {file: {path: /data/x.prom}}",
			want: storage("/data/x.db", "", "/data/x.prom"),
		},
		"PostgreSQL has no checkpoint unless it is named": {
			file: "storage: {database: postgres://db.example.com/dora}",
			want: storage("postgres://db.example.com/dora", "dora_exporter", ""),
		},
		"PostgreSQL with a checkpoint and a schema": {
			file: "storage: {database: 'postgresql://a:1,b:2/dora', schema: team_a, file: {path: /data/x.prom}}",
			want: storage("postgresql://a:1,b:2/dora", "team_a", "/data/x.prom"),
		},
		"PostgreSQL with the checkpoint of the environment": {
			file: "storage: {database: 'postgres://'}", environment: map[string]string{"STORAGE_FILE_PATH": "/data/y.prom"},
			want: storage("postgres://", "dora_exporter", "/data/y.prom"),
		},
		"the URL is in a file": {
			file: "storage: {database_file: " + secret + "}",
			want: storage("postgres://dora:canary@db.example.com/dora", "dora_exporter", ""),
		},
		"a path like a setting": {
			file: "storage: {database: 'data/host=a.db'}",
			want: storage("data/host=a.db", "", "dora-exporter.prom"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, warnings, err := Parse("config.yml", []byte(test.file), func(name string) string { return test.environment[name] })
			if err != nil || warnings != nil {
				t.Fatalf("%v, warnings %v", err, warnings)
			}
			if diff := cmp.Diff(test.want, c.Storage); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func storage(database, schema, checkpoint string) Storage {
	s := Storage{Database: database, Schema: schema, MaxBacklog: 1_000_000}
	s.File.Path = checkpoint
	return s
}

// A URL that can't be used is not in the message, wherever it comes from.
func TestDatabaseFileKeepsItsSecret(t *testing.T) {
	for name, text := range map[string]string{
		"a slash in the password": "postgres://dora:can/canary@db.example.com/dora",
		"a number and a slash":    "postgres://dora:12/canary@db.example.com/dora",
		"an @ in the password":    "postgres://dora:can@canary@db.example.com/dora",
		"another database":        "mysql://dora:canary@db.example.com/dora",
		"key words":               "host=db.example.com password=canary",
		"two lines":               "postgres://dora:canary@db.example.com/dora\ncanary",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "url")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := parsed("storage:\n  database_file: " + file)
			if err == nil || strings.Contains(err.Error(), "canary") || !strings.HasPrefix(err.Error(), "config.yml:2: storage.database_file ") {
				t.Errorf("the message is %v", err)
			}
		})
	}
}
