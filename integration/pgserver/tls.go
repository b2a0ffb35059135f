package pgserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Authority issues certificates for a test.
type Authority struct {
	// Root is the path of its own certificate.
	Root string

	tb          testing.TB
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority returns an authority with a name and a key of its own.
func NewAuthority(tb testing.TB, name string) *Authority {
	tb.Helper()
	a := &Authority{tb: tb, certificate: &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	a.Root, _ = a.Issue(a.certificate)
	return a
}

// ServerCertificate returns the template of a certificate for the names and addresses of a server.
func ServerCertificate(hosts ...string) *x509.Certificate {
	c := &x509.Certificate{Subject: pkix.Name{CommonName: "server"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, host := range hosts {
		if address := net.ParseIP(host); address != nil {
			c.IPAddresses = append(c.IPAddresses, address)
		} else {
			c.DNSNames = append(c.DNSNames, host)
		}
	}
	return c
}

// ClientCertificate returns the template of a certificate for a role.
func ClientCertificate(role string) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: role}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

// Issue signs a certificate that is valid for a day, unless the template says otherwise, and returns the paths of the certificate and of
// its key, which only this user may read.
func (a *Authority) Issue(template *x509.Certificate) (certificate, key string) {
	a.tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.tb.Fatal(err)
	}
	if a.key == nil {
		a.key = private
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &private.PublicKey, a.key)
	if err != nil {
		a.tb.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.tb.Fatal(err)
	}
	folder := a.tb.TempDir()
	certificate, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: signed}, key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			a.tb.Fatal(err)
		}
	}
	return certificate, key
}

// UseTLS gives the server a certificate, and lets it check those of clients by an authority.
func (s *Server) UseTLS(certificate, key, clientRoot string) {
	s.tb.Helper()
	for name, path := range map[string]string{"server.crt": certificate, "server.key": key, "root.crt": clientRoot} {
		text, err := os.ReadFile(path)
		if err != nil {
			s.tb.Fatal(err)
		}
		to := filepath.Join(s.data(), name)
		if err := os.WriteFile(to, text, 0o600); err != nil {
			s.tb.Fatal(err)
		}
		if os.Geteuid() == 0 {
			uid, gid := nobody(s.tb)
			if err := os.Chown(to, uid, gid); err != nil {
				s.tb.Fatal(err)
			}
		}
	}
	s.Psql("postgres", "ALTER SYSTEM SET ssl = on")
	s.Psql("postgres", "ALTER SYSTEM SET ssl_ca_file = 'root.crt'")
	s.reload()
}

// Access replaces the lines of pg_hba.conf, after one that lets the superuser in.
func (s *Server) Access(lines ...string) {
	s.tb.Helper()
	lines = append([]string{"host all postgres 127.0.0.1/32 trust"}, lines...)
	if err := os.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(strings.Join(lines, "\n")+"\n"), 0); err != nil { // it exists
		s.tb.Fatal(err)
	}
	s.reload()
}

// reload reads the configuration again.
func (s *Server) reload() {
	s.tb.Helper()
	s.Psql("postgres", "SELECT pg_reload_conf()")
}
