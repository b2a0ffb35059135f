package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dora-exporter/config"
)

// What is no file neither blocks nor fills the memory, as the web configuration or as what it names.
func TestIrregularWebFiles(t *testing.T) {
	folder := t.TempDir()
	fifo := filepath.Join(folder, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, "/dev/zero", folder} {
		if _, err := LoadWebConfig(path, &config.Config{}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("-web.config.file %s: %v", path, err)
		}
		for _, key := range []string{"cert_file", "key_file", "client_ca_file"} {
			web := filepath.Join(folder, "web.yml")
			if err := os.WriteFile(web, fmt.Appendf(nil, "tls_server_config: {%s: %s}\n", key, path), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := LoadWebConfig(web, &config.Config{}); err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "not a regular file") {
				t.Errorf("%s %s: %v", key, path, err)
			}
		}
	}
}

func TestLargeWebConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.yml")
	for name, text := range map[string]string{
		"bytes":     strings.Repeat("#", 5<<20),
		"flow list": "teams: [" + strings.Repeat("a,", 300_000) + "]",
		"laughs":    "a: &a [l,l,l,l]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nteams: [*c,*c]\n",
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := LoadWebConfig(path, &config.Config{}); err == nil {
				t.Error("no error")
			}
		})
	}
}
