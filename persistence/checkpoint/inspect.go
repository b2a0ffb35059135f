package checkpoint

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// errForeign says that a file is not a checkpoint of ours.
var errForeign = errors.New("no checkpoint header")

// inspected is what a file is, by its first and last lines.
type inspected struct {
	header
	// hash identifies the file by its text.
	hash string
	size int64
}

// longestHeader limits what is looked at of a first line, in bytes.
const longestHeader = 1 << 10

// inspect reads a file and finds out what it is. The error is errForeign when it was written by another program, a *brokenError
// when it is a checkpoint of ours and damaged, any other when it can't be read. It needs no memory for the text.
func inspect(r io.Reader) (inspected, error) {
	var first, last, checksum []byte // the first line, the last one, and the last one that has a checksum
	var sum []byte                   // of all that stands in front of that
	at := int64(0)                   // where that begins
	whole := sha256.New()
	in, size, begins := bufio.NewReaderSize(r, 64<<10), int64(0), true
	for {
		part, err := in.ReadSlice('\n')
		if begins && bytes.HasPrefix(part, []byte(checksumPrefix)) {
			checksum, sum = bytes.Clone(part), whole.Sum(nil)
			at = size
		}
		if len(first) < longestHeader && !bytes.Contains(first, []byte("\n")) {
			first = append(first, part[:min(len(part), longestHeader-len(first))]...)
		}
		if begins && len(part) > 0 {
			last = append(last[:0], part[:min(len(part), longestHeader)]...)
		}
		whole.Write(part)
		size += int64(len(part))
		begins = err == nil
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return inspected{}, err
		}
	}
	found := inspected{hash: hex.EncodeToString(whole.Sum(nil)), size: size}
	if !ours(first, size) && checksum == nil {
		return found, errForeign
	}
	if size == 0 {
		return found, &brokenError{"it is empty"}
	}
	sealed := fmt.Appendf(nil, "%s%x\n", checksumPrefix, sum)
	err := found.parse(first)
	switch {
	case err != nil:
	case string(last) != endLine:
		err = &brokenError{"it is cut: the last line is missing"}
	case checksum == nil:
		err = &brokenError{"its checksum is missing"}
	case !bytes.Equal(checksum, sealed), at+int64(len(sealed)+len(endLine)) != size:
		err = &brokenError{"its checksum does not match"}
	}
	return found, err
}

// brokenError says what is wrong with a checkpoint of ours.
type brokenError struct{ what string }

func (e *brokenError) Error() string { return e.what }

// parse reads the first line.
func (h *header) parse(first []byte) error {
	line, _, _ := bytes.Cut(first, []byte("\n"))
	var start string
	_, err := fmt.Sscanf(string(line)+"\n", headerFormat, &h.store, &h.position, &start)
	if err == nil {
		h.start, err = time.Parse(time.RFC3339Nano, start)
	}
	if err != nil {
		*h = header{}
		return &brokenError{fmt.Sprintf("its first line can't be read: %v", err)}
	}
	return nil
}

// ours reports whether the beginning of a file is that of a checkpoint of this program, whole or damaged. The last line tells
// nothing: OpenMetrics has the same.
func ours(first []byte, size int64) bool {
	return bytes.HasPrefix(first, []byte(headerPrefix)) ||
		size <= int64(len(headerPrefix)) && bytes.HasPrefix([]byte(headerPrefix), first) ||
		bytes.Contains(first[:min(len(first), 2*len(headerPrefix))], []byte("dora-exporter"))
}
