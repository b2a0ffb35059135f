package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// secretKeys are the keys whose value is the path of a file with a secret.
var secretKeys = []string{
	"github.token_file", "github.webhook_secret_file", "jira.webhook_secret_file", "catalog.token_file", "otlp.headers_file",
}

func parseKey(key, value string) (*Config, error) {
	section, name, _ := strings.Cut(key, ".")
	if section == "otlp" {
		value += ", enabled: true"
	}
	c, _, err := Parse("config.yml", fmt.Appendf(nil, "%s: {%s: %s}\n", section, name, value), noEnvironment)
	return c, err
}

// A file with more than a secret on one line is refused with the key, the file and what to do, and without the secret.
func TestBadSecretFiles(t *testing.T) {
	folder := t.TempDir()
	for name, test := range map[string]struct{ text, message string }{
		"mark":           {"\ufeffa=canary", "byte order mark: save it as plain UTF-8"},
		"mark alone":     {"\ufeff", "byte order mark: save it as plain UTF-8"},
		"UTF-16":         {"\xff\xfea\x00=\x00c\x00", "byte order mark"},
		"UTF-16 BE":      {"\xfe\xff\x00a\x00=\x00c", "byte order mark"},
		"UTF-16 no mark": {"a\x00=\x00c\x00", "save it as plain UTF-8"},
		"zero width":     {"canary\u200b\n", "has characters that no secret has"},
		"form feed":      {"canary\f", "has characters that no secret has"},
		"Latin-1":        {"canary\xe9\n", "has characters that no secret has"},
		"two lines":      {"a=canary\nb=canary\n", "more than one line: write only the secret, on one line"},
		"two, CRLF":      {"a=canary\r\nb=canary", "more than one line"},
		"empty second":   {"a=canary\n\n", "more than one line"},
		"empty first":    {"\na=canary", "more than one line"},
		"old Mac":        {"a=canary\rb=canary", "more than one line"},
		"two marks":      {"a=canary\ufeff", "save it as plain UTF-8"},
		"separator":      {"a=canary\u2028b", "save it as plain UTF-8"},
		"empty":          {"", "is empty: write the secret into it"},
		"blank line":     {"\r\n", "is empty: write the secret into it"},
		"long":           {strings.Repeat("a", maxSecretBytes+1), "it has more than 65536 bytes"},
	} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, key := range secretKeys {
			_, err := parseKey(key, "'"+path+"'")
			if err == nil || !strings.Contains(err.Error(), test.message) || !strings.Contains(err.Error(), key) {
				t.Errorf("%s, %s: %v, want the key and %q", name, key, err, test.message)
				continue
			}
			if name != "long" && !strings.Contains(err.Error(), path) {
				t.Errorf("%s, %s: %v does not name the file", name, key, err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("%s, %s: the secret is in %v", name, key, err)
			}
		}
	}
	good := filepath.Join(folder, "good")
	for _, text := range []string{"a=s", "a=s\n", "a=s\r\n"} {
		if err := os.WriteFile(good, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, key := range secretKeys {
			c, err := parseKey(key, good)
			if err != nil {
				t.Errorf("%q, %s: %v", text, key, err)
				continue
			}
			got := append([]string{c.GitHub.Token, c.Catalog.Token, c.OTLP.MetricsReceiver.Headers["a"]}, append(c.GitHub.WebhookSecret, c.Jira.WebhookSecret...)...)
			if all := strings.Join(got, ""); all != "a=s" && all != "s" {
				t.Errorf("%q, %s: %q", text, key, all)
			}
		}
	}
	c, err := parseKey("github.webhook_secret_file", "["+good+", "+good+"]") // while a secret is changed
	if err != nil || len(c.GitHub.WebhookSecret) != 2 {
		t.Errorf("two files: %v", err)
	}
}

// What is no file neither blocks nor fills the memory, wherever a path is read.
func TestIrregularFiles(t *testing.T) {
	folder := t.TempDir()
	fifo := filepath.Join(folder, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, "/dev/zero", folder} {
		for _, key := range append(secretKeys, "otlp.certificate") {
			if _, err := parseKey(key, path); err == nil || !strings.Contains(err.Error(), "not a regular file") || !strings.Contains(err.Error(), key) {
				t.Errorf("%s, %s: %v", key, path, err)
			}
		}
		_, _, err := Parse("c", fmt.Appendf(nil, "otlp: {enabled: true, client_certificate: %s, client_key: %s}", path, path), noEnvironment)
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("otlp.client_certificate %s: %v", path, err)
		}
		if _, _, err := Load(path, true, noEnvironment); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("-config.file %s: %v", path, err)
		}
	}
}

// Configurations are limited by what they make, aliases included.
func TestLargeFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yml")
	for name, test := range map[string]struct{ text, message string }{
		"bytes":        {strings.Repeat("#", maxConfigBytes+1), "more than 4194304 bytes"},
		"flow list":    {"teams: [" + strings.Repeat("a,", maxNodes) + "]", "more than 250000 lines"},
		"block list":   {"teams:\n" + strings.Repeat("- a\n", maxNodes), "more than 250000 lines"},
		"nested":       {"teams: " + strings.Repeat("[", maxNodes+1), "more than 250000 lines"},
		"nested block": {"teams: " + strings.Repeat("- ", maxNodes+1), "more than 250000 lines"},
		"aliases": {"teams:\n- {name: a, github_repositories: &a [" + strings.Repeat("o/r,", 1000) + "]}\n" +
			strings.Repeat("- {name: b, github_repositories: *a}\n", 1000), "config.yml:2: more than 250000 keys and list items"},
		"aliases of secrets": {"github:\n  webhook_secret: &a [" + strings.Repeat("s,", 1000) + "]\n" + "teams: [" +
			strings.Repeat("{name: b, jira_projects: *a},", 1000) + "]", "more than 250000 keys and list items"},
		"laughs": {"a: &a [l,l,l,l]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nteams: [*c,*c]\n", "unknown key"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, _, err := Load(path, true, noEnvironment); err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("%.200v, want %q", err, test.message)
			}
		})
	}
	large := "teams:\n- name: a\n  github_repositories:\n" + strings.Repeat("  - acme/some-repository-name\n", 100_000)
	if err := os.WriteFile(path, []byte(large), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, _, err := Load(path, true, noEnvironment); err != nil || len(c.Teams[0].Repositories) != 100_000 {
		t.Errorf("a large organisation: %v", err)
	}
}
