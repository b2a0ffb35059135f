package receivers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// signed says whether a header signs the body with one of the secrets: sha256=<HMAC in lower-case hex>. Without a secret
// everything is. It takes the same time wherever the first difference is, and tries every secret.
// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
func signed(secrets [][]byte, header string, body []byte) bool {
	if len(secrets) == 0 {
		return true
	}
	digest, ok := strings.CutPrefix(header, "sha256=")
	if !ok || len(digest) != hex.EncodedLen(sha256.Size) {
		return false
	}
	valid := false
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		if hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(digest)) {
			valid = true
		}
	}
	return valid
}

// usable leaves out empty secrets, with which anybody can sign.
func usable(secrets []string) [][]byte {
	var all [][]byte
	for _, s := range secrets {
		if s != "" {
			all = append(all, []byte(s))
		}
	}
	return all
}
