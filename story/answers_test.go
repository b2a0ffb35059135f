package story

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A sender that reads no answer before it has sent its whole body gets the answer all the same.
func TestAnswersArrive(t *testing.T) {
	t.Parallel()
	e := newExporter(t, "http://127.0.0.1:1")
	e.start()
	const length = 27 << 20
	piece := strings.Repeat(" ", 1<<20)
	for name, test := range map[string]struct {
		header string
		size   int
		want   int
	}{
		"413 by its length": {"Content-Type: application/json\r\nContent-Length: 28311552\r\n", length, 413},
		"415":               {"Content-Type: text/plain\r\nContent-Length: 28311552\r\n", length, 415},
		"401":               {"Content-Type: application/json\r\nContent-Length: 20971520\r\n", 20 << 20, 401},
	} {
		c, err := net.Dial("tcp", e.address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		_, err = io.WriteString(c, "POST /api/github HTTP/1.1\r\nHost: x\r\n"+test.header+"\r\n")
		for n := 0; err == nil && n < test.size; n += len(piece) {
			_, err = io.WriteString(c, piece)
		}
		if err != nil {
			t.Errorf("%s: send: %v", name, err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if text, err := io.ReadAll(answer.Body); answer.StatusCode != test.want || err != nil || len(text) == 0 {
			t.Errorf("%s: status %d, want %d: %s, %v", name, answer.StatusCode, test.want, text, err)
		}
		_ = c.Close()
	}
}
