package config

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"dora-exporter/internal/bounds"
)

const (
	// Limits on the sizes of files.
	maxConfigBytes      = 4 << 20
	maxSecretBytes      = 64 << 10
	maxCertificateBytes = 4 << 20
	// maxNodes bounds the nodes of a YAML file: enough for a list of 100,000 repositories.
	maxNodes = 250_000
)

// ReadYAML reads a YAML file within the limits.
func ReadYAML(path string) ([]byte, error) {
	data, err := bounds.ReadFile(path, maxConfigBytes)
	if err != nil {
		return nil, WithoutPath(err)
	}
	return data, bounds.YAML(data, maxNodes)
}

// readSecret reads a file with one secret on one line. Its errors contain the remedy, never the secret.
func readSecret(path string) (string, error) {
	data, err := bounds.ReadFile(path, maxSecretBytes)
	if err != nil {
		return "", err
	}
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(data, []byte(mark)) {
			return "", errors.New("begins with a byte order mark: save it as plain UTF-8 without one")
		}
	}
	secret := string(data)
	if line, ok := strings.CutSuffix(secret, "\n"); ok {
		secret = strings.TrimSuffix(line, "\r")
	}
	switch {
	case secret == "":
		return "", errors.New("is empty: write the secret into it")
	case strings.ContainsAny(secret, "\n\r"):
		return "", errors.New("has more than one line: write only the secret, on one line")
	case !utf8.ValidString(secret), strings.ContainsFunc(secret, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return "", errors.New("has characters that no secret has: save it as plain UTF-8 text with the secret on one line")
	}
	return secret, nil
}
