package instrumentation

import (
	"strings"

	"dora-exporter/internal/lazyregexp"
)

// httpStatus and grpcCode find how a receiver answered in the error of an exporter, which has no type for it.
var (
	httpStatus = lazyregexp.New(`(?:failed to send \w+ to \S+:|retry-able request failure: body:) (4\d\d) `)
	grpcCode   = lazyregexp.New(`rpc error: code = (\w+) `)
)

// remedy returns what to set so that the receiver takes the push; empty if the error does not show it. temporality is the one that is set,
// empty for traces.
func remedy(err error, temporality string) string {
	text := err.Error()
	if temporality != "" && strings.Contains(strings.ToLower(text), "temporality") {
		other := map[string]string{"delta": "cumulative", "cumulative": "delta"}[temporality]
		return "the receiver does not take " + temporality + " values: set otlp.temporality to " + other
	}
	var answer string
	for _, form := range []*lazyregexp.Regexp{httpStatus, grpcCode} {
		if found := form.FindStringSubmatch(text); found != nil {
			answer = found[1]
		}
	}
	switch answer {
	case "401", "403", "Unauthenticated", "PermissionDenied":
		return "set otlp.headers or otlp.headers_file to the key that the receiver wants"
	case "404", "405", "Unimplemented":
		return "the receiver has no OTLP there: set otlp.endpoint to its address, and otlp.protocol to the one that it has there"
	case "413":
		return "the request is too large for the receiver: set otlp.compression to gzip, or raise its limit"
	case "429", "ResourceExhausted":
		if temporality == "" {
			return "the receiver's limit is reached: set a lower otlp.traces_ratio, or raise its limit"
		}
		return "the receiver's limit is reached: set a longer otlp.interval, or raise its limit"
	case "415":
		return "set otlp.protocol to one that the receiver takes"
	case "400", "InvalidArgument":
		return "the receiver does not take the values: set otlp.protocol, otlp.temporality and otlp.compression to what it documents"
	}
	if strings.HasPrefix(answer, "4") {
		return "set otlp.endpoint, otlp.protocol and otlp.headers to what the receiver documents"
	}
	return ""
}
