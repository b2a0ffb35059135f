package receivers

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// A sender that gets its answer before the end of its body may continue sending for lingerTime, with pauses of at most
	// lingerPause.
	lingerTime  = 5 * time.Second
	lingerPause = time.Second
)

// trackedBody is a request's body that records whether it was read, and to its end.
type trackedBody struct {
	io.ReadCloser

	begun, ended bool
}

func (b *trackedBody) Read(p []byte) (int, error) {
	b.begun = true
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err == io.EOF // a reader's EOF is not wrapped
	return n, err
}

// reply sends the answer to a refused request. If the body has not been read to its end, it then reads and discards the rest for a
// while: many senders read no answer before they have sent everything, and closing a connection with unread data resets it, which
// discards the answer.
func reply(c *gin.Context, body *trackedBody, status int, text string) {
	if body.ended || c.Request.ContentLength == 0 {
		c.String(status, "%s\n", text)
		return
	}
	control := http.NewResponseController(c.Writer)
	_ = control.EnableFullDuplex() // else the server reads the rest of the body first
	header := c.Writer.Header()
	header.Set("Connection", "close")
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(text)+1)) // so that the answer is complete before the handler returns
	c.Status(status)
	_, _ = io.WriteString(c.Writer, text+"\n")
	_ = control.Flush()
	if !body.begun && c.Request.Header.Get("Expect") != "" {
		return // the sender waits for 100 Continue
	}
	linger(control, body)
}

func linger(control *http.ResponseController, body io.Reader) {
	end := time.Now().Add(lingerTime)
	buffer := make([]byte, 8<<10)
	for time.Now().Before(end) {
		if control.SetReadDeadline(time.Now().Add(min(lingerPause, time.Until(end)))) != nil {
			return
		}
		if _, err := body.Read(buffer); err != nil {
			return
		}
	}
}
