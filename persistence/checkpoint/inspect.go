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

// errForeign reports that a file is not a checkpoint of this program.
var errForeign = errors.New("no checkpoint header")

// fileInfo describes a file by its first and last lines.
type fileInfo struct {
	header
	// hash is the SHA-256 of the file.
	hash string
	size int64
}

// maxHeader limits how much of the first line is read, in bytes.
const maxHeader = 1 << 10

// inspect reads a file and determines what it is. The error is errForeign if another program wrote it, a *brokenError if it is a
// damaged checkpoint, and any other if it can't be read. inspect does not keep the text in memory.
func inspect(r io.Reader) (fileInfo, error) {
	var first, last, checksum []byte // the first line, the last line, and the last checksum line
	var sum []byte                   // hash of everything before the checksum line
	at := int64(0)                   // offset of the checksum line
	whole := sha256.New()
	in, size, begins := bufio.NewReaderSize(r, 64<<10), int64(0), true
	for {
		part, err := in.ReadSlice('\n')
		if begins && bytes.HasPrefix(part, []byte(checksumPrefix)) {
			checksum, sum = bytes.Clone(part), whole.Sum(nil)
			at = size
		}
		if len(first) < maxHeader && !bytes.Contains(first, []byte("\n")) {
			first = append(first, part[:min(len(part), maxHeader-len(first))]...)
		}
		if begins && len(part) > 0 {
			last = append(last[:0], part[:min(len(part), maxHeader)]...)
		}
		whole.Write(part)
		size += int64(len(part))
		begins = err == nil
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return fileInfo{}, err
		}
	}
	found := fileInfo{hash: hex.EncodeToString(whole.Sum(nil)), size: size}
	if !isOwn(first, size) && checksum == nil {
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
		err = &brokenError{"it is truncated: the last line is missing"}
	case checksum == nil:
		err = &brokenError{"its checksum is missing"}
	case !bytes.Equal(checksum, sealed), at+int64(len(sealed)+len(endLine)) != size:
		err = &brokenError{"its checksum does not match"}
	}
	return found, err
}

// brokenError describes the damage of a checkpoint.
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
		return &brokenError{fmt.Sprintf("its first line is invalid: %v", err)}
	}
	return nil
}

// isOwn reports whether a file begins like a checkpoint of this program, intact or damaged. The last line does not help: OpenMetrics
// files end with the same. A person may have written the program's name alone above the values of another program.
func isOwn(first []byte, size int64) bool {
	return bytes.HasPrefix(first, []byte(headerPrefix)) ||
		size <= int64(len(headerPrefix)) && bytes.HasPrefix([]byte(headerPrefix), first) ||
		bytes.Contains(first[:min(len(first), 2*len(headerPrefix))], []byte("dora-exporter")) && bytes.Contains(first, []byte("position="))
}
