package config

import (
	"fmt"
	"time"

	"gopkg.in/yaml.v3"
)

// OTLPReceiver configures the receiver of a signal.
type OTLPReceiver struct {
	Endpoint OTLPEndpoint
	// Protocol is grpc or http/protobuf, Compression gzip or none.
	Protocol, Compression string
	// Headers have names in lower case. Their values are secrets.
	Headers map[string]string
	// Certificate, ClientCertificate and ClientKey are paths of PEM files.
	Certificate, ClientCertificate, ClientKey string
	// Timeout bounds a request with its retries.
	Timeout time.Duration
}

func defaultOTLPReceiver() OTLPReceiver {
	return OTLPReceiver{Protocol: "http/protobuf", Compression: "none", Timeout: 10 * time.Second}
}

// otlpReceivers returns the keys of the file for a receiver, which set the receivers of all signals.
func (d *decoder) otlpReceivers(all ...*OTLPReceiver) fields {
	forAll := func(read func(to *OTLPReceiver) field) field {
		return func(n *yaml.Node, path string) {
			for _, receiver := range all {
				read(receiver)(n, path)
			}
		}
	}
	return fields{
		"endpoint":           forAll(func(r *OTLPReceiver) field { return d.otlpEndpoint(&r.Endpoint) }),
		"protocol":           forAll(func(r *OTLPReceiver) field { return d.choice(&r.Protocol, "grpc", "http/protobuf") }),
		"headers":            forAll(func(r *OTLPReceiver) field { return d.headers(&r.Headers, d.stringMap) }),
		"headers_file":       forAll(func(r *OTLPReceiver) field { return d.headers(&r.Headers, d.keyValueFile) }),
		"certificate":        forAll(func(r *OTLPReceiver) field { return d.text(&r.Certificate) }),
		"client_certificate": forAll(func(r *OTLPReceiver) field { return d.text(&r.ClientCertificate) }),
		"client_key":         forAll(func(r *OTLPReceiver) field { return d.text(&r.ClientKey) }),
		"compression":        forAll(func(r *OTLPReceiver) field { return d.choice(&r.Compression, "gzip", "none") }),
		"timeout":            forAll(func(r *OTLPReceiver) field { return d.duration(&r.Timeout) }),
	}
}

// complete checks keys that depend on each other; path is the signal's.
func (r *OTLPReceiver) complete(d *decoder, path string) {
	if _, err := r.Endpoint.Target(r.Protocol, path); err != nil {
		d.failAt(r.Endpoint.Source, "%s is %v", r.Endpoint.Source, err)
	}
	if (r.ClientCertificate == "") != (r.ClientKey == "") {
		d.failAt("otlp.client_certificate", "otlp.client_certificate and otlp.client_key, or their variables, must be set together: set both or none")
	}
	if r.Certificate != "" {
		if _, err := certificatePool(r.Certificate); err != nil {
			d.failAt("otlp.certificate", "otlp.certificate, or its variable, can't be used: %v: write the path of the receiver's CA in PEM format", err)
		}
	}
	if r.ClientCertificate != "" && r.ClientKey != "" {
		if _, err := loadKeyPair(r.ClientCertificate, r.ClientKey); err != nil {
			d.failAt("otlp.client_certificate", "otlp.client_certificate and otlp.client_key, or their variables, can't be used: %v: "+
				"write the paths of a certificate and its key in PEM format", WithoutPath(err))
		}
	}
}

// failAt adds an error about a key, with its line if the file has the key: environment variables have no line.
func (d *decoder) failAt(key, format string, args ...any) {
	if n := d.nodes[key]; n != nil {
		d.fail(n, format, args...)
		return
	}
	d.add(lineError{text: fmt.Sprintf(format, args...)})
}
