package enrichment

import (
	"net/http"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	const limitText = `{"message":"API rate limit exceeded for user ID 1."}`
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		kind   kind
		wait   time.Duration
	}{
		{"not found", 404, nil, "", answered, 0},
		{"unprocessable", 422, nil, "", answered, 0},
		{"not found with the last call", 404, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767269400"}, "", answered, 10 * time.Minute},
		{"bad gateway", 502, nil, "<html>", failed, 0},
		{"unavailable, whatever it says about later", 503, map[string]string{"Retry-After": "3600"}, "", failed, 0},
		{"accepted", 202, nil, "{}", failed, 0},
		{"bad request", 400, nil, "", failed, 0},
		{"unauthorized", 401, nil, `{"message":"Bad credentials"}`, refused, 0},
		{"forbidden", 403, map[string]string{"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": "1767269400"}, `{"message":"Resource not accessible"}`, denied, 0},
		{"forbidden by a proxy", 403, nil, "<html>mail abuse@example.com</html>", denied, 0},
		{"forbidden, none left, reset in 10 minutes", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767269400"}, "{}", limited, 10 * time.Minute},
		{"the reset is compared with the server's clock", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767269400", "Date": "Thu, 01 Jan 2026 12:09:00 GMT"}, "{}", limited, time.Minute},
		{"reset is over", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767268000"}, "{}", limited, time.Second},
		{"reset is far off", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1999999999"}, "{}", limited, time.Hour},
		{"retry after seconds", 403, map[string]string{"Retry-After": "30"}, "{}", limited, 30 * time.Second},
		{"retry after goes before the reset", 403, map[string]string{"Retry-After": "30", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767269400"}, "{}", limited, 30 * time.Second},
		{"retry after a date", 429, map[string]string{"Retry-After": "Thu, 01 Jan 2026 12:01:30 GMT"}, "{}", limited, 90 * time.Second},
		{"retry after a date, by the server's clock", 429, map[string]string{"Retry-After": "Thu, 01 Jan 2026 12:01:30 GMT", "Date": "Thu, 01 Jan 2026 12:01:00 GMT"}, "{}", limited, 30 * time.Second},
		{"retry after nothing", 429, map[string]string{"Retry-After": "0"}, "{}", limited, time.Second},
		{"retry after ages", 429, map[string]string{"Retry-After": "99999999999999999"}, "{}", limited, time.Hour},
		{"retry after nonsense", 429, map[string]string{"Retry-After": "soon"}, "{}", limited, 0},
		{"too many, no headers", 429, nil, "", limited, 0},
		{"too many, reset in 10 minutes", 429, map[string]string{"X-RateLimit-Reset": "1767269400"}, "", limited, 10 * time.Minute},
		{"limit by its text", 403, nil, limitText, limited, 0},
		{"secondary limit, the hourly one has calls left", 403, map[string]string{"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": "1767269400"}, `{"message":"You have exceeded a secondary rate limit."}`, limited, 0},
		{"abuse detection", 403, nil, `{"message":"You have triggered an abuse detection mechanism."}`, limited, 0},
		{"limit by its documentation", 403, nil, `{"message":"x","documentation_url":"https://docs.github.com/rest/overview/rate-limits"}`, limited, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{}
			for name, value := range test.header {
				header.Set(name, value)
			}
			kind, wait := classifyError(test.status, header, []byte(test.body), now)
			if kind != test.kind || wait != test.wait {
				t.Errorf("kind %d, wait %s; want %d, %s", kind, wait, test.kind, test.wait)
			}
		})
	}
}
