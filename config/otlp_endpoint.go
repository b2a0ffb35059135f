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

// OTLPEndpoint is where a signal goes, as it was written.
type OTLPEndpoint struct {
	// Text is empty for a receiver on this machine, From the key or the variable that has it.
	URL, Source string
	// Whole is set when its path is the signal's own, not one to which /v1/metrics or /v1/traces is added.
	IsSignalURL bool
	// Insecure says of an endpoint without a scheme that it has no TLS. Only gRPC knows such.
	Insecure bool
}

// OTLPTarget is what a client takes: a URL, or host:port for gRPC.
type OTLPTarget struct {
	Address string
	// plain is set when the connection has no TLS.
	Plain bool
}

// errEndpoint does not show what was written: it may have a password.
var errEndpoint = errors.New("not an address: write one such as http://localhost:4318, or http://localhost:4317 for protocol grpc, without a user and a query")

// gRPCSchemes are those of the targets that gRPC has beside host:port.
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

// otlpEndpoint reads where a signal goes.
func (d *decoder) otlpEndpoint(to *OTLPEndpoint) field {
	return func(n *yaml.Node, path string) {
		var text string
		if d.text(&text)(n, path); text != "" { // as with secrets, an empty one is none
			*to = OTLPEndpoint{URL: text, Source: path}
		}
	}
}
