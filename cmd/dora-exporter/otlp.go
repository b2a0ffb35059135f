package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"time"

	"dora-exporter/instrumentation"
)

// otlpConfig says where metrics are pushed to. https://opentelemetry.io/docs/specs/otel/protocol/exporter/
type otlpConfig struct {
	Enabled  bool
	Endpoint otlpEndpoint
	// Protocol is grpc or http/protobuf, Compression gzip or none, Temporality cumulative or delta.
	Protocol, Compression, Temporality string
	// Headers have names in lower case. Their values are secrets.
	Headers map[string]string
	// Certificate and ClientCertificate are paths of PEM files, and ClientKey that of a key.
	Certificate, ClientCertificate, ClientKey string
	// Timeout bounds one request, ExportTimeout all of a push, Interval is the time between two.
	Timeout, ExportTimeout, Interval time.Duration
	ResourceAttributes               map[string]string
}

func defaultOTLP() otlpConfig {
	return otlpConfig{
		Protocol: "http/protobuf", Compression: "none", Temporality: "cumulative",
		Timeout: 10 * time.Second, ExportTimeout: 30 * time.Second, Interval: time.Minute,
	}
}

// otlp reads the section. Headers and attributes are added to those of the environment, in whose place all else stands.
func (d *decoder) otlp(to *otlpConfig) field {
	return d.section(fields{
		"enabled": d.truth(&to.Enabled), "endpoint": d.otlpEndpoint(&to.Endpoint), "protocol": d.choice(&to.Protocol, "grpc", "http/protobuf"),
		"headers": d.headers(&to.Headers, d.texts), "headers_file": d.headers(&to.Headers, d.membersFile),
		"certificate": d.text(&to.Certificate), "client_certificate": d.text(&to.ClientCertificate), "client_key": d.text(&to.ClientKey),
		"compression": d.choice(&to.Compression, "gzip", "none"), "temporality": d.choice(&to.Temporality, "cumulative", "delta"),
		"timeout": d.duration(&to.Timeout), "interval": d.duration(&to.Interval),
		"resource_attributes": d.texts(&to.ResourceAttributes),
	})
}

// complete checks what belongs together. What is not used is not looked at.
func (o *otlpConfig) complete(d *decoder) {
	if !o.Enabled {
		*o = defaultOTLP()
		return
	}
	if _, err := o.Endpoint.target(o.Protocol); err != nil {
		d.failAt(o.Endpoint.From, "%s is %v", o.Endpoint.From, err)
	}
	if (o.ClientCertificate == "") != (o.ClientKey == "") {
		d.failAt("otlp.client_certificate", "otlp.client_certificate and otlp.client_key, or their variables, belong together: set both or none")
	}
	if o.Certificate != "" {
		if _, err := certificates(o.Certificate); err != nil {
			d.failAt("otlp.certificate", "otlp.certificate, or its variable, names a file that can't be used: %v: write the path of the receiver's CA in PEM format", err)
		}
	}
	if o.ClientCertificate != "" && o.ClientKey != "" {
		if _, err := tls.LoadX509KeyPair(o.ClientCertificate, o.ClientKey); err != nil {
			d.failAt("otlp.client_certificate", "otlp.client_certificate and otlp.client_key, or their variables, name files that can't be used: %v: "+
				"write the paths of a certificate and its key in PEM format", withoutPath(err))
		}
	}
}

// failAt keeps the first error, with its line when key is in the file: a variable has none.
func (d *decoder) failAt(key, format string, args ...any) {
	if n := d.at[key]; n != nil || d.err != nil {
		d.fail(n, format, args...)
		return
	}
	d.err = fmt.Errorf(format, args...)
}

// certificates reads certificates that are trusted.
func certificates(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, withoutPath(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("there is no certificate in it")
	}
	return pool, nil
}

// withoutPath leaves a file's path out of an error: a message names the key that has it.
func withoutPath(err error) error {
	var with *fs.PathError
	if errors.As(err, &with) {
		return with.Err
	}
	return err
}

// tls is nil for a connection in plain text. A renewed client certificate is taken with the next connection.
func (o *otlpConfig) tls(plain bool) (*tls.Config, error) {
	if plain {
		return nil, nil //nolint:nilnil // there is no TLS
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.Certificate != "" {
		var err error
		if c.RootCAs, err = certificates(o.Certificate); err != nil {
			return nil, err
		}
	}
	if o.ClientCertificate != "" {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(o.ClientCertificate, o.ClientKey)
			return &pair, err
		}
	}
	return c, nil
}

// resource says who pushes; instance is the same after a restart.
func (o *otlpConfig) resource(instance string) map[string]string {
	r := map[string]string{"service.name": "dora-exporter", "service.version": version, "service.instance.id": instance}
	maps.Copy(r, o.ResourceAttributes)
	return r
}

// startPush begins to push; nil when it is off.
func (p *parts) startPush(ctx context.Context, o *otlpConfig, logger *slog.Logger) (*instrumentation.Push, error) {
	if !o.Enabled {
		return nil, nil //nolint:nilnil // nothing is pushed
	}
	to, err := o.Endpoint.target(o.Protocol)
	if err != nil {
		return nil, err
	}
	secure, err := o.tls(to.plain)
	if err != nil {
		return nil, err
	}
	logger.Info("pushing metrics", "endpoint", to.address, "protocol", o.Protocol, "temporality", o.Temporality, "interval", o.Interval)
	return p.instruments.StartPush(ctx, instrumentation.PushOptions{
		Protocol: o.Protocol, Endpoint: to.address, TLS: secure, Headers: o.Headers, Gzip: o.Compression == "gzip",
		Timeout: o.Timeout, Export: o.ExportTimeout, Interval: o.Interval, Delta: o.Temporality == "delta",
		Resource: o.resource(p.store.ID()), Logger: logger,
	})
}
