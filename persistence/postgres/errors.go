package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"dora-exporter/persistence/sqlstore"
)

// errReplaced is in the error of writes after the database has lost transactions that this process has seen.
var errReplaced = errors.New("the database has lost transactions, as after a failover to an asynchronous standby; the program must be started again")

// code returns the SQLSTATE of an error of the server, or "". https://www.postgresql.org/docs/current/errcodes-appendix.html
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// isBusy reports whether a transaction could not begin because another one has the store's lock, or because the server can't be
// reached or takes no connections at the moment.
func isBusy(err error) bool {
	switch c := code(err); c {
	case "55P03", // lock_not_available
		"40001", "40P01", // serialization_failure, deadlock_detected
		"53300",                   // too_many_connections
		"57P01", "57P02", "57P03", // admin_shutdown, crash_shutdown, cannot_connect_now
		"57P05", "25P03": // idle_session_timeout, idle_in_transaction_session_timeout
		return true
	case "":
		return isDisconnect(err)
	default:
		return strings.HasPrefix(c, "08")
	}
}

// isDisconnect reports whether the connection failed, or could not be made.
func isDisconnect(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		c := code(err)
		return c == "" || isUnavailable(c)
	}
	if isUnavailable(code(err)) {
		return true
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed) || err != nil && strings.Contains(err.Error(), "conn closed")
}

// isUnavailable reports whether the server has ended the session or refuses all: classes 08, 53 and 57P, and sessions that were idle in
// a transaction for too long.
func isUnavailable(code string) bool {
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "57P") || code == "25P03" || code == "58030"
}

// isStorageFailure reports whether a statement failed because of the database and not because of the statement.
func isStorageFailure(err error) bool {
	if err == nil {
		return false
	}
	switch c := code(err); {
	case errors.Is(err, errReplaced) || errors.Is(err, context.DeadlineExceeded):
		return true
	case c == "":
		return isDisconnect(err)
	default:
		return isBusy(err) || isUnavailable(c) || c == "57014" || strings.HasPrefix(c, "XX") || strings.HasPrefix(c, "58") || c == "25006"
	}
}

// mayBeTransaction reports whether a storage failure may be caused by what the transaction does: its statements take too long or too much
// memory, it takes too long between two of them, or the server has a bug.
func mayBeTransaction(err error) bool {
	switch code(err) {
	case "57014", // query_canceled, as by statement_timeout
		"53200", // out_of_memory
		"25P03", // idle_in_transaction_session_timeout
		"XX000": // internal_error
		return true
	}
	return false
}

// damaged converts PostgreSQL's error about damaged data into a *sqlstore.CorruptError.
func damaged(name string, err error) error {
	if c := code(err); c == "XX001" || c == "XX002" {
		return &sqlstore.CorruptError{Path: name, What: "PostgreSQL can't read it", Err: err}
	}
	return err
}

// explained adds a remedy to the error of a start.
func explained(name, schema string, err error) error {
	var remedy string
	switch code(err) {
	case "28P01":
		remedy = checkUser
	case "28000":
		remedy = accessRemedy(err)
	case "3D000":
		remedy = "create the database, or name another one in storage.database"
	case "53300":
		remedy = "raise max_connections of the server, or use a connection pooler"
	case "":
		if !isDisconnect(err) && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("open %s: %w", name, err)
		}
		remedy = unreachableRemedy(err)
	default:
		return fmt.Errorf("open %s: %w", name, withGrants(err, schema))
	}
	return fmt.Errorf("open %s: %w; %s", name, err, remedy)
}

// unreachableRemedy returns what to do if there is no connection, or no answer over one.
func unreachableRemedy(err error) string {
	if remedy := tlsRemedy(err); remedy != "" {
		return remedy
	}
	if connect := (*pgconn.ConnectError)(nil); !errors.As(err, &connect) && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("the server did not answer within %s: see pg_stat_activity and pg_locks for what it waits for", answerTimeout)
	}
	return "check that the server runs and that storage.database has its address"
}

// checkUser is the remedy for a refused user.
const checkUser = "check the user and password of storage.database, and pg_hba.conf"

// accessRemedy returns what to do if pg_hba.conf does not let the user in, which may depend on TLS. The server's message is in its own
// language, so it does not tell.
func accessRemedy(err error) string {
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		return checkUser
	}
	usesTLS := func(f *pgconn.FallbackConfig) bool { return f.TLSConfig != nil }
	if connect.Config.TLSConfig == nil && !slices.ContainsFunc(connect.Config.Fallbacks, usesTLS) {
		return checkUser + "; if that lets in only connections with TLS (hostssl), set sslmode=verify-full in storage.database"
	}
	return checkUser + "; if that asks for a client certificate (cert, clientcert), set sslcert and sslkey in storage.database to one for the user"
}

// withGrants adds a remedy to an error about missing rights.
func withGrants(err error, schema string) error {
	if code(err) == "42501" {
		return fmt.Errorf("%w; let the owner of the database run CREATE SCHEMA %s AUTHORIZATION with the user of storage.database", err, quoted(schema))
	}
	return err
}
