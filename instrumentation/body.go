package instrumentation

import "io"

// body is a text of many megabytes, perhaps, in chunks: it grows without being copied, and its memory can be used again for a text of
// another size.
type body struct {
	chunks [][]byte
	// used is the number of chunks with content, size their length in bytes.
	used, size int
}

// chunkSize is the size of a chunk in bytes.
const chunkSize = 64 << 10

// Write appends to the body.
func (b *body) Write(p []byte) (int, error) {
	b.size += len(p)
	for rest := p; len(rest) > 0; {
		if b.used == 0 || len(b.chunks[b.used-1]) == chunkSize {
			if b.used == len(b.chunks) {
				b.chunks = append(b.chunks, make([]byte, 0, chunkSize))
			}
			b.used++
		}
		last := &b.chunks[b.used-1]
		n := min(len(rest), chunkSize-len(*last))
		*last, rest = append(*last, rest[:n]...), rest[n:]
	}
	return len(p), nil
}

// writeTo writes the body.
func (b *body) writeTo(w io.Writer) error {
	for _, chunk := range b.chunks[:b.used] {
		if _, err := w.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}

// reset returns an empty body that has the memory of b, unless b used little of that.
func (b *body) reset() body {
	chunks := b.chunks[:min(len(b.chunks), 2*b.used)]
	for n := range chunks {
		chunks[n] = chunks[n][:0]
	}
	return body{chunks: chunks}
}
