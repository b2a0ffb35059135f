package config

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strconv"

	"gopkg.in/yaml.v3"

	"dora-exporter/internal/bounds"
)

// app reads a GitHub App.
func (d *decoder) app(to **GitHubApp) field {
	return func(n *yaml.Node, path string) {
		a := &GitHubApp{}
		known := fields{"id": d.appID(&a.ID), "private_key_file": d.privateKey(&a.PrivateKey)}
		if d.hasErrors(func() { d.mapping(n, path, known) }) {
			return
		}
		if a.ID == 0 || a.PrivateKey == nil {
			d.fail(n, "%s needs id and private_key_file: write the App ID of the App's settings, and the path of a private key made there", path)
			return
		}
		*to = a
	}
}

// appID reads the number of a GitHub App.
func (d *decoder) appID(to *int) field {
	return func(n *yaml.Node, path string) {
		id, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || id < 1 {
			d.fail(n, "%s is %s, must be a number: write the App ID that the App's settings show, such as 123456", path, describe(n))
			return
		}
		*to = id
	}
}

// privateKey reads an RSA key from the file whose path is the value.
func (d *decoder) privateKey(to **rsa.PrivateKey) field {
	return func(n *yaml.Node, path string) {
		var file string
		if d.hasErrors(func() { d.text(&file)(n, path) }) {
			return
		}
		var err error
		if *to, err = readPrivateKey(file); err != nil {
			d.fail(n, "%s can't be used: %v: write the path of the private key in PEM format, as GitHub made it", path, err)
		}
	}
}

// readPrivateKey reads an RSA key in PEM format. Its errors have neither the key nor the path, which may be the key by mistake.
func readPrivateKey(file string) (*rsa.PrivateKey, error) {
	data, err := bounds.ReadFile(file, maxSecretBytes)
	if err != nil {
		return nil, WithoutPath(err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("file has no key in PEM format")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if key, ok := parsed.(*rsa.PrivateKey); ok {
			return key, nil
		}
	}
	return nil, errors.New("file has no RSA key")
}

// authority reads the certificates of a CA from the file whose path is the value.
func (d *decoder) authority(to **x509.CertPool) field {
	return func(n *yaml.Node, path string) {
		var file string
		if d.hasErrors(func() { d.text(&file)(n, path) }) {
			return
		}
		var err error
		if *to, err = certificatePool(file); err != nil {
			d.fail(n, "%s can't be used: %v: write the path of the CA of the server in PEM format", path, err)
		}
	}
}
