package config

import (
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"dora-exporter/internal/lazyregexp"
)

// Storage says where the store and the checkpoint are.
type Storage struct {
	// Database is the path of a SQLite database or the URL of a PostgreSQL database. The URL may have a password: show Name instead.
	Database string
	// Schema is the schema of PostgreSQL that has the tables; empty with SQLite.
	Schema string
	// MaxBacklog is how many deliveries may be pending.
	MaxBacklog int
	// Retention is how long facts, deliveries and deployments are kept; 0 for always.
	Retention time.Duration
	// File.Path is the path of the checkpoint. It may be empty with PostgreSQL: then there is none.
	File struct{ Path string }
}

// defaultSchema is the schema in PostgreSQL unless storage.schema names another one.
const defaultSchema = "dora_exporter"

// IsPostgreSQL reports whether the store is a PostgreSQL database, which several servers may use at a time.
func (s *Storage) IsPostgreSQL() bool { return isPostgreSQL(s.Database) }

func isPostgreSQL(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// Name returns the name of the database for messages: the path of a file, or host, port and name of a database without user, password
// and settings.
func (s *Storage) Name() string {
	if !s.IsPostgreSQL() {
		return s.Database
	}
	user, hosts, rest, ok := splitDatabaseURL(s.Database)
	if !ok || user == "" && strings.Contains(s.Database, "@") { // part of a password may be taken for another part of the URL
		return "postgres://…"
	}
	path, _, _ := strings.Cut(rest, "?")
	return "postgres://" + hosts + path
}

// splitDatabaseURL splits the URL of a PostgreSQL database into user with password, hosts, and path with settings. There may be several
// hosts, separated by commas, which net/url does not know.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
func splitDatabaseURL(database string) (user, hosts, rest string, ok bool) {
	_, authority, _ := strings.Cut(database, "://")
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority, rest = authority[:end], authority[end:]
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, authority = authority[:at+1], authority[at+1:]
	}
	path, _, _ := strings.Cut(rest, "?")
	if strings.Count(user, "@") > 1 || strings.Contains(path, "@") { // part of a password would be taken for a host or a database
		return "", "", "", false
	}
	for host := range strings.SplitSeq(authority, ",") {
		if _, err := url.Parse("postgres://" + user + host + rest); err != nil {
			return "", "", "", false
		}
	}
	return user, authority, rest, !strings.Contains(rest, "#")
}

// keywordValue matches the beginning of a connection string of libpq in its other form, such as host=db dbname=dora.
var keywordValue = lazyregexp.New(`(?i)^\s*(host|hostaddr|port|dbname|user|password|passfile|service|sslmode)\s*=`)

// schemaName matches the names of schemas that need no quotes; PostgreSQL cuts longer ones, and keeps those that begin with pg_ for itself.
var schemaName = lazyregexp.New(`^[a-z_][a-z0-9_]{0,62}$`)

// schema reads the name of a schema.
func (d *decoder) schema(to *string) field {
	return func(n *yaml.Node, path string) {
		if n.Kind != yaml.ScalarNode || !schemaName.MatchString(n.Value) || strings.HasPrefix(n.Value, "pg_") {
			d.fail(n, "%s is %s, must be the name of a schema: write lower-case letters, digits and underscores, such as %s", path, describe(n), defaultSchema)
			return
		}
		*to = n.Value
	}
}

// complete derives what is not set and checks the keys that depend on each other.
func (s *Storage) complete(d *decoder) {
	if file := d.nodes["storage.database_file"]; !empty(file) && s.Database != "" && !isPostgreSQL(s.Database) {
		d.fail(file, "storage.database_file has no address of PostgreSQL: write postgres://… into the file, or the path of a SQLite database under storage.database")
		return
	}
	if s.IsPostgreSQL() {
		s.completePostgreSQL(d)
		return
	}
	switch node := d.nodes["storage.database"]; {
	case strings.Contains(s.Database, "://"): // not shown: it may have a password
		d.fail(node, "storage.database is an address of something else than PostgreSQL: write postgres://host/database, or the path of a SQLite database")
	case keywordValue.MatchString(s.Database):
		d.fail(node, "storage.database must be written as a URL: write postgres://user@host:5432/database?sslmode=verify-full")
	}
	if s.Schema != "" {
		d.fail(d.nodes["storage.schema"], "storage.schema is only for PostgreSQL: set storage.database to postgres://…, or remove the key")
	}
	if s.File.Path == "" {
		s.File.Path = "dora-exporter.prom"
	}
	if s.Database == "" {
		s.Database = strings.TrimSuffix(s.File.Path, filepath.Ext(s.File.Path)) + ".db"
	}
	if filepath.Clean(s.Database) == filepath.Clean(s.File.Path) {
		d.fail(d.nodes["storage.file.path"], "storage.file.path and the database are both %s: "+
			"give one of them another name, such as dora-exporter.prom and dora-exporter.db", s.Database)
	}
}

func (s *Storage) completePostgreSQL(d *decoder) {
	if s.Schema == "" {
		s.Schema = defaultSchema
	}
	if _, _, _, ok := splitDatabaseURL(s.Database); ok {
		return
	}
	node, key := d.nodes["storage.database"], "storage.database"
	if empty(node) {
		node, key = d.nodes["storage.database_file"], "storage.database_file"
	}
	d.fail(node, "%s is not an address of PostgreSQL: write postgres://user@host:5432/database, with %%40 for @ and %%2F for / in the password", key)
}

// ParseStorage returns the storage of a database that is named on the command line, by its path or URL, and of a schema; empty for the
// default one.
func ParseStorage(database, schema string) (*Storage, error) {
	d := &decoder{nodes: map[string]*yaml.Node{}}
	s := &Storage{Database: database, Schema: schema}
	if schema != "" {
		d.schema(&s.Schema)(&yaml.Node{Kind: yaml.ScalarNode, Value: schema}, "storage.schema")
	}
	s.complete(d)
	return s, joinErrors(d.errs, d.errorCount)
}
