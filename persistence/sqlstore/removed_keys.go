package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash/crc64"

	"dora-exporter/dora"
)

// removedKey is the key of something that was removed: of a delivery, of a fact by its family, of a deployment, of an issue, of a
// deployment of which statuses were removed and nothing else was stored, or the scope that something was removed from.
type removedKey struct{ kind, key string }

// removedDelivery is the kind of a delivery's key. The others are families, dora.SubjectDeployment, dora.SubjectIncident and
// dora.SubjectStatus.
const removedDelivery = "delivery"

// removedScope is the kind of a scope of which deployments, or incidents that are evidence there, were removed.
const removedScope = "scope"

// removedName is the kind of the name of an issue, for explanations, and countedName that of an incident that counted.
const (
	removedName = "name"
	countedName = "counted name"
)

// hash returns the first half of a SHA-256, in which no two keys collide.
func (k removedKey) hash() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(k.kind)))
	sum := sha256.Sum256(append(append(b, k.kind...), k.key...))
	return sum[:16]
}

func hashSum(hash []byte) int64 { return int64(crc64.Checksum(hash, crcTable)) }

// addRemoved adds a key to removed_keys and to their sum.
func (t *tx) addRemoved(row *removalRow, key removedKey) error {
	hash := key.hash()
	n, err := t.exec("INSERT INTO removed_keys (hash) VALUES (?) ON CONFLICT DO NOTHING", hash)
	if err != nil {
		return err
	}
	if n == 1 {
		row.keys++
		row.keysSum += hashSum(hash)
	}
	t.writer.hasRemoved = true // also if the transaction is undone: then it costs a search
	return nil
}

// wasRemoved reports whether something was removed. It costs nothing while nothing was.
func (t *tx) wasRemoved(kind, key string) (bool, error) {
	if !t.writer.hasRemoved {
		return false, nil
	}
	return wasRemoved(t.query, kind, key)
}

func wasRemoved(query queryFunc, kind, key string) (known bool, err error) {
	err = query("SELECT 1 FROM removed_keys WHERE hash = ?", []any{removedKey{kind, key}.hash()}, func(Rows) error {
		known = true
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("look for the removed %s %s: %w", kind, key, err)
	}
	return known, nil
}

// IsRemoved reports whether a deployment or issue was removed, or statuses of a deployment.
func (t removalTx) IsRemoved(kind, key string) (bool, error) { return t.wasRemoved(kind, key) }

// RemovedDeployments returns the keys of the deployments with a number that were removed, on the servers with a repository that events
// have called by a name.
func (r *Reader) RemovedDeployments(ctx context.Context, owner, repository string, number int64) (keys []string, err error) {
	hosts, err := readAll(ctx, r, "the hosts of a repository", "SELECT DISTINCT host FROM repositories JOIN repository_names ON repository = key WHERE name = ? ORDER BY host",
		[]any{dora.RepositoryName(owner, repository)}, scanText)
	for _, host := range hosts {
		key := dora.DeploymentKey(host, number)
		known, err := wasRemoved(r.queryFunc(ctx), dora.SubjectDeployment, key)
		if err == nil && !known {
			known, err = wasRemoved(r.queryFunc(ctx), dora.SubjectStatus, key)
		}
		if err != nil {
			return nil, err
		}
		if known {
			keys = append(keys, key)
		}
	}
	return keys, err
}

// IsRemoved reports whether a deployment or issue was removed, or statuses of a deployment.
func (r *Reader) IsRemoved(ctx context.Context, kind, key string) (bool, error) {
	return wasRemoved(r.queryFunc(ctx), kind, key)
}

// RemovedIssue reports whether an issue of a name, such as INC-7, was removed, and whether it was an incident that counted.
func (r *Reader) RemovedIssue(ctx context.Context, name string) (removed, counted bool, err error) {
	if counted, err = wasRemoved(r.queryFunc(ctx), countedName, name); err != nil || counted {
		return counted, counted, err
	}
	removed, err = wasRemoved(r.queryFunc(ctx), removedName, name)
	return removed, false, err
}

// IsFactRemoved reports whether a fact was removed.
func (r *Reader) IsFactRemoved(ctx context.Context, family, subject string) (bool, error) {
	return wasRemoved(r.queryFunc(ctx), family, subject)
}

// checkRemoval looks for damage in what is known of what was removed: in the row of the table removal, and in all keys. It reads from a
// snapshot.
func (r *Reader) checkRemoval(ctx context.Context) error {
	row, err := readRemovalRow(r.path, r.queryFunc(ctx))
	if err != nil {
		return err
	}
	var keys, sum int64
	err = r.query(ctx, "SELECT hash FROM removed_keys", nil, func(rows Rows) error {
		var hash sql.RawBytes
		if err := rows.Scan(&hash); err != nil {
			return err
		}
		keys++
		sum += hashSum(hash)
		return nil
	})
	if err == nil && (keys != row.keys || sum != row.keysSum) {
		err = &CorruptError{Path: r.path, What: fmt.Sprintf("of %d keys of what was removed, %d are there, or some are damaged", row.keys, keys)}
	}
	return err
}
