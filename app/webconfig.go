package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/prometheus/exporter-toolkit/web"
	"gopkg.in/yaml.v3"

	"dora-exporter/config"
	"dora-exporter/internal/bounds"
	"dora-exporter/internal/lazyregexp"
)

// WebConfig is a file with TLS and basic auth, in the format of Prometheus' exporters.
// https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
type WebConfig struct {
	// path is empty if there is no file.
	path string
	web.Config
}

// LoadWebConfig reads and checks the file at path; without a path, addresses serve plain HTTP. Settings other than TLS apply to all paths
// of an address, so they need an address without webhooks.
func LoadWebConfig(path string, c *config.Config) (*WebConfig, error) {
	if path == "" {
		return &WebConfig{}, nil
	}
	data, err := config.ReadYAML(path)
	if err != nil {
		return nil, fmt.Errorf("%s (-web.config.file): %w", path, err)
	}
	if err := checkWebFiles(path, data); err != nil {
		return nil, fmt.Errorf("%s (-web.config.file): %w", path, err)
	}
	if err := web.Validate(path); err != nil {
		return nil, fmt.Errorf("%s (-web.config.file): %s; its format is that of Prometheus' exporter-toolkit", path, redactYAML(err))
	}
	w := &WebConfig{path: path}
	if err := yaml.Unmarshal(data, &w.Config); err != nil {
		return nil, fmt.Errorf("%s (-web.config.file): %s", path, redactYAML(err))
	}
	w.TLSConfig.SetDirectory(filepath.Dir(path))
	if key, answer := w.keyNotForWebhooks(); key != "" && c.Server.MetricsListen == "" {
		return nil, fmt.Errorf("%s (-web.config.file): %s would also cover the webhooks%s: "+
			"set server.metrics_listen, such as \":9090\", to serve /metrics on its own address", path, key, answer)
	}
	return w, nil
}

// checkWebFiles rejects certificates and keys that are no regular files, since reading them could block the start. web.Validate finds
// all other errors.
func checkWebFiles(path string, data []byte) error {
	var c web.Config
	if yaml.Unmarshal(data, &c) != nil {
		return nil //nolint:nilerr // web.Validate reports it
	}
	c.TLSConfig.SetDirectory(filepath.Dir(path))
	for key, file := range map[string]string{
		"cert_file": c.TLSConfig.TLSCertPath, "key_file": c.TLSConfig.TLSKeyPath, "client_ca_file": c.TLSConfig.ClientCAs,
	} {
		if err := bounds.CheckFile(file); file != "" && errors.Is(err, bounds.ErrNotRegular) {
			return fmt.Errorf("tls_server_config.%s can't be used: file %s: %w: write the path of a file in PEM format", key, file, config.WithoutPath(err))
		}
	}
	return nil
}

// keyNotForWebhooks returns the first key other than TLS in the file and its effect on webhooks; empty if there is none.
func (w *WebConfig) keyNotForWebhooks() (key, answer string) {
	switch {
	case len(w.Users) > 0:
		return "basic_auth_users", ", and GitHub would get 401"
	case w.RateLimiterConfig.Interval != 0:
		return "rate_limit", ", and GitHub would get 429"
	case len(w.HTTPConfig.Header) > 0:
		return "http_server_config", ""
	}
	return "", ""
}

// quotedValue matches values of the file that YAML quotes in its errors.
var quotedValue = lazyregexp.New("(?s) (?:`.*?`|'.*?')( into| referenced)")

// redactYAML returns an error about the file on one line and without values, which may be passwords and keys.
func redactYAML(err error) string {
	return strings.Join(strings.Fields(quotedValue.ReplaceAllString(err.Error(), "$1")), " ")
}

// webhooks serves with the TLS settings only. Certificates are read for each connection. HTTP/2 is off because it buffers unread
// bodies.
func (w *WebConfig) webhooks(server *http.Server) func(net.Listener) error {
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	if !w.TLSConfig.IsEnabled() {
		return server.Serve
	}
	return func(l net.Listener) error {
		config, err := web.ConfigToTLSConfig(&w.TLSConfig)
		if err != nil {
			return fmt.Errorf("%s: %w", w.path, err)
		}
		server.TLSConfig = config
		return server.ServeTLS(l, "", "")
	}
}

// metrics serves with all settings of the file.
func (w *WebConfig) metrics(server *http.Server, logger *slog.Logger) func(net.Listener) error {
	if w.path == "" {
		return server.Serve
	}
	return func(l net.Listener) error {
		return web.Serve(l, server, &web.FlagConfig{WebConfigFile: &w.path}, logger)
	}
}
