package receivers

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the signature that must not do
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"dora-exporter/demo"
)

func sign(secret, body string) string {
	return demo.Sign(secret, []byte(body))
}

// The example of GitHub's documentation.
// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
func TestSignedAsDocumented(t *testing.T) {
	const header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	if !signed([][]byte{[]byte("It's a Secret to Everybody")}, header, []byte("Hello, World!")) {
		t.Error("the documented signature is refused")
	}
}

func TestSigned(t *testing.T) {
	const body = `{"a":1}`
	sha1Of := func() string {
		mac := hmac.New(sha1.New, []byte("one"))
		mac.Write([]byte(body))
		return "sha1=" + hex.EncodeToString(mac.Sum(nil))
	}
	for name, test := range map[string]struct {
		secrets []string
		header  string
		want    bool
	}{
		"right":             {[]string{"one"}, sign("one", body), true},
		"the first of two":  {[]string{"one", "two"}, sign("one", body), true},
		"the second of two": {[]string{"one", "two"}, sign("two", body), true},
		"missing":           {[]string{"one"}, "", false},
		"of another body":   {[]string{"one"}, sign("one", body+" "), false},
		"of another secret": {[]string{"one"}, sign("two", body), false},
		"SHA-1":             {[]string{"one"}, sha1Of(), false},
		"without prefix":    {[]string{"one"}, strings.TrimPrefix(sign("one", body), "sha256="), false},
		"upper case":        {[]string{"one"}, "sha256=" + strings.ToUpper(strings.TrimPrefix(sign("one", body), "sha256=")), false},
		"upper-case prefix": {[]string{"one"}, strings.Replace(sign("one", body), "sha", "SHA", 1), false},
		"first digit wrong": {[]string{"one"}, withDigit(sign("one", body), len("sha256=")), false},
		"last digit wrong":  {[]string{"one"}, withDigit(sign("one", body), len(sign("one", body))-1), false},
		"cut":               {[]string{"one"}, sign("one", body)[:40], false},
		"longer":            {[]string{"one"}, sign("one", body) + "00", false},
		"not hex":           {[]string{"one"}, "sha256=" + strings.Repeat("zz", 32), false},
		"empty secret":      {[]string{"one", ""}, sign("", body), false},
		"no secret":         {nil, "", true},
		"only empty ones":   {[]string{""}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := signed(nonEmpty(test.secrets), test.header, []byte(body)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestRandomSignatures(t *testing.T) {
	b := signedBench()
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		var digest [sha256.Size]byte
		for i := range digest {
			digest[i] = byte(random.Uint32())
		}
		guess := "sha256=" + hex.EncodeToString(digest[:])
		if answer := b.gitHub("deployment_status", minimal, "X-Hub-Signature-256", guess); answer.Code != 401 {
			t.Fatalf("GitHub, %s: status %d", guess, answer.Code)
		}
		if answer := b.jira(`{}`, "X-Hub-Signature", guess); answer.Code != 401 {
			t.Fatalf("Jira, %s: status %d", guess, answer.Code)
		}
	}
	if len(b.inbox.deliveries) != 0 {
		t.Errorf("stored: %+v", b.inbox.deliveries)
	}
}

// withDigit returns a signature with another hex digit at an index.
func withDigit(signature string, at int) string {
	digit := "0"
	if signature[at] == '0' {
		digit = "1"
	}
	return signature[:at] + digit + signature[at+1:]
}

// signed reports whether a header signs a body.
func signed(secrets [][]byte, header string, body []byte) bool {
	v := newVerifier(secrets, header)
	v.write(body)
	return !v.cannotMatch() && v.valid()
}
