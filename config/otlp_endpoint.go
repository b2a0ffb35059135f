package config

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// The paths of the signals over HTTP.
const (
	MetricsPath = "v1/metrics"
	TracesPath  = "v1/traces"
)

// OTLPEndpoint is the address of a receiver as it was written.
type OTLPEndpoint struct {
	// URL is empty for a receiver on this machine. Source is the key or the variable that sets it.
	URL, Source string
	// IsSignalURL is true if URL has the signal's path, false if /v1/metrics or /v1/traces must be added.
	IsSignalURL bool
	// Insecure turns TLS off for an endpoint without a scheme, which only gRPC knows.
	Insecure bool
}

// OTLPTarget is the address for a client: a URL, or a gRPC target such as host:port.
type OTLPTarget struct {
	Address string
	// Plain is true if the connection has no TLS.
	Plain bool
}

// errEndpoint does not show the endpoint, which may have a password.
var errEndpoint = errors.New("not an address: write a URL such as http://localhost:4318, or http://localhost:4317 for protocol grpc, without a user and a query")

// gRPCSchemes are the schemes of gRPC targets other than host:port.
// https://github.com/grpc/grpc/blob/master/doc/naming.md
var gRPCSchemes = []string{"dns", "passthrough", "unix", "unix-abstract"}

// Target applies the rules of https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp;
// path is the signal's.
func (e OTLPEndpoint) Target(protocol, path string) (OTLPTarget, error) {
	if e.URL == "" {
		e.URL = map[string]string{"grpc": "http://localhost:4317", "http/protobuf": "http://localhost:4318"}[protocol]
	}
	if host, port, err := net.SplitHostPort(e.URL); err == nil && host != "" && port != "" && protocol == "grpc" && !strings.ContainsAny(e.URL, "/@?") {
		return OTLPTarget{e.URL, e.Insecure}, nil
	}
	u, err := url.Parse(e.URL)
	if err == nil && protocol == "grpc" && slices.Contains(gRPCSchemes, u.Scheme) {
		return OTLPTarget{e.URL, e.Insecure}, nil
	}
	query := err == nil && u.RawQuery != "" && !e.IsSignalURL
	if err != nil || u.User != nil || query || u.Fragment != "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return OTLPTarget{}, errEndpoint
	}
	plain := u.Scheme == "http"
	if protocol == "grpc" {
		port := u.Port()
		if port == "" {
			port = map[bool]string{true: "80", false: "443"}[plain]
		}
		return OTLPTarget{net.JoinHostPort(u.Hostname(), port), plain}, nil
	}
	if !e.IsSignalURL {
		u = u.JoinPath(path)
	}
	return OTLPTarget{u.String(), plain}, nil
}

// otlpEndpoint reads the endpoint of a receiver.
func (d *decoder) otlpEndpoint(to *OTLPEndpoint) field {
	return func(n *yaml.Node, path string) {
		var text string
		if d.text(&text)(n, path); text != "" { // an empty value counts as unset, like that of a secret
			*to = OTLPEndpoint{URL: text, Source: path}
		}
	}
}
