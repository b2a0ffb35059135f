package postgres

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// readTimeout is how long a transaction that reads may do nothing: a snapshot keeps the server from removing what is outdated.
const readTimeout = 10 * time.Minute

// readSettings limit how long a process that has been stopped can hold a snapshot: between two queries, and while rows are sent that it does
// not receive. Limits that the server has already stay.
var readSettings = fmt.Sprintf("SELECT %s, %s", limited("idle_in_transaction_session_timeout"), limited("tcp_user_timeout"))

func limited(setting string) string {
	return fmt.Sprintf("CASE WHEN current_setting('%s') = '0' THEN set_config('%[1]s', '%d', true) END", setting, readTimeout.Milliseconds())
}

// readError converts PostgreSQL's error about damaged data into a *sqlstore.CorruptError, and explains why a read was ended.
func readError(name string, err error) error {
	switch {
	case code(err) == "25P03":
		return fmt.Errorf("%s ended the read, since this process was suspended in the middle of it for too long; read again: %w", name, err)
	case errors.Is(err, syscall.ECONNRESET) && !isConnecting(err):
		return fmt.Errorf("%s or the network ended the read, as when this process was suspended in the middle of it for too long; read again: %w", name, err)
	}
	return damaged(name, err)
}

// isConnecting reports whether a connection could not be made, so nothing had been read.
func isConnecting(err error) bool {
	var connect *pgconn.ConnectError
	return errors.As(err, &connect)
}
