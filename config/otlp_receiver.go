package config

import (
	"fmt"
	"time"

	"gopkg.in/yaml.v3"
)

// OTLPReceiver is where a signal is pushed to, and how.
type OTLPReceiver struct {
	Endpoint OTLPEndpoint
	// Protocol is grpc or http/protobuf, Compression gzip or none.
	Protocol, Compression string
	// Headers have names in lower case. Their values are secrets.
	Headers map[string]string
	// Certificate and ClientCertificate are paths of PEM files, and ClientKey that of a key.
	Certificate, ClientCertificate, ClientKey string
	// Timeout bounds one request with its repetitions.
	Timeout time.Duration
}

func defaultOTLPReceiver() OTLPReceiver {
	return OTLPReceiver{Protocol: "http/protobuf", Compression: "none", Timeout: 10 * time.Second}
}

// otlpReceivers are the keys of the file that say where to push. They are about all signals.
func (d *decoder) otlpReceivers(all ...*OTLPReceiver) fields {
	each := func(read func(to *OTLPReceiver) field) field {
		return func(n *yaml.Node, path string) {
			for _, one := range all {
				read(one)(n, path)
			}
		}
	}
	return fields{
		"endpoint":           each(func(r *OTLPReceiver) field { return d.otlpEndpoint(&r.Endpoint) }),
		"protocol":           each(func(r *OTLPReceiver) field { return d.choice(&r.Protocol, "grpc", "http/protobuf") }),
		"headers":            each(func(r *OTLPReceiver) field { return d.headers(&r.Headers, d.stringMap) }),
		"headers_file":       each(func(r *OTLPReceiver) field { return d.headers(&r.Headers, d.keyValueFile) }),
		"certificate":        each(func(r *OTLPReceiver) field { return d.text(&r.Certificate) }),
		"client_certificate": each(func(r *OTLPReceiver) field { return d.text(&r.ClientCertificate) }),
		"client_key":         each(func(r *OTLPReceiver) field { return d.text(&r.ClientKey) }),
		"compression":        each(func(r *OTLPReceiver) field { return d.choice(&r.Compression, "gzip", "none") }),
		"timeout":            each(func(r *OTLPReceiver) field { return d.duration(&r.Timeout) }),
	}
}

// complete checks what belongs together; path is that of the signal.
func (r *OTLPReceiver) complete(d *decoder, path string) {
	if _, err := r.Endpoint.Target(r.Protocol, path); err != nil {
		d.failAt(r.Endpoint.Source, "%s is %v", r.Endpoint.Source, err)
	}
	if (r.ClientCertificate == "") != (r.ClientKey == "") {
		d.failAt("otlp.client_certificate", "otlp.client_certificate and otlp.client_key, or their variables, belong together: set both or none")
	}
	if r.Certificate != "" {
		if _, err := certificatePool(r.Certificate); err != nil {
			d.failAt("otlp.certificate", "otlp.certificate, or its variable, names a file that can't be used: %v: write the path of the receiver's CA in PEM format", err)
		}
	}
	if r.ClientCertificate != "" && r.ClientKey != "" {
		if _, err := loadKeyPair(r.ClientCertificate, r.ClientKey); err != nil {
			d.failAt("otlp.client_certificate", "otlp.client_certificate and otlp.client_key, or their variables, name files that can't be used: %v: "+
				"write the paths of a certificate and its key in PEM format", WithoutPath(err))
		}
	}
}

// failAt adds an error, with its line when key is in the file: a variable has none.
func (d *decoder) failAt(key, format string, args ...any) {
	if n := d.nodes[key]; n != nil {
		d.fail(n, format, args...)
		return
	}
	d.add(lineError{text: fmt.Sprintf(format, args...)})
}
