package receivers

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// A sender that is answered before its body has ended may go on sending for lingerTime and pause for lingerPause.
	lingerTime  = 5 * time.Second
	lingerPause = time.Second
)

// watchedBody is a request's body that remembers whether it was read, and to its end.
type watchedBody struct {
	io.ReadCloser

	begun, ended bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.begun = true
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err == io.EOF // a reader's EOF is not wrapped
	return n, err
}

// answer sends an answer that says why a request is refused. When the body has not ended, it takes what is still sent for a
// while: many senders read no answer before they have sent all, and a connection that is closed with unread data is reset,
// which discards the answer.
func answer(c *gin.Context, body *watchedBody, status int, text string) {
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
		return // the sender waits for leave to send
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
