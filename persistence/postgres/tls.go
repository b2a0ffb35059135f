package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// tlsRemedy returns what to do about an error of TLS that another attempt would meet, too; empty for other errors.
func tlsRemedy(err error) string {
	var (
		host      x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		other     *tls.CertificateVerificationError
		network   *net.OpError
	)
	switch {
	case errors.As(err, &host):
		return "the certificate of the server is for another host: write a name that it has into storage.database, or issue another certificate"
	case errors.As(err, &authority):
		return "set sslrootcert in storage.database to the file with the certificate of the authority that has issued the server's"
	case errors.As(err, &invalid), errors.As(err, &other):
		return "the server needs another certificate"
	case errors.As(err, &network) && network.Op == "remote error": // an alert
		return "the server ends the TLS handshake: check the client certificate of storage.database (sslcert, sslkey), and ssl_ca_file of the server"
	case err != nil && strings.Contains(err.Error(), "server refused TLS connection"): // pgconn has no type for it
		return "the server has no TLS: set ssl = on there, or sslmode=disable in storage.database"
	}
	return ""
}
