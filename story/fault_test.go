package story

import (
	"net/http"
)

// refuse closes the connection without an answer.
func refuse(w http.ResponseWriter, _ *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = c.Close()
	}
}
