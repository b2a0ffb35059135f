package app

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"dora-exporter/config"
	"dora-exporter/export"
)

// Remote write connects with the certificate authority and the password of the file that -http.config.file names.
func TestExportHTTPConfig(t *testing.T) {
	folder := t.TempDir()
	c := &config.Config{Policy: config.DefaultPolicy()}
	c.Storage.Database = filepath.Join(folder, "dora-exporter.db")
	addWorkingDays(t, c.Storage.Database)
	var right atomic.Int64
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "prometheus" || password != "a password" {
			http.Error(w, "who is that?", http.StatusUnauthorized)
			return
		}
		right.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: receiver.Certificate().Raw})))
	write("password", "a password")
	for name, test := range map[string]struct {
		file  string
		works bool
	}{
		"authority and password": {"basic_auth: {username: prometheus, password_file: password}\ntls_config: {ca_file: ca.pem}\n", true},
		"wrong password":         {"basic_auth: {username: prometheus, password: other}\ntls_config: {ca_file: ca.pem}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			right.Store(0)
			made, err := Export(t.Context(), c, export.Options{Every: 24 * time.Hour}, ExportTarget{URL: receiver.URL + "/api/v1/write", HTTPConfigFile: write("http.yml", test.file)})
			if works := err == nil && made.Samples > 0 && right.Load() > 0; works != test.works {
				t.Errorf("%d requests were right, %d samples, %v", right.Load(), made.Samples, err)
			}
		})
	}
}
