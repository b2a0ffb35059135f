package enrichment

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// outcome tells the gate how a call ended.
type outcome struct {
	kind kind
	// wait is how long GitHub asks to make no further call; 0 when it doesn't ask, or doesn't say for how long.
	wait time.Duration
	// err is why the gate closes, for the log.
	err error
	// othersAnswered is true if GitHub answered other calls while this one failed.
	othersAnswered bool
	// notFound is true if the status is 404.
	notFound bool
}

type kind int

const (
	// answered: GitHub works, be it that it says that something is not there.
	answered kind = iota
	// failed: no answer, or one that makes no sense; it will be better later.
	failed
	// limited: too many calls.
	limited
	// refused: the token is wrong.
	refused
	// denied: the token may not do this, or not with this repository.
	denied
	// hidden: GitHub does not show the repository to the token.
	hidden
	// abandoned: the caller left before there was an answer.
	abandoned
)

const (
	minLimitWait = time.Second
	maxLimitWait = time.Hour
)

// classifyError returns what an answer with a status other than 2xx means. now is used if the answer has no Date.
func classifyError(status int, header http.Header, body []byte, now time.Time) (kind, time.Duration) {
	switch {
	case status == http.StatusTooManyRequests,
		status == http.StatusForbidden && isRateLimit(header, body):
		return limited, limitWait(header, now)
	case status == http.StatusUnauthorized:
		return refused, 0
	case status == http.StatusForbidden:
		return denied, 0
	case isNotFound(status):
		return answered, exhaustedWait(header, now)
	}
	return failed, 0
}

// isNotFound reports whether a status means that what was asked for is not there: neither now nor, most likely, later.
func isNotFound(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity, http.StatusUnavailableForLegalReasons:
		return true
	}
	return false
}

// isRateLimit reports whether a 403 is a rate limit and not a missing permission.
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
func isRateLimit(header http.Header, body []byte) bool {
	if left, ok := remainingCalls(header); ok && left == 0 || header.Get("Retry-After") != "" {
		return true
	}
	var answer struct {
		Message       string `json:"message"`
		Documentation string `json:"documentation_url"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return false
	}
	text := strings.ToLower(answer.Message + " " + answer.Documentation)
	return strings.Contains(text, "rate limit") || strings.Contains(text, "rate-limit") || strings.Contains(text, "abuse")
}

// limitWait returns how long a limited call's answer asks to wait: Retry-After, which goes first, or until X-RateLimit-Reset. The
// reset is that of the hourly limit, so it doesn't count while there are calls left: then it is another limit that was hit.
func limitWait(header http.Header, now time.Time) time.Duration {
	if after := header.Get("Retry-After"); after != "" {
		if seconds, err := strconv.ParseInt(after, 10, 64); err == nil {
			return clampWait(time.Duration(min(seconds, int64(maxLimitWait/time.Second))) * time.Second)
		}
		if at, err := http.ParseTime(after); err == nil {
			return clampWait(at.Sub(answerTime(header, now)))
		}
	}
	if left, ok := remainingCalls(header); ok && left > 0 {
		return 0
	}
	return untilReset(header, now)
}

// exhaustedWait returns the time until the limit's reset if this answer was the last one before it, else 0.
func exhaustedWait(header http.Header, now time.Time) time.Duration {
	if left, ok := remainingCalls(header); !ok || left > 0 {
		return 0
	}
	return untilReset(header, now)
}

// untilReset returns the time until X-RateLimit-Reset, 0 if there is none. It is counted from the answer's Date, so that a wrong
// clock of this machine does no harm.
func untilReset(header http.Header, now time.Time) time.Duration {
	reset, err := strconv.ParseInt(header.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil {
		return 0
	}
	return clampWait(time.Unix(reset, 0).Sub(answerTime(header, now)))
}

func clampWait(wait time.Duration) time.Duration {
	return min(max(wait, minLimitWait), maxLimitWait)
}

func answerTime(header http.Header, now time.Time) time.Time {
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		return at
	}
	return now
}

// remainingCalls returns the number of calls left according to an answer; false if it does not say.
func remainingCalls(header http.Header) (int, bool) {
	left, err := strconv.Atoi(header.Get("X-RateLimit-Remaining"))
	return left, err == nil && left >= 0
}
