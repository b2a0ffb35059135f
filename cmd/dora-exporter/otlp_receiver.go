package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"gopkg.in/yaml.v3"

	"dora-exporter/bounds"
	"dora-exporter/instrumentation"
)

// otlpReceiver is where a signal is pushed to, and how.
type otlpReceiver struct {
	Endpoint otlpEndpoint
	// Protocol is grpc or http/protobuf, Compression gzip or none.
	Protocol, Compression string
	// Headers have names in lower case. Their values are secrets.
	Headers map[string]string
	// Certificate and ClientCertificate are paths of PEM files, and ClientKey that of a key.
	Certificate, ClientCertificate, ClientKey string
	// Timeout bounds one request with its repetitions.
	Timeout time.Duration
}

func defaultOTLPReceiver() otlpReceiver {
	return otlpReceiver{Protocol: "http/protobuf", Compression: "none", Timeout: 10 * time.Second}
}

// otlpReceivers are the keys of the file that say where to push. They are about all signals.
func (d *decoder) otlpReceivers(all ...*otlpReceiver) fields {
	each := func(read func(to *otlpReceiver) field) field {
		return func(n *yaml.Node, path string) {
			for _, one := range all {
				read(one)(n, path)
			}
		}
	}
	return fields{
		"endpoint":           each(func(r *otlpReceiver) field { return d.otlpEndpoint(&r.Endpoint) }),
		"protocol":           each(func(r *otlpReceiver) field { return d.choice(&r.Protocol, "grpc", "http/protobuf") }),
		"headers":            each(func(r *otlpReceiver) field { return d.headers(&r.Headers, d.texts) }),
		"headers_file":       each(func(r *otlpReceiver) field { return d.headers(&r.Headers, d.membersFile) }),
		"certificate":        each(func(r *otlpReceiver) field { return d.text(&r.Certificate) }),
		"client_certificate": each(func(r *otlpReceiver) field { return d.text(&r.ClientCertificate) }),
		"client_key":         each(func(r *otlpReceiver) field { return d.text(&r.ClientKey) }),
		"compression":        each(func(r *otlpReceiver) field { return d.choice(&r.Compression, "gzip", "none") }),
		"timeout":            each(func(r *otlpReceiver) field { return d.duration(&r.Timeout) }),
	}
}

// complete checks what belongs together; path is that of the signal.
func (r *otlpReceiver) complete(d *decoder, path string) {
	if _, err := r.Endpoint.target(r.Protocol, path); err != nil {
		d.failAt(r.Endpoint.From, "%s is %v", r.Endpoint.From, err)
	}
	if (r.ClientCertificate == "") != (r.ClientKey == "") {
		d.failAt("otlp.client_certificate", "otlp.client_certificate and otlp.client_key, or their variables, belong together: set both or none")
	}
	if r.Certificate != "" {
		if _, err := certificates(r.Certificate); err != nil {
			d.failAt("otlp.certificate", "otlp.certificate, or its variable, names a file that can't be used: %v: write the path of the receiver's CA in PEM format", err)
		}
	}
	if r.ClientCertificate != "" && r.ClientKey != "" {
		if _, err := loadKeyPair(r.ClientCertificate, r.ClientKey); err != nil {
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

// client is what a client of the receiver takes; path is that of the signal.
func (r *otlpReceiver) client(path string) (instrumentation.Receiver, error) {
	to, err := r.Endpoint.target(r.Protocol, path)
	if err != nil {
		return instrumentation.Receiver{}, err
	}
	secure, err := r.tls(to.plain)
	return instrumentation.Receiver{
		Protocol: r.Protocol, Endpoint: to.address, TLS: secure, Headers: r.Headers, Gzip: r.Compression == "gzip", Timeout: r.Timeout,
	}, err
}

// tls is nil for a connection in plain text. A renewed client certificate is taken with the next connection.
func (r *otlpReceiver) tls(plain bool) (*tls.Config, error) {
	if plain {
		return nil, nil //nolint:nilnil // there is no TLS
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.Certificate != "" {
		var err error
		if c.RootCAs, err = certificates(r.Certificate); err != nil {
			return nil, err
		}
	}
	if r.ClientCertificate != "" {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := loadKeyPair(r.ClientCertificate, r.ClientKey)
			return &pair, err
		}
	}
	return c, nil
}

// loadKeyPair reads a certificate and its key.
func loadKeyPair(certificate, key string) (tls.Certificate, error) {
	chain, err := bounds.ReadFile(certificate, largestCertificate)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, err := bounds.ReadFile(key, largestCertificate)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(chain, private)
}

// certificates reads certificates that are trusted.
func certificates(file string) (*x509.CertPool, error) {
	data, err := bounds.ReadFile(file, largestCertificate)
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
