package instrumentation

import (
	"bytes"
	"slices"
	"testing"
)

// A body has what was written to it, whatever its chunks had before.
func TestBody(t *testing.T) {
	var b body
	for _, test := range []struct {
		name                 string
		parts                []int // sizes of writes
		wantChunks, wantSize int
	}{
		{"empty", nil, 0, 0},
		{"less than a chunk", []int{10, 0, 5}, 1, 15},
		{"one chunk", []int{chunkSize}, 1, chunkSize},
		{"a byte more", []int{chunkSize, 1}, 2, chunkSize + 1},
		{"a large write", []int{7, 3*chunkSize + 5}, 4, 3*chunkSize + 12},
		{"less than before", []int{chunkSize + 1}, 4, chunkSize + 1},
		{"far less than before", []int{1}, 4, 1},
		{"after memory was given up", []int{1}, 2, 1},
	} {
		var want bytes.Buffer
		b = b.reset()
		for n, size := range test.parts {
			part := bytes.Repeat([]byte{byte('a' + n)}, size)
			want.Write(part)
			if written, err := b.Write(part); written != size || err != nil {
				t.Errorf("%s: wrote %d of %d bytes: %v", test.name, written, size, err)
			}
		}
		var got bytes.Buffer
		if err := b.writeTo(&got); err != nil || !slices.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: read %d bytes, want the %d that were written: %v", test.name, got.Len(), want.Len(), err)
		}
		if b.size != test.wantSize || len(b.chunks) != test.wantChunks {
			t.Errorf("%s: size %d in %d chunks, want %d in %d", test.name, b.size, len(b.chunks), test.wantSize, test.wantChunks)
		}
	}
}
