package receivers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/http"
	"slices"
	"strings"
)

// verifier checks the signature of a body that is written to it in chunks: sha256=<HMAC in lower-case hex>. Without a secret every body
// is valid. Comparison takes constant time, and every secret is tried.
// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
type verifier struct {
	macs   []hash.Hash
	digest string
	// refuse is true if no signature is valid, since the request lacks its token.
	refuse bool
	// optional is true if the event decides whether it must be signed.
	optional bool
	// matches says, after valid, which secrets the body is signed with.
	matches []bool
}

// newCheck returns the verifier of a request. A token makes a signature unnecessary.
func (s source) newCheck(r *http.Request) *verifier {
	if s.tokens.match(r) {
		return &verifier{}
	}
	v := newVerifier(s.secrets, r.Header.Get(s.signature))
	v.refuse = len(s.secrets) == 0 && len(s.tokens.hashes) > 0
	v.optional = s.senders.anyUnsigned()
	return v
}

func newVerifier(secrets [][]byte, header string) *verifier {
	v := &verifier{}
	for _, secret := range secrets {
		v.macs = append(v.macs, hmac.New(sha256.New, secret))
	}
	if digest, ok := strings.CutPrefix(header, "sha256="); ok && len(digest) == hex.EncodedLen(sha256.Size) {
		v.digest = digest
	}
	return v
}

// cannotMatch reports whether no body can have this signature.
func (v *verifier) cannotMatch() bool {
	return v.refuse || len(v.macs) > 0 && v.digest == "" && !v.optional
}

func (v *verifier) write(piece []byte) {
	for _, mac := range v.macs {
		mac.Write(piece)
	}
}

// valid reports whether the written body is signed with one of the secrets, or need not be.
func (v *verifier) valid() bool {
	v.matches = make([]bool, len(v.macs))
	for i, mac := range v.macs {
		v.matches[i] = hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(v.digest))
	}
	return v.optional || v.signed()
}

// signed reports whether valid has found a signature, or no event needs one.
func (v *verifier) signed() bool { return len(v.macs) == 0 || slices.Contains(v.matches, true) }

// nonEmpty omits empty secrets, with which anybody can sign.
func nonEmpty(secrets []string) [][]byte {
	var all [][]byte
	for _, s := range secrets {
		if s != "" {
			all = append(all, []byte(s))
		}
	}
	return all
}
