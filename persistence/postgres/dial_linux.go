package postgres

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged makes a connection fail when what was sent is not acknowledged for deadAfter: without it a write to a
// database behind a cut network hangs for a quarter of an hour. https://man7.org/linux/man-pages/man7/tcp.7.html
func limitUnacknowledged(network, _ string, c syscall.RawConn) (err error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	controlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadAfter.Milliseconds()))
	})
	if controlErr != nil {
		return controlErr
	}
	return err
}
