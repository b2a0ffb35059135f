package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"

	"dora-exporter/internal/bounds"
)

// TLS returns the TLS configuration; nil if plain. A renewed client certificate is used from the next connection on.
func (r *OTLPReceiver) TLS(plain bool) (*tls.Config, error) {
	if plain {
		return nil, nil //nolint:nilnil // there is no TLS
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.Certificate != "" {
		var err error
		if c.RootCAs, err = certificatePool(r.Certificate); err != nil {
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

// certificatePool reads the trusted certificates.
func certificatePool(file string) (*x509.CertPool, error) {
	data, err := bounds.ReadFile(file, maxCertificateBytes)
	if err != nil {
		return nil, WithoutPath(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("file has no certificate")
	}
	return pool, nil
}

// WithoutPath removes a file's path from an error, for messages that name the key instead.
func WithoutPath(err error) error {
	var with *fs.PathError
	if errors.As(err, &with) {
		return with.Err
	}
	return err
}

// loadKeyPair reads a certificate and its key.
func loadKeyPair(certificate, key string) (tls.Certificate, error) {
	chain, err := bounds.ReadFile(certificate, maxCertificateBytes)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, err := bounds.ReadFile(key, maxCertificateBytes)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(chain, private)
}
