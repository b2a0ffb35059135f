package story

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reply answers with a status, a body, and header names and values in turn.
func reply(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}
}

// say writes a text to the connection and closes it.
func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = fmt.Fprint(c, text)
		_ = c.Close()
	}
}

// refuse closes the connection without an answer.
func refuse(w http.ResponseWriter, r *http.Request) { say("")(w, r) }

// hang answers nothing until the caller gives up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// drip answers a list that never ends, a little at a time.
func drip(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprint(w, "[")
	for r.Context().Err() == nil {
		_, _ = fmt.Fprint(w, " ")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// flood answers a text without end, as fast as it is read.
func flood(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprint(w, `[{"name":"`)
	text := strings.Repeat("x", 1<<16)
	for {
		if _, err := fmt.Fprint(w, text); err != nil {
			return
		}
	}
}

// round sends the caller in a circle.
func round(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, r.URL.Path+"?", http.StatusFound)
}

// endless is the name of a fault: an answer without end.
const endless = "an answer without end"

// slowestFirst returns the names of faults, those first that last until a call times out, so that no others wait for them in the end.
func slowestFirst(faults map[string]http.HandlerFunc) []string {
	names := []string{"hanging", "dripping"}
	for name := range faults {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// apiFaults are the ways in which an HTTP API fails for a while.
func apiFaults() map[string]http.HandlerFunc {
	past := strconv.FormatInt(time.Now().Unix()-1, 10)
	return map[string]http.HandlerFunc{
		"500":                        reply(500, `{"message":"Server Error"}`),
		"502 with HTML":              reply(502, "<html><h1>Bad Gateway</h1></html>"),
		"200 with HTML":              reply(200, "<html>Sign in</html>"),
		"401":                        reply(401, `{"message":"Bad credentials"}`),
		"403":                        reply(403, `{"message":"Forbidden"}`),
		"403, secondary":             reply(403, `{"message":"You have exceeded a secondary rate limit"}`, "Retry-After", "1"),
		"403, rate limit":            reply(403, `{"message":"API rate limit exceeded"}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", past),
		"429":                        reply(429, `{"message":"Too many requests"}`),
		"429, 1 s":                   reply(429, `{"message":"Too many requests"}`, "Retry-After", "1"),
		"429, nonsense":              reply(429, `{"message":"Too many requests"}`, "Retry-After", "soon", "X-RateLimit-Reset", "-7"),
		"truncated JSON":             reply(200, `[{"number": 1, "merged_`),
		"another type":               reply(200, `"all fine"`),
		"null":                       reply(200, `null`),
		"an object without anything": reply(200, `{}`),
		"a list with nothing in it":  reply(200, `[]`),
		"a list of nothing":          reply(200, `[null, {}]`),
		"nothing":                    reply(200, ``),
		"204":                        reply(204, ``),
		"closed without an answer":   refuse,
		"reset in the middle":        say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n[{\"num"),
		"not HTTP":                   say("SSH-2.0-OpenSSH_9.6\r\n"),
		"hanging":                    hang,
		"dripping":                   drip,
		endless:                      flood,
		"redirect loop":              round,
	}
}
