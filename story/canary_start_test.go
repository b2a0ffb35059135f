package story

import (
	"fmt"
	"strings"
	"testing"

	"dora-exporter/persistence/teststore"
)

// Nothing that the program says at its start has a secret: neither when all is right nor when a secret stands where
// something else should.
func TestNoSecretAtStart(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	for _, name := range []string{"GITHUB_TOKEN", "BACKSTAGE_TOKEN", "GITHUB_WEBHOOK_SECRET", "JIRA_WEBHOOK_SECRET"} {
		e.env = append(e.env, name+"=canary-"+name)
	}
	silent := func(want int, args ...string) {
		t.Helper()
		status, out, errOut := e.runOnce(args...)
		if status != want || out+errOut == "" {
			t.Errorf("%q: status %d, want %d: %s%s", args, status, want, out, errOut)
		}
		quiet(t, fmt.Sprintf("what %q says", args), out+errOut)
	}
	silent(0, "-h")
	silent(0, "-version")
	silent(2, "-log", "debug", "-nope")
	if !teststore.InPostgres() { // whose schema may have its tables
		silent(1, "deliveries", "list")
	}
	for _, line := range []string{
		"jira: canary", "jira: [canary]", "github: 'canary'", "github: {token: [canary]}", "github: {token: {canary: canary}}",
		"github: {token: *canary}", "github: {token: &canary *canary}", "github: {webhook_secret: *canary}", "github: {token: !canary {}}",
		"github: {token: \"canary\\q\"}", "github: {token: 'canary", "github: {token: @canary}", "github: {token: %canary}", "github:\n  token: canary: canary",
		"github:\n  token: |canary\n", "github:\n  token:\n  canary\n", "github: {token canary}", "github:\n  token canary",
		"github: {token: canary, token: canary}", "github: {token: canary, token_file: canary}", "github: {token_file: canary}",
		"github: {token_file: [canary]}", "github: {webhook_secret: [canary, '']}", "github: {webhook_secret: [[canary]]}",
		"github: {webhook_secret_file: [config.yml, canary]}", "jira: {webhook_secret: canary, webhook_secret_file: canary}",
		"github: {base_url: 'https://me:canary@ghe.example.com/'}", "github: {base_url: 'ftp://me:canary@ghe.example.com/'}",
		"github: {base_url: 'https://ghe.example.com/?token=canary'}", "github: {base_url: 'ftp://ghe.example.com/?token=canary'}",
		"github: {base_url: 'https://canary:x y@ghe.example.com/'}",
		"github: {token: \"canary canary\"}", "github: {token: \"canary\\ncanary\"}",
		"catalog: {mode: backstage, endpoint: 'https://me:canary@example.com'}",
		"catalog: {mode: backstage, token: canary}",
		"catalog: canary", "server: {metrics_listen: 'https://me:canary@:9090'}",
	} {
		e.write("bad.yml", line+"\n")
		status, out, errOut := e.runOnce("-config.file=bad.yml")
		if status != 1 || out != "" {
			t.Errorf("%s: status %d, want 1: %s%s", line, status, out, errOut)
		}
		quiet(t, fmt.Sprintf("what is said about %q", line), errOut)
	}
	e.write("listen.yml", "server: {metrics_listen: '127.0.0.1:1'}\n")
	for _, line := range []string{
		"basic_auth_users: canary", "basic_auth_users: [canary]", "basic_auth_users: {prometheus: canary}", "basic_auth_users: {canary: [canary]}",
		"basic_auth_users: {prometheus: $2a$canary}", "basic_auth_users: {prometheus: *canary}", "basic_auth_users: {a: canary, a: canary}",
		"tls_server_config: canary", "tls_server_config: {cert: canary, key: canary}",
		"tls_server_config: {key: [canary]}", "tls_server_config: {key: canary}", "canary",
		"basic_auth_users: {prometheus: \"canary\\q\"}",
	} {
		e.write("web.yml", line+"\n")
		status, out, errOut := e.runOnce("-config.file=listen.yml", "-web.config.file=web.yml")
		if status != 1 || !strings.Contains(errOut, "web.yml") {
			t.Errorf("%s: status %d, want 1: %s%s", line, status, out, errOut)
		}
		quiet(t, fmt.Sprintf("what is said about %q", line), out+errOut)
	}
}
