package config

import (
	"time"

	"gopkg.in/yaml.v3"

	"dora-exporter/internal/age"
)

// Backfill configures what is read of the time before the first start.
type Backfill struct {
	// Since is the time from which on it is read; zero for none.
	Since time.Time
}

func (d *decoder) backfill(to *Backfill) field {
	return d.section(fields{"since": d.date(&to.Since)})
}

// date reads a day, in UTC.
func (d *decoder) date(to *time.Time) field {
	return func(n *yaml.Node, path string) {
		at, err := age.ParseDate(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.fail(n, "%s is %s, must be a date: write one such as 2025-01-01", path, describe(n))
			return
		}
		*to = at
	}
}
