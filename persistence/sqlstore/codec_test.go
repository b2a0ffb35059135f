package sqlstore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCodec(t *testing.T) {
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"empty": "", "short": "a", "just short": strings.Repeat("a", compressFrom-3), "long": strings.Repeat("a", compressFrom-2),
		"of several bytes": strings.Repeat("é", 1000), "larger than the window": strings.Repeat("0123456789", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			stored, err := c.encode(want)
			if err != nil {
				t.Fatal(err)
			}
			if compressed := !json.Valid(stored); compressed != (len(want)+2 >= compressFrom) {
				t.Errorf("compressed: %t, with %d bytes", compressed, len(want)+2)
			}
			var got string
			if err := c.decode(stored, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if c.decode(stored[:len(stored)-1], &got) == nil {
				t.Error("a document without its last byte was read")
			}
		})
	}
}

// Documents that were compressed with this dictionary can't be read with another one.
func TestDictionaryStays(t *testing.T) {
	sum := sha256.Sum256(dictionary)
	if got, want := hex.EncodeToString(sum[:]), "98b9541ac0e2283ac1ea7b3dd7041a5e2610249ec193f922c2d14d83c01b25db"; got != want {
		t.Errorf("the dictionary has the hash %s, want %s", got, want)
	}
}
