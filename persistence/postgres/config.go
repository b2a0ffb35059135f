package postgres

import (
	"context"
	"fmt"
	"hash/crc64"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// connectTimeout ends an attempt to connect, unless the URL says otherwise.
	connectTimeout = 5 * time.Second
	// deadAfter is how long the other end may not acknowledge what was sent, until the connection counts as broken.
	deadAfter = 10 * time.Second
	// answerTimeout is how long the database may take to answer when it is opened.
	answerTimeout = 30 * time.Second
)

// parse reads a URL or connection string; what it leaves out is taken from libpq's variables. The error has no password.
func parse(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("storage.database: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	dialer := &net.Dialer{
		Timeout: config.ConnectTimeout, Control: limitUnacknowledged,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 5},
	}
	config.DialFunc = dialer.DialContext
	if config.ValidateConnect == nil { // a standby has older data
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "dora-exporter"
	}
	return config, nil
}

// nameOf names a database in messages, without user and password.
func nameOf(config *pgx.ConnConfig, schema string) string {
	return fmt.Sprintf("PostgreSQL database %s on %s, schema %s", config.Database, net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))), schema)
}

// lockKey returns the number of an advisory lock.
func lockKey(name string) string {
	return strconv.FormatInt(int64(crc64.Checksum([]byte("dora-exporter/"+name), crc64.MakeTable(crc64.ECMA))), 10)
}

// answering limits how long the database may take to answer when it is opened.
func answering(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, answerTimeout)
}
