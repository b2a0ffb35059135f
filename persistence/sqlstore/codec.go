package sqlstore

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// dictionary has what documents of the store have in common: https://www.rfc-editor.org/rfc/rfc8878#section-5. Stored documents can't
// be read without it, so it is never changed after a release.
//
//go:embed dictionary.json
var dictionary []byte

const (
	// dictionaryID is in each compressed document. Another dictionary gets another one.
	dictionaryID = 1
	// compressFrom is the size from which documents are compressed. Shorter ones are not worth the time.
	compressFrom = 256
	// maxDocument bounds the memory of reading a damaged document.
	maxDocument = 256 << 20
)

// codec converts documents to what is stored: JSON, compressed if it is long.
type codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newCodec() (*codec, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderDictRaw(dictionaryID, dictionary), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(64<<10), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("prepare compression: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderDictRaw(dictionaryID, dictionary), zstd.WithDecoderConcurrency(0),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxDocument))
	if err != nil {
		return nil, fmt.Errorf("prepare decompression: %w", err)
	}
	return &codec{encoder, decoder}, nil
}

// encode returns a document as it is stored.
func (c *codec) encode(document any) ([]byte, error) {
	text, err := json.Marshal(document)
	if err != nil || len(text) < compressFrom {
		return text, err
	}
	return c.encoder.EncodeAll(text, make([]byte, 0, len(text)/2)), nil
}

// decode reads a stored document.
func (c *codec) decode(stored []byte, document any) error {
	var header zstd.Header
	if header.Decode(stored) == nil { // no JSON begins so
		var err error
		if stored, err = c.decoder.DecodeAll(stored, nil); err != nil {
			return fmt.Errorf("decompress: %w", err)
		}
	}
	return json.Unmarshal(stored, document)
}
