package process

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"syscall"
)

// lastPort is the offset of the last port that was given away. It begins at random: another process may look for one, too.
var lastPort = func() *atomic.Uint32 {
	var p atomic.Uint32
	p.Store(rand.Uint32N(20_000)) //nolint:gosec // not for secrets
	return &p
}()

// FreeAddress returns an address of this machine that nothing listens at and that no other call has returned. Its port is below those
// that systems give to outgoing connections, one of which could take it before the exporter does.
func FreeAddress(ctx context.Context) (string, error) {
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+lastPort.Add(1)%20_000)
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err == nil {
			return address, l.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return "", err
		}
	}
}
