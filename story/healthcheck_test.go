package story

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
)

// checked runs the health check as a container engine does.
func (e *exporter) checked(args ...string) (int, string) {
	e.Helper()
	status, out, errOut := e.runOnce(append([]string{"-healthcheck"}, args...)...)
	if strings.Count(out+errOut, "\n") > 1 || (status == 0) != (out+errOut == "") {
		e.Errorf("status %d with %s%s", status, out, errOut)
	}
	return status, errOut
}

func TestHealthCheck(t *testing.T) {
	t.Parallel()
	const tls = "tls_server_config: {cert_file: tls.crt, key_file: tls.key"
	for name, test := range map[string]struct{ host, web string }{
		"plain":                           {"127.0.0.1", ""},
		"all addresses":                   {"", ""},
		"all addresses of version 4":      {"0.0.0.0", ""},
		"TLS":                             {"127.0.0.1", tls + "}\n"},
		"a password for the metrics":      {"127.0.0.1", tls + "}\nbasic_auth_users: {prometheus: " + passwordHash + "}\n"},
		"clients that need a certificate": {"127.0.0.1", tls + ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: tls.crt}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExporter(t, "http://127.0.0.1:1")
			e.certificate(1)
			config := strings.Replace(e.read("config.yml"), "server:\n", "server:\n  metrics_listen: "+testexporter.FreeAddress(t)+"\n", 1)
			e.write("config.yml", strings.Replace(config, "host: 127.0.0.1", "host: \""+test.host+"\"", 1))
			e.env = append(e.env, "HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1")
			var args []string
			if test.web != "" {
				e.write("web.yml", test.web)
				args = []string{"-web.config.file=web.yml"}
			}
			if status, told := e.checked(args...); status != 1 || !strings.Contains(told, "refused") {
				t.Errorf("before the start: status %d: %s", status, told)
			}
			e.launch(args...)
			e.eventually("healthy", func() error {
				if status, told := e.checked(args...); status != 0 {
					return fmt.Errorf("status %d: %s", status, told)
				}
				return nil
			})
			e.terminate()
			if status, told := e.checked(args...); status != 1 {
				t.Errorf("after the end: status %d: %s", status, told)
			}
		})
	}
}

// A server that can't do its work says why.
func TestHealthCheckTellsWhy(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	if err := os.MkdirAll(filepath.Join(e.folder, "dora-exporter.prom.tmp", "in the way"), 0o700); err != nil { // where the checkpoint is written
		t.Fatal(err)
	}
	e.post(deployed{id: 1, repo: "web", env: "production", sha: "c0ffee"}.status(1, "success", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	e.eventually("not ready", func() error {
		if status, told := e.checked(); status != 1 || !strings.Contains(told, "dora-exporter.prom.tmp") || !strings.Contains(told, "503") {
			return fmt.Errorf("status %d: %s", status, told)
		}
		return nil
	})
	if status, told := e.checked("-config.file=nope.yml"); status != 1 || !strings.Contains(told, "nope.yml") {
		t.Errorf("without a configuration: status %d: %s", status, told)
	}
}
