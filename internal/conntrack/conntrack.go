// Package conntrack stands in for github.com/mwitkow/go-conntrack by a replace directive in go.mod. github.com/prometheus/common/config
// dials through that module, to count connections and to record them for /debug/events. This program shows neither. The module has not
// changed since 2019 and imports golang.org/x/net/trace, whose templates call methods by name: with it, the linker keeps all exported
// methods of the program, a fifth of it. https://go.dev/issue/62024
package conntrack

import (
	"context"
	"net"
)

// DialContext connects to an address.
type DialContext = func(ctx context.Context, network, address string) (net.Conn, error)

// Option is an option of NewDialContextFunc. A nil one changes nothing.
type Option func(DialContext) DialContext

// NewDialContextFunc returns a function that connects as net.Dialer does, or as an option says.
func NewDialContextFunc(options ...Option) DialContext {
	dial := new(net.Dialer).DialContext
	for _, option := range options {
		if option != nil {
			dial = option(dial)
		}
	}
	return dial
}

// DialWithDialContextFunc connects by another function.
func DialWithDialContextFunc(dial DialContext) Option {
	return func(DialContext) DialContext { return dial }
}

// DialWithName changes nothing: connections are not counted.
func DialWithName(string) Option { return nil }

// DialWithTracing changes nothing: connections are not traced.
func DialWithTracing() Option { return nil }
