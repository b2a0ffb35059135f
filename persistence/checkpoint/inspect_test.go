package checkpoint

import (
	"bytes"
	"errors"
	"testing"

	"dora-exporter/dora"
)

// FuzzInspect checks that nothing passes for a whole checkpoint without its seal.
func FuzzInspect(f *testing.F) {
	whole, err := encode(header{store: "5f0c", position: 7, start: noon}, dora.Families(), two(0))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{whole, whole[1:], whole[:len(whole)-1], append(whole[:len(whole):len(whole)], '\n'), []byte("# EOF\n"), nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := inspect(bytes.NewReader(data))
		if int64(len(data)) != found.size {
			t.Errorf("size %d, want %d", found.size, len(data))
		}
		_, sealed := unseal(data)
		if err == nil && !sealed {
			t.Errorf("accepted without a seal: %q", data)
		}
		if errors.Is(err, errForeign) && bytes.HasPrefix(data, []byte(headerPrefix)) {
			t.Errorf("foreign: %q", data)
		}
	})
}
