package config

import "gopkg.in/yaml.v3"

// Use is what a configuration is read for. Keys that a use does not need are skipped: their values are not checked, the files
// and variables that they name are not read. So a command works where the server's secrets can't be read.
type Use int

// The uses.
const (
	// ForServer needs every key.
	ForServer Use = iota
	// ForReport needs the database and what the measures depend on.
	ForReport
	// ForDatabase needs the database alone.
	ForDatabase
	// ForHealthCheck needs the addresses of the server.
	ForHealthCheck
)

// sections are the top-level keys that a use needs; all of them where there is no entry.
var sections = map[Use][]string{
	ForReport:      {"storage", "environments", "deployments", "changes", "failures", "jira"},
	ForDatabase:    {"storage"},
	ForHealthCheck: {"server"},
}

// only returns the fields with those replaced that are not among the names, so that their values are skipped.
func (f fields) only(names ...string) fields {
	needed := fields{}
	for key := range f {
		needed[key] = func(*yaml.Node, string) {}
	}
	for _, name := range names {
		needed[name] = f[name]
	}
	return needed
}
